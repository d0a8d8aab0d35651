"""The signed figures of an evidence pack: its sums are what two people signed, and what came later says why.

Standard library only, like the format.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from fridge_pipeline.finance.rules.evidence_format import ANNEX, DoesNotHoldError, table_path
from fridge_pipeline.finance.rules.evidence_rows import exactly, named_rows, number_in

SIGNOFFS, SIGNED_FIGURES = table_path("month_signoffs"), f"{ANNEX}/signed_figures.csv"

#: What the sign-off calls a figure, and what pack.json calls the same sum.
_SUMS = {
    "usage": "tie_out.usage_quantity",
    "stated": "tie_out.stated_quantity",
    "stripe": "tie_out.stripe_quantity",
}
_COLUMNS = ("meter", "signed_usage", "usage_now", "difference", "hours_changed", "cause")


@exactly()
def compare_with_signatures(signoffs: Iterable[str], control_totals: Mapping[str, Mapping[str, str]]) -> str:
    """Compares the pack's sums with those of the preparation that was approved; says whose they are.

    Raises ``DoesNotHoldError`` naming meter and both figures, or when nobody signed.
    """
    prepared, approved = _signatures(signoffs)
    signed = _signed_totals(prepared)
    for meter in sorted(signed.keys() | control_totals.keys()):
        for figure, name in _SUMS.items():
            wanted, found = signed.get(meter, {}).get(figure), control_totals.get(meter, {}).get(name)
            if wanted != (None if found is None else Decimal(found)):
                raise DoesNotHoldError(
                    f"{figure} of {meter} is {_shown(found)} in the pack, but {prepared['signed_by']} and "
                    f"{approved['signed_by']} signed {_shown(wanted)}: so {SIGNOFFS}. If its month was closed before "
                    "signed figures were kept by the hour, reopen it and close it again"
                )
    usage = ", ".join(f"{_shown(each.get('usage'))} {meter}" for meter, each in sorted(signed.items()))
    return (
        f"its figures are those that {prepared['signed_by']} prepared at {prepared['signed_at']} and "
        f"{approved['signed_by']} approved at {approved['signed_at']}: {usage or 'no usage'}"
    )


@exactly()
def compare_with_now(figures: Iterable[str]) -> str:
    """What the month had come to when the pack was made, beside what was signed; every difference has its cause."""
    changed: dict[str, tuple[Decimal, set[str]]] = {}
    for row in named_rows(SIGNED_FIGURES, figures, _COLUMNS):
        difference = _number(row, "usage_now") - _number(row, "signed_usage")
        if difference != _number(row, "difference") or bool(_number(row, "hours_changed")) != bool(row["cause"]):
            raise DoesNotHoldError(
                f"{SIGNED_FIGURES} says that {row['meter']} differs by {row['difference'] or 'nothing'} "
                f"(cause: {row['cause'] or 'none'}), but {row['usage_now'] or 'none'} less the signed "
                f"{row['signed_usage'] or 'none'} is {difference}"
            )
        if row["cause"]:
            before, causes = changed.get(row["meter"], (Decimal(0), set()))
            changed[row["meter"]] = before + difference, causes | set(row["cause"].split(", "))
    if not changed:
        return "nothing of it had changed when the pack was made"
    said = (f"{value:+} {meter} ({', '.join(sorted(causes))})" for meter, (value, causes) in sorted(changed.items()))
    return f"since it was signed, as the annex has it: {'; '.join(said)}"


def _signatures(lines: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The preparation and the approval that closed the month. Who signed is the login (law L15).

    They are the last two but for what was only asked: until somebody else reopens it, the month stays closed.
    """
    columns = ("action", "signed_by", "acted_by", "signed_at", "control_totals")
    acts = (row for row in named_rows(SIGNOFFS, lines, columns) if row["action"] != "ask_to_reopen")
    rows = deque(acts, maxlen=2)
    last = [row | {"signed_by": row["acted_by"] or row["signed_by"]} for row in rows]
    if [row["action"] for row in last] != ["prepare", "approve"]:
        said = ", ".join(row["action"] for row in last) or "nothing"
        raise DoesNotHoldError(f"the month is not closed: the last signatures in {SIGNOFFS} are {said}")
    return last[0], last[1]


def _signed_totals(prepared: Mapping[str, str]) -> dict[str, dict[str, Decimal]]:
    try:
        meters = json.loads(prepared["control_totals"])["meters"]
        return {
            meter: {name: number_in(str(said[name])) for name in _SUMS if said.get(name) is not None}
            for meter, said in meters.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation, RecursionError):
        raise DoesNotHoldError(
            f"{SIGNOFFS} does not say which figures {prepared['signed_by']} signed: {prepared['control_totals'][:100]}"
        ) from None


def _number(row: Mapping[str, str], column: str) -> Decimal:
    try:
        return number_in(row[column] or "0")
    except InvalidOperation:
        raise DoesNotHoldError(
            f"{SIGNED_FIGURES}: {column} of {row['meter']} is {row[column][:40]!r}, which is not a number"
        ) from None


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)
