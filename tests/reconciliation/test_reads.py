"""What a reconciliation costs in reads, and what it says when there are no more of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fridge_pipeline.billing.open_stripe import NEVER_STATED
from fridge_pipeline.calendar.days import DayRange, consecutive, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Formula, Window
from fridge_pipeline.database.connection import Database
from fridge_pipeline.reconciliation.reconcile import reconcile_days
from tests.pipeline import Clock, Pipeline, gateway_to, readings
from tests.reconciliation.books import READINGS, SENSORS, Books
from tests.sandbox_process import SandboxProcess

USED_UP = "the reads that Stripe allows in a month are used up"


def thirty_days(books: Books) -> DayRange:
    """One used hour on each of thirty days."""
    hours = [books.first.plus(-24 * step) for step in range(30)]
    for hour in hours:
        books.pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    for hour in hours:
        books.pipeline.run(hour)
    return DayRange(day_of(hours[-1]), day_of(hours[0]))


@pytest.mark.prove
def test_thirty_days_in_agreement_cost_one_read_per_customer_and_meter(books: Books) -> None:
    days = thirty_days(books)
    report = books.reconcile(days)
    assert report.reads == books.summary_reads() == 2
    assert books.reconcile(days).reads == 2
    assert books.day_rows() == [(10, 10, 10, 0, None)] * 30
    assert books.pipeline.one("select sum(reads)::int from fridge.stripe_reads where purpose = 'reconciliation'") == 4


@pytest.mark.prove
def test_a_differing_day_among_thirty_costs_one_read_more_and_names_its_hour(books: Books) -> None:
    days = thirty_days(books)
    other = books.first.plus(1)
    books.pipeline.sandbox.faults({"kind": "swallow", "event_name": READINGS})
    books.use(other, 3)
    books.pipeline.clock.advance(hours=7)
    report = books.reconcile(days, reads_max=31)
    assert report.reads == books.summary_reads() == 3, "half of 31 is not enough for every hour of both meters"
    assert books.hour_rows() == [(other.key, 3, 3, 0, "unexplained")]
    assert Counter(cause for *_, cause in books.day_rows()) == {None: 29, "unexplained": 1}


def test_when_the_budget_is_used_up_the_rest_says_so_and_comes_first_next_time(books: Books) -> None:
    for tenant in ("albany", "troy"):
        books.pipeline.add_tenant(tenant)
    for tenant in ("albany", "cohoes", "troy"):
        books.use(books.first, 5, tenant=tenant, name=f"{tenant}.csv")
    report = books.reconcile(reads_max=4)
    assert (report.reads, report.customers_read) == (4, 4)
    assert report.customers_not_read == {USED_UP: 2}
    assert books.day_rows() == [(5, 5, 5, 0, None), (5, 5, 5, 0, None), (5, 5, None, None, None)]
    unread = books.pipeline.rows(
        "select tenant_id, detail, read_at from fridge.stripe_reconciliation where stripe_value is null"
    )
    assert unread == [("troy", f"not read: {USED_UP}", None)] * 2
    report = books.reconcile(reads_max=6)
    assert report.customers_not_read == {USED_UP: 4}
    assert books.day_rows() == [(5, 5, 5, 0, None)] * 3
    assert books.day_rows(SENSORS) == [(1, 1, 1, 0, None)] * 3


def test_reads_of_more_than_thirty_days_ago_no_longer_count(books: Books) -> None:
    books.use(books.first, 5)
    books.reconcile(reads_max=2)
    assert books.reconcile(reads_max=2).reads == 0
    books.pipeline.clock.advance(days=30, seconds=1)
    assert books.reconcile(reads_max=2).reads == 2


def test_an_earlier_reading_stays_where_there_is_no_newer_one(books: Books) -> None:
    books.use(books.first, 5)
    books.pipeline.sandbox.faults({"kind": "swallow", "event_name": READINGS})
    books.use(books.first.plus(1), 3)
    books.pipeline.clock.advance(hours=7)
    books.reconcile()
    found = books.day_rows(), books.hour_rows(), books.exceptions()
    assert books.reconcile(reads_max=0).customers_not_read == {USED_UP: 2}
    assert (books.day_rows(), books.hour_rows(), books.exceptions()) == found
    assert found[0] == [(8, 8, 5, -3, "unexplained")]


def test_a_customer_that_cannot_be_read_does_not_cost_the_others_their_result(books: Books) -> None:
    books.pipeline.add_tenant("albany")
    for tenant in ("albany", "cohoes"):
        books.use(books.first, 5, tenant=tenant, name=f"{tenant}.csv")
    books.pipeline.sandbox.faults(
        {
            "kind": "refuse",
            "endpoint": "/v1/billing/meters/{id}/event_summaries",
            "times": 1,
            "message": "No such customer",
        }
    )
    report = books.reconcile()
    assert (report.customers_read, sum(report.customers_not_read.values()), report.stopped) == (3, 1, None)
    (why,) = report.customers_not_read
    assert "No such customer" in why


def test_with_stripe_down_it_gives_up_after_one_read_and_writes_what_was_not_read(books: Books) -> None:
    books.use(books.first, 5)
    down, line = gateway_to("http://127.0.0.1:9"), books.pipeline
    down._meters = line.gateway.meters()
    report = reconcile_days(line.as_run(), lambda: down, books.days)
    assert report.reads == 1
    assert "is unreachable, reading summaries" in (report.stopped or "")
    assert books.day_rows() == [(5, 5, None, None, None)]


def test_while_nothing_was_ever_stated_stripe_is_not_even_opened(books: Books) -> None:
    line = books.pipeline
    line.land(books.first, "a.csv", readings("cohoes", books.first, 1, 5))
    line.load(books.first)
    line.count(books.first)

    def open_nothing() -> None:
        raise AssertionError

    report = reconcile_days(line.as_run(), open_nothing, books.days)  # type: ignore[arg-type]
    assert report.customers_not_read == {NEVER_STATED: 2}


@pytest.mark.parametrize("window", list(Window))
def test_a_meter_that_takes_the_last_hour_is_compared_by_the_hour(
    database: Database,
    stripe_sandbox: SandboxProcess,
    tmp_path: Path,
    clock: Clock,
    two_days_ago: datetime,
    window: Window,
) -> None:
    """Stripe's total of such a day is that of its last hour: days would differ where every hour agrees."""
    last = tuple(
        replace(meter, event_name=f"{meter.event_name}_{window}", formula=Formula.LAST, window=window)
        for meter in CATALOGUE
    )
    line = Pipeline(database, stripe_sandbox, tmp_path / "landing", tmp_path / "work", clock, catalogue=last)
    line.add_tenant("cohoes")
    books = Books(line, Hour(two_days_ago.replace(hour=5)))
    for step in range(3):
        books.use(books.first.plus(step), 5 + step)
    with database.connect() as connection:
        connection.execute("update fridge.usage set quantity = 7 where measure = 'inserted_count'")
        connection.execute("delete from fridge.counted_hours")  # else it would be a contradiction
    line.bill(books.first, books.first.plus(2))
    report = books.reconcile()
    assert report.reads == 2
    assert books.day_rows(last[0].event_name) == [(21, 21, 21, 0, None)]
    assert books.hour_rows(last[0].event_name) == []


@pytest.mark.parametrize(
    ("steps", "ranges"), [([], []), ([3], [(3, 3)]), ([5, 1, 2, 2], [(1, 2), (5, 5)]), ([2, 3, 4], [(2, 4)])]
)
def test_days_make_as_few_ranges_as_hold_exactly_them(steps: list[int], ranges: list[tuple[int, int]]) -> None:
    start = datetime(2026, 2, 27).date()  # noqa: DTZ001
    day = [start + timedelta(days=step) for step in range(9)]
    found = consecutive(day[step] for step in steps)
    assert found == [DayRange(day[first], day[last]) for first, last in ranges]
    assert [each.hours.count for each in found] == [24 * each.count for each in found]
