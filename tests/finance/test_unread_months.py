"""What was not read is not read: a month is closed over it only when somebody says why, and that is signed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from fridge_pipeline.calendar.days import DayRange, Month, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.finance.close_month import (
    TotalsChangedError,
    approve_month,
    prepare_month,
)
from fridge_pipeline.finance.month_totals import MonthNotReadyError
from fridge_pipeline.reconciliation.reconciliation_report import ReconciliationReport
from fridge_pipeline.reconciliation.rules.reading_plan import Reading
from fridge_pipeline.settings import MODELS_FOLDER
from fridge_pipeline.stripe.rules.limits import READS_MAX
from tests.console_script import Run
from tests.finance.books import READINGS, more_readings
from tests.people import signed_in
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

JANUARY = Month.from_key("2026-01")
HOUR = Hour.from_key("2026-01-30-20:00")


@pytest.fixture
def books(pipeline: Pipeline) -> Pipeline:
    """On 2 February: an hour of January that Stripe accepted and nobody has read; and a customer without usage."""
    pipeline.clock.now = datetime(2026, 2, 2, 8, tzinfo=UTC)
    pipeline.advance()
    for tenant in ("albany", "cohoes"):
        pipeline.add_tenant(tenant)
    pipeline.land(HOUR, "a.csv", readings("cohoes", HOUR, 1, 9))
    pipeline.run(HOUR)
    pipeline.clock.advance(hours=8)
    return pipeline


def read(books: Pipeline, reads_max: int = READS_MAX) -> ReconciliationReport:
    return books.reconcile(JANUARY.days, reads_max, Reading.UNREAD)


def prepare(books: Pipeline, accepted: str = "") -> Any:
    run = replace(books.as_run(), database=signed_in(books.database, "ada"))
    return prepare_month(run, JANUARY, "", MODELS_FOLDER, CLOSE_AFTER, accepted)


def approve(books: Pipeline) -> None:
    approve_month(signed_in(books.database, "grace"), JANUARY, "", books.clock, CLOSE_AFTER)


def test_a_month_that_was_never_read_is_not_closed_and_the_first_days_with_statements_are_named(
    books: Pipeline,
) -> None:
    refused = (
        r"124 days of customers were never compared with Stripe \(cohoes active_sensors 2026-01-30, cohoes "
        rf"{READINGS} 2026-01-30, albany active_sensors 2026-01-01, …\): read them: fridge reconcile --month 2026-01"
    )
    with pytest.raises(MonthNotReadyError, match=refused):
        prepare(books)


def test_what_close_reads_is_what_was_not_read_or_not_since_it_changed_and_then_nothing(books: Pipeline) -> None:
    report = read(books)
    assert (report.customers_read, report.without_usage_read, report.without_usage_not_read) == (2, 2, {})
    assert "not_compared" not in prepare(books)
    approve(books)
    assert read(books).reads == 0

    books.clock.advance(hours=1)
    assert books.one("select count(*) from fridge.unread_days('2026-01-01', '2026-01-31', %s)", [READINGS]) == 0
    late = HOUR.plus(24 * 3)
    books.land(late, "b.csv", readings("cohoes", late, 1, 3))
    books.run(late)
    assert read(books).reads == 0, "of another month"


def test_an_hour_that_was_stated_anew_is_read_again_and_no_other_account(books: Pipeline) -> None:
    read(books)
    books.clock.advance(minutes=1)
    books.land(HOUR, "late.csv", more_readings("cohoes", HOUR, 2))
    books.run(HOUR)
    with pytest.raises(MonthNotReadyError, match="fridge reconcile --from 2026-01-30 --to 2026-01-30"):
        prepare(books, "this is not for what has changed")
    books.clock.advance(hours=8)
    report = read(books)
    assert (report.customers_read, report.without_usage_read, report.reads) == (1, 0, 1)
    assert prepare(books)["meters"][READINGS]["stripe"] == 11


def test_with_a_reason_it_is_signed_as_not_compared_and_the_approver_signs_the_same(books: Pipeline) -> None:
    totals = prepare(books, "Stripe answers nobody since 1 February")
    assert totals["not_compared"] == {
        "customer_days": 124,
        "stated_days": 2,
        "accepted": "Stripe answers nobody since 1 February",
    }
    books.add_tenant("troy")
    with pytest.raises(TotalsChangedError, match="not_compared customer_days was 124 and is 186"):
        approve(books)
    prepare(books, "Stripe answers nobody since 1 February")
    approve(books)
    assert books.one("select status from fridge.month_status where usage_month = '2026-01-01'") == "closed"


def test_with_too_few_reads_the_rest_stays_unread_and_is_in_the_way(books: Pipeline) -> None:
    report = read(books, reads_max=3)
    assert (report.reads, report.without_usage_not_read.total()) == (3, 1)
    with pytest.raises(MonthNotReadyError, match=r"31 days of customers were never compared .*\(albany"):
        prepare(books)


def test_a_day_that_was_read_before_it_was_over_was_not_read(books: Pipeline) -> None:
    books.clock.now = HOUR.plus(1).start
    books.reconcile(DayRange(day_of(HOUR), day_of(HOUR)))
    unread = "select count(*)::int from fridge.unread_days('2026-01-30', '2026-01-30', %s) where not is_stated"
    assert books.one(unread, [READINGS]) == 1  # albany's; that of cohoes has a statement that was decided later


def test_close_reads_by_itself_and_reconcile_does_what_it_names(run: Run, books: Pipeline) -> None:
    prepared = run("close", "2026-01", "--as", "ada", "--json")
    assert (prepared.returncode, prepared.stderr) == (0, "")
    assert json.loads(prepared.stdout)["control_totals"]["meters"][READINGS]["stripe"] == 9
    books.sandbox.client().v1.billing.meter_events.create(
        {
            "event_name": READINGS,
            "payload": {"stripe_customer_id": books.customers["albany"], "value": "7777"},
            "timestamp": int(HOUR.start.timestamp()) + 1800,
        }
    )
    found = run("reconcile", "--month", "2026-02")  # of which the day of the hour is one that may change yet
    assert found.returncode == 1
    assert "7777 in Stripe (+7777): not_stated_by_us" in found.stdout
    assert "+7777 to the 0 that Stripe accepted" in run("explain", "albany", HOUR.key, "--read-stripe").stdout
    again = json.loads(run("reconcile", "--month", "2026-01", "--json").stdout)
    assert [(each["tenant_id"], each["difference"]) for each in again["unexplained"]] == [("albany", "7777")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--month", "2026-01", "--from", "2026-01-01", "--to", "2026-01-02"), "not both"),
        (("--from", "2026-01-01"), "belong together"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "lies before --from"),
        (("--month", "2099-01"), "2099-01 has not begun"),
    ],
)
def test_days_that_make_no_sense_are_a_usage_error(run: Run, arguments: tuple[str, ...], told: str) -> None:
    refused = run("reconcile", *arguments)
    assert (refused.returncode, told in refused.stderr) == (2, True)
