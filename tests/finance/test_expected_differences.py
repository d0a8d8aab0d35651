"""What is known and waits for somebody: it shows with its cause, only where it is, and fails a test only when it waits
too long."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fridge_pipeline.billing.collect_refusals import collect_refusals
from fridge_pipeline.billing.review import release_usage
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.finance.close_month import approve_month, ask_to_reopen, prepare_month, reopen_month
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.settings import MODELS_FOLDER
from tests.finance.books import READINGS, SENSORS, FinanceBooks, more_readings
from tests.people import signed_in
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

UNMAPPED = "select tenant_id, meter, quantity::int, waiting_since, bill_until, days_left from fridge.unmapped_usage"
GAPS = "select tenant_id, sensor_id, silent_from, silent_until, hours_silent, readings_per_hour_before::float"


def test_usage_of_an_unmapped_tenant_waits_with_the_days_that_are_left_and_is_billed_once_it_is_mapped(
    books: FinanceBooks,
) -> None:
    line, hour = books.pipeline, books.first
    line.land(hour, "b.csv", readings("nobody", hour, 2, 3))
    books.land_and_bill()
    books.look()
    left = (hour.start + timedelta(days=35) - books.now).days
    assert left in (32, 33)
    assert line.rows(f"{UNMAPPED} order by meter") == [
        ("nobody", SENSORS, 2, hour.end, hour.start + timedelta(days=35), left),
        ("nobody", READINGS, 6, hour.end, hour.start + timedelta(days=35), left),
    ]
    assert books.untied() == [
        ("nobody", SENSORS, hour.key, "explained", "unmapped", -2),
        ("nobody", READINGS, hour.key, "explained", "unmapped", -6),
    ]
    assert books.exceptions() == [("unmapped", "nobody", SENSORS), ("unmapped", "nobody", READINGS)]
    assert line.failing_tests() == set()
    line.add_tenant("nobody")
    line.bill(hour)
    books.look()
    assert (books.untied(), books.exceptions(), line.rows(UNMAPPED)) == ([], [], [])


def test_unmapped_usage_warns_in_its_last_week(books: FinanceBooks) -> None:
    books.land_and_bill()
    line = books.pipeline
    for days in (27, 30):
        hour = Hour.containing(books.now - timedelta(days=days))
        line.land(hour, "b.csv", readings("nobody", hour, 1, 3))
        line.run(hour)
        books.look()
        assert ("no_unmapped_usage_runs_out_of_time" in line.failing_tests()) is (days == 30)
    assert line.failing_tests() == {"no_unmapped_usage_runs_out_of_time"}
    assert line.rows("select distinct days_left from fridge.unmapped_usage order by days_left") == [(4,), (7,)]


def deliver_a_day(books: FinanceBooks) -> Hour:
    """27 hours of two sensors of cohoes, of which s1 stops after 14, one of troy, and one of albany that leaves."""
    line, first = books.pipeline, books.first
    for step in range(27):
        hour = first.plus(step)
        sensors = 2 if step < 14 or step == 26 else 1
        rows = readings("cohoes", hour, sensors, 4) + readings("troy", hour, 1, 4)
        line.land(hour, "a.csv", rows + (readings("albany", hour, 1, 4) if step < 11 else []))
    return first


def test_a_sensor_that_was_there_in_12_of_24_hours_and_stops_is_silent_until_it_is_back(books: FinanceBooks) -> None:
    """One that was there in 11 hours only, albany's, is not expected: that it stops says nothing."""
    line, first = books.pipeline, deliver_a_day(books)
    stops = first.plus(14)
    line.load(first, first.plus(25))
    line.run_models(first, first.plus(25))
    assert line.rows(f"{GAPS} from fridge.data_gaps") == [("cohoes", "s1", stops.start, None, 12, 4)]
    assert line.failing_tests() & {"no_expected_sensor_is_silent"} == {"no_expected_sensor_is_silent"}
    back = first.plus(26)
    line.load(back)
    line.run_models(back)
    assert line.rows(f"{GAPS} from fridge.data_gaps") == [("cohoes", "s1", stops.start, back.start, 12, 4)]
    assert line.failing_tests() & {"no_expected_sensor_is_silent"} == set()


def test_a_silent_sensor_makes_no_difference_in_the_tie_out(books: FinanceBooks) -> None:
    line, first = books.pipeline, deliver_a_day(books)
    line.clock.now = books.now - timedelta(hours=1)
    line.run(first, first.plus(25))
    books.look()
    assert books.untied() == []
    assert line.failing_tests() == {"no_expected_sensor_is_silent"}


