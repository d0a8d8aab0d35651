from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.reconciliation.rules.causes import BookedHour, Cause, judge_hour, summed, worst
from fridge_pipeline.reconciliation.rules.side_by_side import Seen, days_with_unknown_hours, not_read, unmapped

NOW = datetime(2026, 1, 24, 18, 20, tzinfo=UTC)
HOUR = Hour(datetime(2026, 1, 22, 5, tzinfo=UTC))
LATELY, LONG_AGO = NOW - timedelta(hours=5, minutes=59), NOW - timedelta(hours=6)


def booked(
    usage: int | None,
    ledger: int | None,
    most: int | None = None,
    decided_at: datetime | None = LONG_AGO,
    customer: str | None = "cus_a",
    hour: Hour = HOUR,
    waiting: str | None = None,
    **flags: bool,
) -> BookedHour:
    most = most if most is not None else ledger or 0
    is_sent = flags.pop("is_sent", ledger is not None or most > 0)
    return BookedHour(hour, customer, usage, ledger, most, decided_at, waiting=waiting, is_sent=is_sent, **flags)


@pytest.mark.parametrize(
    ("case", "seen", "cause"),
    [
        (booked(5, 5), 5, None),
        (booked(None, None), 0, None),
        (booked(None, 0), 0, None),  # taken back: nothing and 0 are the same
        (booked(5, 5, is_refused=True), 5, None),
        # Stripe lacks what was accepted, or still shows what was before: lag, but only so long and only so much.
        (booked(5, 5, decided_at=LATELY), 0, Cause.LAGGING),
        (booked(5, 5, decided_at=LONG_AGO), 0, Cause.UNEXPLAINED),
        (booked(5, 5, most=9, decided_at=LATELY), 9, Cause.LAGGING),
        (booked(5, 5, most=9, decided_at=LATELY), 10, Cause.UNEXPLAINED),
        # The ledger has it and Stripe agrees: why was it not stated?
        (booked(5, 3), 3, Cause.IN_FLIGHT),
        (booked(5, None), 0, Cause.IN_FLIGHT),
        (booked(5, None, is_refused=True), 0, Cause.REFUSED),
        (booked(5, None, customer=None), 0, Cause.UNMAPPED),
        (booked(5, None, hour=HOUR.plus(-24 * 36)), 0, Cause.TOO_LATE),
        (booked(5, None, hour=HOUR.plus(-24 * 36), is_refused=True), 0, Cause.TOO_LATE),
        (booked(3, 5, is_credit_due=True), 5, Cause.CREDIT_DUE),
        (booked(5, 3, waiting="month_closed"), 3, Cause.MONTH_CLOSED),
        (booked(5, None, waiting="held_for_review"), 0, Cause.HELD_FOR_REVIEW),
        (booked(5, 3, waiting="month_closed"), 5, Cause.UNEXPLAINED),
        # Undecided: Stripe may show either, and the next delivery or reading decides.
        (booked(5, None, is_open=True), 5, Cause.IN_FLIGHT),
        (booked(5, None, is_open=True), 0, Cause.IN_FLIGHT),
        # A refused restatement leaves the revision before it in Stripe; on the books of whoever is to pay.
        (booked(9, None, most=5, is_refused=True), 5, Cause.REFUSED),
        (booked(9, None, most=5, is_refused=True), 6, Cause.UNEXPLAINED),
        (booked(None, None, most=5, is_refused=True), 5, Cause.UNEXPLAINED),
        # Nobody of us said it, whatever our usage waits for; but what we said and lost is another matter.
        (booked(None, None, decided_at=None), 4, Cause.NOT_STATED_BY_US),
        (booked(5, None, decided_at=None, waiting="held_for_review"), 4, Cause.NOT_STATED_BY_US),
        (booked(5, None, decided_at=None, waiting="held_for_review"), 5, Cause.NOT_STATED_BY_US),
        (booked(None, None, decided_at=None), -4, Cause.NOT_STATED_BY_US),
        (booked(None, None, decided_at=None, is_sent=True), 4, Cause.UNEXPLAINED),
    ],
)
def test_an_hour_is_explained_by_what_our_books_say_of_it_and_by_nothing_else(
    case: BookedHour, seen: int, cause: Cause | None
) -> None:
    assert judge_hour(case, Decimal(seen), NOW) is cause


def test_the_most_pressing_cause_stands_for_a_day() -> None:
    assert worst([None, Cause.IN_FLIGHT, Cause.UNEXPLAINED, Cause.LAGGING]) is Cause.UNEXPLAINED
    assert worst([Cause.IN_FLIGHT, Cause.UNMAPPED]) is Cause.UNMAPPED
    assert worst([None]) is None


def test_the_sum_of_nothing_is_nothing_and_not_zero() -> None:
    assert (summed([]), summed([None]), summed([None, 0]), summed([2, None, 3])) == (None, None, 0, 5)


def test_a_day_that_was_not_read_has_no_difference_and_one_without_a_customer_lacks_all_of_it() -> None:
    (day,) = not_read("cus_a", [booked(5, 5), booked(2, None)], "no reads left")
    assert (day.usage, day.ledger, day.stripe, day.difference, day.cause) == (7, 5, None, None, None)
    assert day.detail == "not read: no reads left"
    day, hour = unmapped([booked(5, None, customer=None)], NOW)
    assert [row.difference for row in (day, hour)] == [-5, -5]
    assert hour.cause is Cause.UNMAPPED


def test_a_day_is_read_by_the_hour_when_its_hours_came_to_something_else_and_unread_ones_when_asked_for() -> None:
    same, other, unread, gone, empty = (HOUR.plus(24 * step).start.date() for step in range(5))
    seen = Seen({day: Decimal(5) for day in (same, other, unread)} | {empty: Decimal(0)})
    known = {same: Decimal(5), other: Decimal(4), gone: Decimal(3)}
    assert days_with_unknown_hours(seen, known, unread=False) == [other, gone]
    assert days_with_unknown_hours(seen, known, unread=True) == [other, unread, gone]
