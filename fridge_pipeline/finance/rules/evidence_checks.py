"""The results of the data tests in an evidence pack: what must be true of the books, and whether it was.

Standard library only, like the format.
"""

from __future__ import annotations

from collections.abc import Iterable

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError, table_path
from fridge_pipeline.finance.rules.evidence_rows import rows_of_csv

#: The table of a pack that holds them.
CHECKS = "checks"

#: So many tests that did not hold are named.
NAMED_MAX = 100

CHECK_COLUMNS = ("model", "test", "says", "severity", "contradictions")


def checks_told(lines: Iterable[str]) -> str:
    """How many of the tests held, and the names of those that did not. Raises ``DoesNotHoldError``."""
    path = table_path(CHECKS)
    rows = rows_of_csv(path, lines)
    if tuple(columns := next(rows, [])) != CHECK_COLUMNS:
        raise DoesNotHoldError(f"{path} has the columns {', '.join(columns)}, not {', '.join(CHECK_COLUMNS)}")
    tests, failed = 0, 0
    named: list[str] = []
    for model, name, _, _, contradictions in rows:
        tests += 1
        if contradictions != "0":
            failed += 1
            if len(named) < NAMED_MAX:
                named.append(f"{model}.{name} ({contradictions} rows)")
    if not tests:
        raise DoesNotHoldError(f"{path} has no result of any data test")
    if not failed:
        return f"all {tests} data tests of the books held when it was made"
    more = f", and {failed - len(named)} more" if failed > len(named) else ""
    return f"{failed} of {tests} data tests of the books did not hold when it was made: {', '.join(named)}{more}"