def test_a_spike_is_held_for_review_and_its_tenant_alone_is_billed_less(books: FinanceBooks) -> None:
    line, first = books.pipeline, deliver_a_day(books)
    spiked = first.plus(25)
    line.land(spiked, "spike.csv", more_readings("troy", spiked, 200))
    line.clock.now = books.now - timedelta(hours=1)
    line.run(first, spiked)
    books.look()
    assert books.untied() == [("troy", READINGS, spiked.key, "explained", "held_for_review", -204)]
    assert books.differences() == [("troy", READINGS, "ledger", 204, None, -204, "held_for_review", True)]
    assert books.exceptions() == [("held_for_review", "troy", READINGS)]
    assert (READINGS, spiked.key) not in line.stripe_totals("troy")
    assert line.stripe_totals("cohoes")[READINGS, spiked.key] == 4
    assert line.failing_tests() == {"no_expected_sensor_is_silent"}
    release_usage(line.as_run(), "troy", spiked, READINGS, "Ada", "emptied its buffer")
    line.bill(spiked)
    books.look()
    assert (books.untied(), books.exceptions()) == ([], [])


def test_a_refused_hour_is_explained_as_refused(books: FinanceBooks) -> None:
    books.land()
    books.fault("albany", kind="refuse", message="No.")
    books.bill()
    books.look()
    ((*row, _, status, cause, amount),) = books.untied()
    assert (row, status, cause, amount) == (["albany", READINGS], "explained", "refused", -4)
    assert [kind for kind, *_ in books.exceptions()] == ["refused"]
    assert books.pipeline.failing_tests() == set()


def test_what_stripe_refuses_after_it_was_read_is_refused_and_stripe_has_to_be_read_again(books: FinanceBooks) -> None:
    books.land_and_bill()
    line, hour = books.pipeline, books.first
    line.sandbox.settings(report_seconds=0)
    books.fault("albany", kind="refuse_asynchronously")
    books.deliver_late(hour, more_readings("albany", hour, 3))
    line.clock.advance(minutes=5)
    books.reconcile()
    line.clock.advance(minutes=5)
    collect_refusals(line.database, lambda: line.gateway, line.catalogue, None, line.clock)
    books.run_models()
    seen = "select stated_quantity, stripe_quantity::int, cause, amount::int from fridge.tie_out where status <> 'tied'"
    assert line.rows(seen) == [(4, None, "customer_gone", -3)], "what was read before says nothing of now"
    books.look()
    assert [(stated, stripe) for stated, stripe, *_ in line.rows(seen)] == [(4, 4)]
    assert {cause for *_, cause, _ in books.differences()} == {"customer_gone"}
    assert line.failing_tests() == set()


def test_an_hour_that_is_too_old_for_stripe_is_explained_as_too_late(books: FinanceBooks) -> None:
    books.land_and_bill()
    old = Hour.containing(books.now - timedelta(days=37))
    books.deliver_late(old, readings("troy", old, 2, 3))
    books.pipeline.run_models(old)
    books.look()
    assert books.untied() == [
        ("troy", SENSORS, old.key, "explained", "too_late", -2),
        ("troy", READINGS, old.key, "explained", "too_late", -6),
    ]
    assert books.exceptions() == [("too_late", "troy", SENSORS), ("too_late", "troy", READINGS)]
    assert books.pipeline.failing_tests() == set()


@pytest.mark.parametrize(
    ("hours_ago", "failing"), [(1, set[str]()), (3, {"every_loaded_file_is_counted"})], ids=["just now", "long ago"]
)
def test_a_file_that_was_loaded_and_not_counted_says_so_and_for_over_two_hours_is_a_fault(
    books: FinanceBooks, hours_ago: int, failing: set[str]
) -> None:
    books.land_and_bill()
    books.pipeline.clock.now = books.now - timedelta(hours=hours_ago)
    books.pipeline.land(books.first, "late.csv", more_readings("troy", books.first, 2))
    books.pipeline.load(books.first)
    books.look()
    assert books.differences() == [("troy", READINGS, "usage", 17, 15, -2, "not_counted_yet", True)]
    assert books.pipeline.failing_tests() == failing
    books.pipeline.count(books.first)
    assert books.pipeline.failing_tests() & failing == set()


def test_a_late_file_restates_the_hour_of_its_tenant_and_says_which_file_it_was(books: FinanceBooks) -> None:
    books.land_and_bill()
    hour = books.first
    books.deliver_late(hour, more_readings("troy", hour, 2) + readings("cohoes", hour, 2, 5))
    books.look()
    late = f"late file: {hour.folder}/late.csv"
    assert books.restatements() == [("troy", READINGS, 2, 15, 17, 2, late, "gateway", "accepted")]
    assert books.pipeline.rows(
        "select file_rows, inserted, duplicates from fridge.tie_out"
        " where meter = %s and hour = %s and tenant_id <> %s order by tenant_id",
        READINGS,
        hour.start,
        "albany",
    ) == [(20, 10, 10), (17, 17, 0)]
    assert (books.untied(), books.pipeline.failing_tests()) == ([], set())


