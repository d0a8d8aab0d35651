"""The results of the data tests in an evidence pack: what must be true of the books, and whether it was.

Standard library only, like the format.
"""

from __future__ import annotations

from collections.abc import Iterable

from fridge_pipeline.finance.rules.evidence_figures import rows_of_csv
from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError, table_path

#: The table of a pack that holds them.
CHECKS = "checks"

CHECK_COLUMNS = ("model", "test", "says", "severity", "contradictions")


def checks_told(lines: Iterable[str]) -> str:
    """How many of the tests held, and the names of those that did not. Raises ``DoesNotHoldError``."""
    path = table_path(CHECKS)
    rows = rows_of_csv(path, lines)
    if tuple(columns := next(rows, [])) != CHECK_COLUMNS:
        raise DoesNotHoldError(f"{path} has the columns {', '.join(columns)}, not {', '.join(CHECK_COLUMNS)}")
    tests = [(f"{model}.{name}", contradictions) for model, name, _, _, contradictions in rows]
    if not tests:
        raise DoesNotHoldError(f"{path} has no result of any data test")
    failed = [f"{name} ({contradictions} rows)" for name, contradictions in tests if contradictions != "0"]
    if not failed:
        return f"all {len(tests)} data tests of the books held when it was made"
    return f"{len(failed)} of {len(tests)} data tests of the books did not hold when it was made: {', '.join(failed)}"
