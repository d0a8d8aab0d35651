"""Cut-off: when what is billed was recorded, and what has not arrived yet by how late earlier months came."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

import polars as pl

from fridge_pipeline.calendar.days import Month

#: What arrives between two months after a service month is estimated from so many service months at least, of which
#: both are closed.
BASIS_MONTHS_MIN = 3
#: So many months before the reported one are looked at.
MONTHS_BACK = 12


class NoEstimate(StrEnum):
    """Why nothing is estimated; a missing estimate is not one of zero."""

    TOO_FEW_MONTHS = "too_few_months"  # not enough service months with closed months behind them
    NOT_ON_RECORD = "not_on_record"  # of some of the usage nobody knows when it was recorded
    NOTHING_IN_TIME = "nothing_in_time"  # nothing of the month has arrived in it, so there is nothing to go by


@dataclass(frozen=True, slots=True)
class ServiceMonth:
    """What was recorded in a month, by when it arrived: in the month itself, one month after, and so on.

    Up to the reported month. What arrived earlier than the month, minutes before it began, counts as in time.
    """

    month: date
    arrived: tuple[int, ...]

    @property
    def shares(self) -> tuple[Fraction | None, ...]:
        """The same as shares of all that has arrived; ``None`` where nothing has."""
        total = sum(self.arrived)
        return tuple(Fraction(each, total) if total else None for each in self.arrived)


@dataclass(frozen=True, slots=True)
class Step:
    """By which factor a service month grows from so many months after to one more, and on which months that rests."""

    months_after: int
    factor: Fraction
    basis: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """Of a service month: what has arrived up to the end of the reported month, and what is expected to come."""

    month: date
    arrived: int
    expected: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was recorded up to the end of the reported month and will be billed later; in ``parts`` by service month.

    ``quantity`` is ``None`` where nothing can be estimated, and ``why_none`` says why. ``steps`` are as many months
    after as are estimated, and what that rests on; ``basis_months`` the service months that the first of them has.
    ``arrived_since`` is what came of the same months afterwards, ``None`` when no later month has been billed.
    """

    quantity: int | None
    why_none: NoEstimate | None
    parts: tuple[Expected, ...]
    steps: tuple[Step, ...]
    basis_months: int
    arrived_since: int | None


@dataclass(frozen=True, slots=True)
class CutOff:
    """A meter's usage by month billed and month recorded; ``None`` as month recorded: not on record."""

    meter: str
    quantities: Mapping[tuple[date, date | None], int]
    service_months: tuple[ServiceMonth, ...]
    estimate: Estimate

    @property
    def months_billed(self) -> list[date]:
        """In order."""
        return sorted({billed for billed, _ in self.quantities})

    @property
    def months_recorded(self) -> list[date | None]:
        """In order; not on record comes last."""
        recorded = {recorded for _, recorded in self.quantities}
        return [*sorted(month for month in recorded if month is not None), *([None] if None in recorded else [])]

    def billed_in(self, billed: date) -> int:
        """All that is billed in a month."""
        return sum(quantity for (month, _), quantity in self.quantities.items() if month == billed)


def cut_offs(service_months: pl.DataFrame, closed: Collection[date], month: Month) -> list[CutOff]:
    """Each meter's, over all tenants; ``service_months``: meter, month_billed, month_recorded, quantity.

    ``closed``: the months that two people have signed, first days. Months billed after the reported one are in the
    quantities, and no estimate rests on them: it stays what it was when the month ended.
    """
    summed = service_months.group_by("meter", "month_billed", "month_recorded").agg(pl.col("quantity").sum())
    by_meter: dict[str, dict[tuple[date, date | None], int]] = {}
    for meter, billed, recorded, quantity in summed.sort("meter", "month_billed", "month_recorded").iter_rows():
        by_meter.setdefault(meter, {})[billed, recorded] = quantity
    found = []
    for meter, quantities in by_meter.items():
        triangle = _service_months(quantities, month)
        estimate = _estimate(quantities, triangle, closed, month)
        found.append(CutOff(meter, quantities, triangle, estimate))
    return found


