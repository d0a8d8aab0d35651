"""Stripe's sums in an evidence pack: every hour of the tie-out shows exactly what Stripe answered.

Standard library only, like the format. Both tables are in the order of tenant, meter and hour, so that they are read
side by side, row by row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import groupby

from fridge_pipeline.finance.rules.evidence_figures import number_in, rows_of_csv
from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError, table_path

TIE_OUT, SUMS = table_path("tie_out"), table_path("stripe_sums")

#: Causes of a difference between Stripe and what was stated that are known, and no error (``reason_codes``). No other
#: cause explains one, whatever the tables call it.
EXPLAINED = frozenset({"lagging", "in_flight", "refused", "credit_due", "not_billed"})

#: So many hours that differ without such a cause are named.
SHOWN_MAX = 3

_KEY = ("tenant_id", "meter", "hour")
_COLUMNS = {
    TIE_OUT: (*_KEY, "stated_quantity", "stripe_quantity", "difference_in_stripe", "cause_in_stripe"),
    SUMS: (*_KEY, "stripe_customer_id", "quantity"),
}


@dataclass(slots=True)
class StripeComparison:
    """How many hours show a sum of Stripe, how many do not, and where that is not what was stated."""

    hours_read: int = 0
    hours_not_read: int = 0
    hours_differing: int = 0
    hours_unexplained: int = 0
    differences: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    unexplained: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    named: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = f"Stripe's sum of each of {self.hours_read} hours is what Stripe answered"
        said += f" ({self.hours_not_read} hours were not read)" if self.hours_not_read else ""
        if not self.hours_differing:
            return f"{said}, and what was stated"
        return (
            f"{said}; in {self.hours_differing} of them it is not what was stated: {_added(self.differences)} in all, "
            f"{self.hours_unexplained} hours unexplained"
        )

    def require_explained(self) -> None:
        """Raises ``DoesNotHoldError`` with the numbers when a difference has no known cause."""
        if self.hours_unexplained:
            more = self.hours_unexplained - len(self.named)
            raise DoesNotHoldError(
                f"Stripe's sums are not what was stated, and nothing explains {_added(self.unexplained)} in "
                f"{self.hours_unexplained} hours: {'; '.join(self.named)}{f'; and {more} more' if more else ''}"
            )


def compare_with_stripe(tie_out: Iterable[str], sums: Iterable[str]) -> StripeComparison:
    """Holds the lines of the two tables side by side. Raises ``DoesNotHoldError`` naming tenant, meter and hour."""
    found, totals = StripeComparison(), _totals(_rows(SUMS, sums))
    ahead = next(totals, None)
    for row in _rows(TIE_OUT, tie_out):
        answered = Decimal(0)
        if ahead is not None and ahead[0] == _key(row):
            answered, ahead = ahead[1], next(totals, None)
        if not row["stripe_quantity"]:
            found.hours_not_read += 1
            continue
        found.hours_read += 1
        _require_answered(row, answered)
        difference = answered - _number(row, "stated_quantity")
        if difference != _number(row, "difference_in_stripe") or (difference and not row["cause_in_stripe"]):
            raise DoesNotHoldError(
                f"{TIE_OUT} says that {_named(row)} differs by {row['difference_in_stripe'] or 'nothing'} in Stripe "
                f"(cause: {row['cause_in_stripe'] or 'none'}), but {answered} less what was stated is {difference}"
            )
        if difference:
            found.hours_differing += 1
            found.differences[row["meter"]] += difference
            if row["cause_in_stripe"] not in EXPLAINED:
                found.hours_unexplained += 1
                found.unexplained[row["meter"]] += difference
                if len(found.named) < SHOWN_MAX:
                    stated = row["stated_quantity"] or "nothing"
                    found.named.append(f"{_named(row)}: stated {stated}, Stripe {answered} ({row['cause_in_stripe']})")
    if ahead is not None:
        named = _named(dict(zip(_KEY, ahead[0], strict=True)))
        raise DoesNotHoldError(f"{SUMS} has a sum of {named}, and {TIE_OUT} has no such hour where it belongs")
    return found


def _added(by_meter: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{value:+} {meter}" for meter, value in sorted(by_meter.items()))


def _require_answered(row: Mapping[str, str], answered: Decimal) -> None:
    if _number(row, "stripe_quantity") != answered:
        raise DoesNotHoldError(
            f"{TIE_OUT} says that Stripe shows {row['stripe_quantity']} for {_named(row)}, but Stripe answered "
            f"{answered}: so {SUMS}"
        )


def _totals(rows: Iterator[dict[str, str]]) -> Iterator[tuple[tuple[str, ...], Decimal]]:
    """Each hour with a sum that is not 0: what each customer was read as last, added up."""
    for key, of_hour in groupby(rows, key=_key):
        newest = {row["stripe_customer_id"]: _number(row, "quantity") for row in of_hour}
        if total := sum(newest.values(), Decimal(0)):
            yield key, total


def _rows(path: str, lines: Iterable[str]) -> Iterator[dict[str, str]]:
    rows = rows_of_csv(path, lines)
    columns = next(rows, [])
    if missing := sorted(set(_COLUMNS[path]) - set(columns)):
        raise DoesNotHoldError(f"{path} has no column {', '.join(missing)}")
    where = {name: columns.index(name) for name in _COLUMNS[path]}
    for row in rows:
        yield {name: row[at] for name, at in where.items()}


def _key(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in _KEY)


def _named(row: Mapping[str, str]) -> str:
    return f"tenant {row['tenant_id']!r}, meter {row['meter']}, hour {row['hour']}"


def _number(row: Mapping[str, str], column: str) -> Decimal:
    """A quantity; nothing counts as 0 where it is compared with a sum."""
    try:
        return number_in(row[column] or "0")
    except InvalidOperation:
        raise DoesNotHoldError(f"{column} of {_named(row)} is {row[column][:40]!r}, which is not a number") from None
