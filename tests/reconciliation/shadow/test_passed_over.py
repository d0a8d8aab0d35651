"""Usage that was to be billed, and that a later billing start has passed over: told, and ended by a decision."""

from __future__ import annotations

from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.reason_terms import How
from tests.pipeline import CLOSE_AFTER, readings
from tests.reconciliation.shadow.conftest import Books

WHOLE = "select exception_id, detail from fridge.open_exceptions where kind = 'passed_over'"


def told(books: Books) -> list[str]:
    return [detail for _, detail in books.pipeline.rows(WHOLE)]


def sweep(books: Books) -> None:
    line = books.pipeline
    zone = LocalLanding(str(line.landing))
    grid = HourRange(books.first, Hour.containing(line.clock()))
    find_hours_to_bill(line.as_run(), zone, grid, CLOSE_AFTER, is_sweep=True)


def backlog(books: Books) -> None:
    """Hours that are billed from the first on; three of them are counted, and nothing of them is stated."""
    line = books.pipeline
    books.bill_from(books.first)
    books.land()
    line.load(books.first, books.first.plus(2))
    line.count(books.first, books.first.plus(2))
    line.clock.advance(minutes=1)


def test_a_start_that_passes_over_undelivered_hours_says_how_much_that_is_until_somebody_settles_it(
    books: Books,
) -> None:
    backlog(books)
    books.bill_from(books.last)
    (detail,) = told(books)
    assert detail.startswith("12 active_sensors of 2 tenants in 3 hours and 72 temperature_readings of 2 tenants in 3 ")
    assert f"from {books.first} to {books.first.plus(2)}, were to be billed until" in detail
    books.run()  # and so do files that were not even loaded when it moved
    sweep(books)
    (detail,) = told(books)
    assert f"140 temperature_readings of 2 tenants in 5 hours, from {books.first} to {books.first.plus(4)}" in detail
    assert not books.pipeline.rows("select 1 from fridge.meter_events where hour < %s", books.last.start)

    ((exception_id, _),) = books.pipeline.rows(WHOLE)
    settle_exceptions(books.pipeline.as_run(), [exception_id], Decision(How.WRITTEN_OFF, "a lost week"))
    books.pipeline.land(books.first, "late.csv", readings("cohoes", books.first, 1, 7, start=9))
    books.run()
    sweep(books)
    assert told(books) == []


def test_a_pause_tells_what_waited_and_is_over_once_these_hours_are_billed_after_all(books: Books) -> None:
    backlog(books)
    books.bill_from(None)
    assert "was set to never" in told(books)[0]
    books.bill_from(books.first.plus(1))
    (detail,) = told(books)
    assert "20 temperature_readings of 2 tenants in 1 hours" in detail
    books.bill_from(None)
    books.bill_from(books.first)
    sweep(books)
    assert told(books) == []
    books.run()
    assert len(books.posts()) == 24


def test_a_change_of_an_hour_that_was_billed_is_told_once_its_start_is_passed_over(books: Books) -> None:
    books.bill_from(books.first)
    books.land()
    books.run()
    books.pipeline.clock.advance(minutes=1)
    books.bill_from(books.last)
    assert told(books) == []
    books.pipeline.land(books.first, "late.csv", readings("cohoes", books.first, 1, 7, start=9))
    books.run()
    sweep(books)
    (detail,) = told(books)
    assert detail.startswith("1 active_sensors of 1 tenant in 1 hours and 7 temperature_readings of 1 tenant")


def test_a_takeover_from_shadow_mode_passes_nothing_over(books: Books) -> None:
    books.land()
    books.run()
    books.pipeline.clock.advance(minutes=1)
    books.bill_from(books.first.plus(3))
    books.run()
    books.bill_from(None)
    sweep(books)
    assert told(books) == []