def closed_months(signoffs: pl.DataFrame) -> set[date]:
    """The months whose newest signature approves them; ``signoffs``: signoff_id, usage_month, action."""
    newest = signoffs.sort("signoff_id").group_by("usage_month").agg(pl.col("action").last())
    return set(newest.filter(pl.col("action") == "approve")["usage_month"])


def _service_months(quantities: Mapping[tuple[date, date | None], int], month: Month) -> tuple[ServiceMonth, ...]:
    """From the first month billed: what was recorded before it had begun to arrive when nobody counted."""
    first = min((billed for billed, _ in quantities), default=month.first_day)
    months = _months(first, month.first_day)
    arrived: dict[date, list[int]] = {each: [0] * (len(months) - at) for at, each in enumerate(months)}
    for (billed, recorded), quantity in quantities.items():
        if recorded is not None and billed <= month.first_day and first <= recorded <= month.first_day:
            arrived[recorded][max(_number(billed) - _number(recorded), 0)] += quantity
    return tuple(ServiceMonth(each, tuple(arrived[each])) for each in months)


def _estimate(
    quantities: Mapping[tuple[date, date | None], int],
    triangle: Sequence[ServiceMonth],
    closed: Collection[date],
    month: Month,
) -> Estimate:
    unknown = {billed for (billed, recorded), quantity in quantities.items() if recorded is None and quantity}
    basis = {each for each in closed if each not in unknown}
    steps = _steps(triangle, basis)
    looked_at = triangle[-len(steps) :] if steps else triangle[-1:]
    parts = tuple(_expected(each, steps) for each in reversed(looked_at))
    why_none = None
    if any(each.month in unknown for each in looked_at):
        why_none = NoEstimate.NOT_ON_RECORD
    elif not triangle or not triangle[-1].arrived[0]:
        why_none = NoEstimate.NOTHING_IN_TIME
    elif not steps:
        why_none = NoEstimate.TOO_FEW_MONTHS
    return Estimate(
        quantity=None if why_none else sum(part.expected for part in parts),
        why_none=why_none,
        parts=() if why_none else parts,
        steps=() if why_none else steps,
        basis_months=len(_basis(triangle, basis, 0)),
        arrived_since=_since(quantities, {each.month for each in looked_at}, month),
    )


def _basis(triangle: Sequence[ServiceMonth], closed: Collection[date], after: int) -> list[ServiceMonth]:
    """What a step after so many months rests on.

    Service months of which something had arrived by then, and of which all months billed, and the next, are closed.
    """
    months = [each.month for each in triangle]
    return [
        each
        for at, each in enumerate(triangle)
        if len(each.arrived) > after + 1
        and all(billed in closed for billed in months[at : at + after + 2])
        and sum(each.arrived[: after + 1]) > 0
    ]


def _steps(triangle: Sequence[ServiceMonth], closed: Collection[date]) -> tuple[Step, ...]:
    """As far as enough service months show it; later arrivals are not estimated."""
    steps: list[Step] = []
    for after in range(len(triangle)):
        basis = _basis(triangle, closed, after)
        if len(basis) < BASIS_MONTHS_MIN:
            break
        before, then = (sum(sum(each.arrived[:lags]) for each in basis) for lags in (after + 1, after + 2))
        steps.append(Step(after, Fraction(then, before), tuple(each.month for each in basis)))
    return tuple(steps)


def _expected(service_month: ServiceMonth, steps: Sequence[Step]) -> Expected:
    arrived, growth = sum(service_month.arrived), Fraction(1)
    for step in steps[len(service_month.arrived) - 1 :]:
        growth *= step.factor
    return Expected(service_month.month, arrived, int(arrived * (growth - 1) + Fraction(1, 2)))


def _since(quantities: Mapping[tuple[date, date | None], int], months: Collection[date], month: Month) -> int | None:
    later = [(recorded, quantity) for (billed, recorded), quantity in quantities.items() if billed > month.first_day]
    return sum(quantity for recorded, quantity in later if recorded in months) if later else None


def _number(month: date) -> int:
    return month.year * 12 + month.month


def _months(first: date, last: date) -> list[date]:
    """First days, both included."""
    return [date(each // 12, each % 12 + 1, 1) for each in range(_number(first) - 1, _number(last))]
