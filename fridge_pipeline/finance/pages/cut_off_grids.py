"""Cut-off as a reader sees it: grids of months for page and workbook, and the estimate in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.finance.rules.cut_off import (
    BASIS_MONTHS_MIN,
    MONTHS_BACK,
    CutOff,
    Estimate,
    NoEstimate,
    closed_months,
    cut_offs,
)
from fridge_pipeline.finance.rules.month_books import MonthBooks

TITLE = "Cut-off"
INTRO = (
    "Usage is billed in the month in which it arrives, whenever it was recorded. A sensor-hour is of the month of its "
    "newest reading. These figures are those of the books when this was made, also of a closed month."
)
NOT_ON_RECORD = "Not on record"
IN_ALL = "In all"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table whose columns are months, or so many months after; ``None`` in a cell: there can be nothing yet.

    ``meaning`` says what one row is. Cells are quantities, or shares from 0 to 1.
    """

    meaning: str
    first_heading: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int | float | None, ...]], ...]
    is_share: bool = False


@dataclass(frozen=True, slots=True)
class CutOffShown:
    """One meter's cut-off: how much of the month was recorded when, in words; the grids; the estimate, in words."""

    meter: str
    summary: str
    grids: tuple[Grid, ...]
    estimate: tuple[str, ...]


def shown_cut_offs(books: MonthBooks) -> list[CutOffShown]:
    """What page and workbook say about the cut-off of a month, a meter each."""
    found = cut_offs(books.usage_by_service_month, closed_months(books.stg_month_signoffs), books.month)
    return [
        CutOffShown(
            meter=each.meter,
            summary=_summary(each, books.month),
            grids=(_matrix(each, books.month), *_lateness(each), *_outstanding(each.estimate)),
            estimate=tuple(_estimate_in_words(each, books.month)),
        )
        for each in found
    ]


def _summary(cut_off: CutOff, month: Month) -> str:
    billed = month.first_day
    own: dict[date | None, int] = {}
    for (of, recorded), quantity in cut_off.quantities.items():
        if of == billed:
            own[recorded] = own.get(recorded, 0) + quantity
    known = {recorded: quantity for recorded, quantity in own.items() if recorded is not None}
    parts = [
        (f"recorded in {_name(billed)}", known.get(billed, 0)),
        ("recorded before", sum(quantity for recorded, quantity in known.items() if recorded < billed)),
    ]
    if ahead := sum(quantity for recorded, quantity in known.items() if recorded > billed):
        parts.append(("recorded in the first minutes after", ahead))
    if None in own:
        parts.append(("with no month on record", own[None]))
    told = ", ".join(f"{quantity:,} {of}" for of, quantity in parts)
    return f"{sum(own.values()):,} billed in {_name(billed)}: {told}."


def _matrix(cut_off: CutOff, month: Month) -> Grid:
    """Months recorded before the first one looked at stand together in one column."""
    oldest = _oldest(month)
    recorded = [each for each in cut_off.months_recorded if each is not None]
    earlier, columns = [each for each in recorded if each < oldest], [each for each in recorded if each >= oldest]
    groups: list[tuple[str, list[date | None]]] = [(f"Before {_key(oldest)}", [*earlier])] if earlier else []
    groups += [(_key(each), [each]) for each in columns]
    groups += [(NOT_ON_RECORD, [None])] if None in cut_off.months_recorded else []
    rows = []
    for billed in cut_off.months_billed:
        cells = [_sum([cut_off.quantities.get((billed, each)) for each in group]) for _, group in groups]
        rows.append((_key(billed), (*cells, cut_off.billed_in(billed))))
    return Grid(
        f"One row per month billed: in which months its {cut_off.meter} was recorded",
        "Billed in",
        (*(heading for heading, _ in groups), IN_ALL),
        tuple(rows),
    )


def _sum(quantities: list[int | None]) -> int | None:
    known = [each for each in quantities if each is not None]
    return sum(known) if known else None


def _lateness(cut_off: CutOff) -> Iterator[Grid]:
    months = cut_off.service_months
    lags = len(months[0].arrived) if months else 0
    if lags < 2:  # noqa: PLR2004 - of one month nothing can have come later
        return
    yield Grid(
        f"One row per service month: of its {cut_off.meter} that has arrived, the share that came so many months after",
        "Recorded in",
        tuple(_after(lag) for lag in range(lags)),
        tuple(
            (_key(each.month), (*map(_as_float, each.shares), *[None] * (lags - len(each.arrived)))) for each in months
        ),
        is_share=True,
    )


def _outstanding(estimate: Estimate) -> Iterator[Grid]:
    if estimate.parts:
        yield Grid(
            "One row per service month that is estimated: what has arrived, and what is expected to come",
            "Recorded in",
            ("Arrived", "Expected"),
            tuple((_key(part.month), (part.arrived, part.expected)) for part in estimate.parts),
        )


def _estimate_in_words(cut_off: CutOff, month: Month) -> Iterator[str]:
    estimate, name = cut_off.estimate, _name(month.first_day)
    match estimate.why_none:
        case NoEstimate.TOO_FEW_MONTHS:
            yield (
                f"No estimate: fewer than {BASIS_MONTHS_MIN} service months are closed together with the month after "
                f"them; there are {estimate.basis_months}."
            )
        case NoEstimate.NOT_ON_RECORD:
            yield (
                "No estimate: of some of this usage it is not on record when it was recorded. While its readings are "
                "stored, fridge sql run recorded_months --from HOUR --to HOUR finds out."
            )
        case NoEstimate.NOTHING_IN_TIME:
            yield f"No estimate: nothing recorded in {name} arrived in it, so there is nothing to go by."
        case None:
            yield (
                f"Estimate for accruals: about {estimate.quantity:,} {cut_off.meter} that were recorded up to the end "
                f"of {name} and had not arrived by then."
            )
            for step in estimate.steps:
                yield (
                    f"From {_after(step.months_after).lower()} to {_after(step.months_after + 1).lower()} what had "
                    f"arrived grew {float(step.factor):,.4f} times, in the {len(step.basis)} closed service months "
                    f"{_key(step.basis[0])} to {_key(step.basis[-1])}."
                )
            yield f"What comes more than {_months(len(estimate.steps))} after is not in it."
    if estimate.arrived_since is not None:
        last = _name(cut_off.months_billed[-1])
        yield f"Billed since then, up to {last}: {estimate.arrived_since:,} that were recorded in these months."


def _after(lag: int) -> str:
    return "In the month" if lag == 0 else f"{_months(lag)} after"


def _months(number: int) -> str:
    return f"{number} month" if number == 1 else f"{number} months"


def _as_float(share: Fraction | None) -> float | None:
    return None if share is None else float(share)


def _oldest(month: Month) -> date:
    first = month
    for _ in range(MONTHS_BACK):
        first = first.before
    return first.first_day


def _key(month: date) -> str:
    return Month(month).key


def _name(month: date) -> str:
    return f"{month:%B %Y}"