def test_a_withdrawn_file_restates_the_hour_and_says_who_withdrew_it_and_why(books: FinanceBooks) -> None:
    """Troy's late file came between the same two revisions; the withdrawn one had nothing of troy's."""
    line, hour = books.pipeline, books.first
    line.land(hour, "bench.csv", more_readings("cohoes", hour, 3))
    books.land_and_bill()
    withdraw(books, "bench.csv")
    books.deliver_late(hour, more_readings("troy", hour, 2))
    books.look()
    withdrawn, late = (f"{hour.folder}/{name}" for name in ("bench.csv", "late.csv"))
    assert books.restatements() == [
        ("cohoes", READINGS, 2, 13, 10, -3, f"withdrawn: {withdrawn} (test bench)", "fridge (Ada)", "accepted"),
        ("troy", READINGS, 2, 15, 17, 2, f"late file: {late}", "gateway", "accepted"),
    ]
    assert (books.untied(), line.failing_tests()) == ([], set())


def test_a_withdrawn_and_a_late_file_that_one_revision_takes_in_are_both_named(books: FinanceBooks) -> None:
    line, hour = books.pipeline, books.first
    line.land(hour, "bench.csv", more_readings("cohoes", hour, 3))
    books.land_and_bill()
    withdraw(books, "bench.csv")
    books.deliver_late(hour, more_readings("cohoes", hour, 5))
    books.look()
    reason = f"withdrawn: {hour.folder}/bench.csv (test bench); late file: {hour.folder}/late.csv"
    assert [row[6:8] for row in books.restatements()] == [(reason, "fridge (Ada), gateway")]


def test_a_cancelled_statement_is_not_said_to_agree_with_stripe_before_stripe_is_read_again(
    raw_books: FinanceBooks,
) -> None:
    line, hour = raw_books.pipeline, raw_books.first
    line.sandbox.set_clock(now=(raw_books.now - timedelta(hours=9)).timestamp())
    raw_books.land_and_bill()
    line.clock.advance(minutes=1)
    raw_books.reconcile()
    line.clock.advance(minutes=1)
    withdraw(raw_books, "a.csv")
    line.run(hour)
    raw_books.run_models()
    seen = "select distinct status, stripe_quantity from fridge.tie_out where hour = %s"
    assert line.rows(seen, hour.start) == [("not_read", None)]
    raw_books.look()
    assert raw_books.untied() == []


def test_a_change_after_the_close_of_its_month_waits_as_such_until_the_month_is_reopened(pipeline: Pipeline) -> None:
    """Another tenant of the same hour, and the hour of another month, stay as they are."""
    january, hour = Month.from_key("2026-01"), Hour.from_key("2026-01-31-20:00")
    pipeline.clock.now = datetime(2026, 2, 2, 8, tzinfo=UTC)
    pipeline.advance()
    books = FinanceBooks(pipeline, pipeline.clock.now)
    pipeline.add_tenant("cohoes")
    pipeline.add_tenant("troy")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 10) + readings("troy", hour, 1, 3))
    pipeline.run(hour)
    ada, grace = (signed_in(pipeline.database, login) for login in ("ada", "grace"))
    prepare_month(replace(pipeline.as_run(), database=ada), january, "Ada", MODELS_FOLDER, CLOSE_AFTER, "x")
    approve_month(grace, january, "Grace", pipeline.clock, CLOSE_AFTER)
    books.deliver_late(hour, more_readings("cohoes", hour, 5))
    pipeline.run_models(hour)
    untied = "select tenant_id, meter, status, cause, amount::int from fridge.tie_out where status <> 'not_read'"
    assert pipeline.rows(untied) == [("cohoes", READINGS, "explained", "month_closed", -5)]
    assert books.exceptions() == [("month_closed", "cohoes", READINGS)]
    assert books.restatements() == []
    assert pipeline.failing_tests() == set()
    ask_to_reopen(ada, january, "", "late file of gateway 7", pipeline.clock)
    reopen_month(grace, january, "", pipeline.clock)
    pipeline.bill(hour)
    assert pipeline.rows(untied) == books.exceptions() == []
    late = f"late file: {hour.folder}/late.csv"
    assert books.restatements() == [("cohoes", READINGS, 2, 20, 25, 5, late, "gateway", "accepted")]


def withdraw(books: FinanceBooks, name: str) -> None:
    """Withdraws a file of the first hour, a minute later."""
    line = books.pipeline
    line.clock.advance(minutes=1)
    path = f"{books.first.folder}/{name}"
    withdraw_file(line.database, LocalLanding(str(line.landing)), path, "test bench", "Ada", line.clock)
