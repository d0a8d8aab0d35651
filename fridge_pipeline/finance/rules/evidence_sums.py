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
from operator import itemgetter

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError, table_path
from fridge_pipeline.finance.rules.evidence_rows import exactly, number_in, rows_of_csv

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

#: A row of one of the two tables, with the columns above.
Row = tuple[str, ...]


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


@exactly()
def compare_with_stripe(tie_out: Iterable[str], sums: Iterable[str]) -> StripeComparison:
    """Holds the texts of the two tables side by side. Raises ``DoesNotHoldError`` naming tenant, meter and hour."""
    found, totals = StripeComparison(), _totals(_rows(SUMS, sums))
    ahead = next(totals, None)
    for row in _rows(TIE_OUT, tie_out):
        answered: str | Decimal = ""
        if ahead is not None and ahead[0] == row[:3]:
            answered, ahead = ahead[1], next(totals, None)
        *_, stated, stripe, said, cause = row
        if not stripe:
            found.hours_not_read += 1
            continue
        found.hours_read += 1
        if answered != stripe or stripe != stated or said != "0" or cause:
            _compare(found, row, answered if isinstance(answered, Decimal) else _number(row, answered, "quantity"))
    if ahead is not None:
        raise DoesNotHoldError(
            f"{SUMS} has a sum of {_named(ahead[0])}, and {TIE_OUT} has no such hour where it belongs"
        )
    return found


def _compare(found: StripeComparison, row: Row, answered: Decimal) -> None:
    """An hour of which the two tables do not say the very same."""
    _, meter, _, stated, stripe, said, cause = row
    if _number(row, stripe, "stripe_quantity") != answered:
        raise DoesNotHoldError(
            f"{TIE_OUT} says that Stripe shows {stripe} for {_named(row)}, but Stripe answered {answered}: so {SUMS}"
        )
    difference = answered - _number(row, stated, "stated_quantity")
    if difference != _number(row, said, "difference_in_stripe") or (difference and not cause):
        raise DoesNotHoldError(
            f"{TIE_OUT} says that {_named(row)} differs by {said or 'nothing'} in Stripe "
            f"(cause: {cause or 'none'}), but {answered} less what was stated is {difference}"
        )
    if difference:
        found.hours_differing += 1
        found.differences[meter] += difference
        if cause not in EXPLAINED:
            found.hours_unexplained += 1
            found.unexplained[meter] += difference
            if len(found.named) < SHOWN_MAX:
                found.named.append(f"{_named(row)}: stated {stated or 'nothing'}, Stripe {answered} ({cause})")


def _added(by_meter: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{value:+} {meter}" for meter, value in sorted(by_meter.items()))


def _totals(rows: Iterator[Row]) -> Iterator[tuple[Row, str | Decimal]]:
    """Each hour with a sum that is not 0: what each customer was read as last, added up; the only one as it stands."""
    for key, of_hour in groupby(rows, key=itemgetter(0, 1, 2)):
        first, *more = of_hour
        if not more and first[4].isdecimal() and first[4] != "0":
            yield key, first[4]
            continue
        newest = {row[3]: _number(row, row[4], "quantity") for row in (first, *more)}
        if total := sum(newest.values(), Decimal(0)):
            yield key, total


def _rows(path: str, pieces: Iterable[str]) -> Iterator[Row]:
    rows = rows_of_csv(path, pieces)
    columns = next(rows, [])
    if missing := sorted(set(_COLUMNS[path]) - set(columns)):
        raise DoesNotHoldError(f"{path} has no column {', '.join(missing)}")
    return map(itemgetter(*(columns.index(name) for name in _COLUMNS[path])), rows)


def _named(row: Row) -> str:
    tenant, meter, hour, *_ = row
    return f"tenant {tenant!r}, meter {meter}, hour {hour}"


def _number(row: Row, text: str, column: str) -> Decimal:
    """A quantity; nothing counts as 0 where it is compared with a sum."""
    try:
        return number_in(text or "0")
    except InvalidOperation:
        raise DoesNotHoldError(f"{column} of {_named(row)} is {text[:40]!r}, which is not a number") from None
