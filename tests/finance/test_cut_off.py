"""How late earlier months came says what of a month has not arrived yet, and never what nobody can know."""

from __future__ import annotations

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.finance.rules.cut_off import CutOff, NoEstimate, closed_months, cut_offs

FIRST = 2024 * 12  # January 2025
SCHEMA = {"meter": pl.String, "month_billed": pl.Date, "month_recorded": pl.Date, "quantity": pl.Int64}

Cell = tuple[int, int | None, int]


def day(number: int) -> date:
    return date((FIRST + number) // 12 + 1, (FIRST + number) % 12 + 1, 1)


def cut_off(cells: list[Cell], closed: int, month: int) -> CutOff:
    """Of cells (month billed, month recorded, quantity), when so many months from the first are closed."""
    rows = [("meter", day(billed), None if of is None else day(of), quantity) for billed, of, quantity in cells]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row").sample(fraction=1, shuffle=True, seed=len(rows))
    (found,) = cut_offs(frame, {day(each) for each in range(closed)}, Month(day(month)))
    return found


def late_months(sizes: list[int], pattern: list[int], *, last_billed: int) -> list[Cell]:
    """Service months of these sizes that all come as late, as far as it was billed by then."""
    return [
        (of + after, of, size * part)
        for of, size in enumerate(sizes)
        for after, part in enumerate(pattern)
        if part and of + after <= last_billed
    ]


@given(
    st.lists(st.integers(1, 10**9), min_size=9, max_size=13),
    st.lists(st.integers(0, 50), max_size=3),
    st.integers(1, 50),
)
def test_where_every_month_comes_as_late_as_the_others_the_estimate_is_what_comes_then(
    sizes: list[int], later: list[int], in_time: int
) -> None:
    month, pattern = len(sizes) - 1, [in_time, *later]
    cells = late_months(sizes, pattern, last_billed=month)
    outstanding = sum(
        size * part for of, size in enumerate(sizes) for after, part in enumerate(pattern) if of + after > month
    )
    found = cut_off(cells, closed=month, month=month).estimate
    assert (found.quantity, found.why_none, found.arrived_since) == (outstanding, None, None)
    known_later = cut_off(late_months(sizes, pattern, last_billed=month + 5), closed=month + 5, month=month).estimate
    assert known_later.quantity == outstanding
    assert known_later.arrived_since == (outstanding if any(later) else None)


@given(st.data())
def test_whatever_came_the_matrix_adds_up_and_no_estimate_is_made_of_too_few_closed_months(data: st.DataObject) -> None:
    months = st.integers(0, 12)
    cell = st.tuples(months, st.none() | months, st.integers(1, 10**12))
    cells = data.draw(st.lists(cell, min_size=1, max_size=40))
    closed, month = data.draw(st.integers(0, 13)), data.draw(months)
    found = cut_off(cells, closed, month)
    assert sum(found.quantities.values()) == sum(quantity for *_, quantity in cells)
    assert sum(found.billed_in(billed) for billed in found.months_billed) == sum(found.quantities.values())
    estimate = found.estimate
    assert (estimate.quantity is None) == (estimate.why_none is not None)
    if min(closed, month + 1) < 4:
        assert estimate.quantity is None
    if estimate.quantity is not None:
        assert estimate.quantity == sum(part.expected for part in estimate.parts) >= 0
        assert all(len(step.basis) >= 3 and step.factor >= 1 for step in estimate.steps)


def test_three_service_months_with_the_next_month_closed_are_enough_and_two_are_not() -> None:
    cells = late_months([100, 200, 300, 400, 500], [3, 1], last_billed=4)
    enough = cut_off(cells, closed=4, month=4).estimate
    assert [(part.month, part.arrived, part.expected) for part in enough.parts] == [(day(4), 1500, 500)]
    assert [step.basis for step in enough.steps] == [(day(0), day(1), day(2))]
    few = cut_off(cells, closed=3, month=4).estimate
    assert (few.quantity, few.why_none, few.basis_months) == (None, NoEstimate.TOO_FEW_MONTHS, 2)


def test_what_is_not_on_record_is_no_basis_and_nothing_in_time_is_not_an_estimate_of_zero() -> None:
    cells = late_months([100, 200, 300, 400, 500], [3, 1], last_billed=4)
    assert cut_off([*cells, (1, None, 7)], closed=4, month=4).estimate.why_none is NoEstimate.TOO_FEW_MONTHS
    assert cut_off([*cells, (4, None, 7)], closed=4, month=4).estimate.why_none is NoEstimate.NOT_ON_RECORD
    nothing_yet = [cell for cell in cells if cell[1] != 4]
    assert cut_off(nothing_yet, closed=4, month=4).estimate.why_none is NoEstimate.NOTHING_IN_TIME


def test_how_late_a_month_came_is_told_in_shares_of_what_has_arrived() -> None:
    found = cut_off(late_months([10, 20], [3, 1], last_billed=1), closed=0, month=1)
    assert [(each.month, each.arrived) for each in found.service_months] == [(day(0), (30, 10)), (day(1), (60,))]
    assert [str(share) for share in found.service_months[0].shares] == ["3/4", "1/4"]


def test_a_month_is_closed_when_its_newest_signature_approves_it() -> None:
    actions = [(1, 0, "prepare"), (2, 0, "approve"), (3, 1, "prepare"), (4, 1, "approve"), (5, 0, "reopen")]
    rows = {
        "signoff_id": [number for number, _, _ in actions],
        "usage_month": [day(month) for _, month, _ in actions],
        "action": [action for *_, action in actions],
    }
    assert closed_months(pl.DataFrame(rows)) == {day(1)}
