"""Whoever states usage for a customer of ours shows, also where we have none; and what reading every customer costs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.reconciliation.reconcile import LATER, USED_UP
from fridge_pipeline.reconciliation.reconciliation_report import ReconciliationReport
from fridge_pipeline.reconciliation.rules.reading_plan import (
    Accounts,
    RangeRead,
    Reading,
    is_due,
    plan_reads,
    range_to_read,
)
from fridge_pipeline.stripe.rules.limits import READS_MAX
from tests.reconciliation.books import READINGS, SENSORS, Books


@pytest.fixture
def other_books(books: Books) -> Books:
    """Cohoes has usage; albany has a customer, and no usage for as long as we know."""
    books.pipeline.add_tenant("albany")
    books.use(books.first, 5)
    return books


def state(books: Books, tenant: str, hour: Hour, value: int, event_name: str = READINGS) -> None:
    """Somebody else states usage for a tenant's customer."""
    books.pipeline.sandbox.client().v1.billing.meter_events.create(
        {
            "event_name": event_name,
            "payload": {"stripe_customer_id": books.pipeline.customers[tenant], "value": str(value)},
            "timestamp": int(hour.start.timestamp()) + 1800,
        }
    )


def in_the_tie_out(books: Books, tenant: str) -> list[tuple[Any, ...]]:
    books.pipeline.run_models(books.first)
    return books.pipeline.rows(
        "select usage_quantity, stated_quantity, stripe_quantity::int, amount::int, cause, status from fridge.tie_out"
        " where tenant_id = %s",
        tenant,
    )


def ranges(books: Books) -> list[tuple[Any, ...]]:
    return books.pipeline.rows(
        "select tenant_id, event_name, last_day - first_day + 1, quantity::int from fridge.stripe_range_reads"
        " order by range_read_id"
    )


def test_what_somebody_else_states_for_a_customer_without_usage_has_row_exception_and_quantity(
    other_books: Books,
) -> None:
    books, hour = other_books, other_books.first.plus(3)
    state(books, "albany", hour, 7_777)
    report = books.reconcile()
    assert (report.customers_read, report.without_usage_read, report.without_usage_not_read) == (2, 2, {})
    assert books.day_rows() == [(None, None, 7_777, 7_777, "not_stated_by_us"), (5, 5, 5, 0, None)]
    assert books.hour_rows() == [(hour.key, None, None, 7_777, "not_stated_by_us")]
    assert books.exceptions() == [("not_stated_by_us", hour.key, READINGS)]
    owed, detail = books.pipeline.rows("select owed, detail from fridge.exceptions")[0]
    assert owed == -7_777
    assert "Stripe shows 7777 temperature_readings of this hour, and we have stated nothing for it" in detail
    assert in_the_tie_out(books, "albany") == [(None, None, 7_777, 7_777, "not_stated_by_us", "unexplained")]
    assert books.pipeline.failing_tests() == {"nothing_is_unexplained"}
    assert books.pipeline.rows("select quantity::int from fridge.stripe_sums where tenant_id = 'albany'") == [(7_777,)]
    assert ranges(books) == [("albany", SENSORS, 35, 0), ("albany", READINGS, 35, 7_777)]


def test_it_ends_by_itself_once_stripe_shows_nothing_of_it(other_books: Books) -> None:
    books = other_books
    state(books, "albany", books.first, 7_777)
    books.reconcile()
    state(books, "albany", books.first, 0)  # on a meter with an hour window the newest counts
    books.pipeline.clock.advance(hours=1)
    books.reconcile()
    assert (books.exceptions(), books.hour_rows()) == ([], [])


def test_a_customer_with_usage_on_another_day_is_read_for_the_days_after_it(other_books: Books) -> None:
    books = other_books
    later = books.first.plus(24)
    books.use(later, 3, tenant="albany", name="b.csv")
    state(books, "cohoes", later, 7_777)
    report = books.reconcile(DayRange(day_of(later), day_of(later)))
    assert (report.customers_read, report.without_usage_read) == (2, 2)
    assert [row for row in ranges(books) if row[1] == READINGS] == [("cohoes", READINGS, 1, 7_777)]
    assert books.exceptions() == [("not_stated_by_us", later.key, READINGS)]


def test_a_tenants_new_customer_is_read_too(books: Books) -> None:
    books.use(books.first, 5)
    books.pipeline.add_tenant("cohoes")
    state(books, "cohoes", books.first, 7_777)
    books.reconcile()
    assert [row[-1] for row in books.hour_rows()] == ["not_stated_by_us"]


def test_what_a_customers_tenant_of_before_was_billed_was_stated_by_us(books: Books) -> None:
    """The one sum of who has the customer now reaches back to days that are not reconciled."""
    books.use(books.first, 5)
    customer = books.pipeline.customers["cohoes"]
    books.pipeline.add_tenant("cohoes")
    books.pipeline.add_tenant("troy", customer)
    state(books, "troy", books.first.plus(3), 7_777)
    later = day_of(books.first.plus(24))
    books.reconcile(DayRange(later, later))
    assert books.exceptions() == [("not_stated_by_us", books.first.plus(3).key, READINGS)]
    assert books.pipeline.one("select owed from fridge.exceptions") == -7_777
    books.pipeline.run_models(books.first)
    assert books.pipeline.failing_tests() == {"nothing_is_unexplained"}


def test_usage_before_the_billing_start_is_that_of_whoever_billed_it(other_books: Books) -> None:
    books = other_books
    books.pipeline.rows(
        "insert into fridge.billing_starts (bill_from, set_at) values (%s, %s) returning 1",
        books.first.start,
        books.pipeline.clock(),
    )
    state(books, "albany", books.first.plus(-1), 7_777)
    state(books, "albany", books.first.plus(-24), 6_666)
    books.reconcile()
    assert (books.exceptions(), {row[-1] for row in books.hour_rows()}) == ([], {"not_billed"})


def test_who_was_read_for_these_days_costs_nothing_more_and_a_morning_waits_a_week(other_books: Books) -> None:
    books = other_books
    assert (books.reconcile().reads, books.reconcile().reads) == (4, 2)
    yesterday = DayRange(books.days.last + timedelta(days=1), books.days.last + timedelta(days=1))
    morning = morning_of(books, yesterday)
    assert (morning.without_usage_read, morning.without_usage_not_read) == (2, {LATER: 2})  # cohoes: never read
    assert books.reconcile(yesterday).without_usage_read == 2
    assert ranges(books)[-1] == ("albany", READINGS, 35, 0)


def morning_of(books: Books, days: DayRange) -> ReconciliationReport:
    line = books.pipeline
    return line.reconcile(days, READS_MAX, Reading.SCHEDULED)


def test_with_few_reads_left_both_are_read_in_part_and_the_rest_is_said(other_books: Books) -> None:
    books = other_books
    for tenant in ("troy", "utica"):
        books.pipeline.add_tenant(tenant)
    report = books.reconcile(reads_max=3)
    assert (report.customers_read, report.without_usage_read, report.reads) == (2, 1, 3)
    assert (report.customers_not_read, report.without_usage_not_read) == ({}, {USED_UP: 5})
    assert str(report.plan) == (
        "3 of 3 reads that are left; 2 accounts with usage: every day, and by the hour where a day differs; "
        "6 without, 6 of them due: one read each"
    )


#: Customers of two meters, what 30 days hold, and after how many mornings each was read once.
@pytest.mark.parametrize(
    ("customers", "reads_max", "mornings"),
    [(100, 9_000, 1), (1_000, 9_000, 9), (20_000, 9_000, 178), (20_000, 100_000, 16)],
)
@pytest.mark.parametrize("share_with_usage", [0, 1])
def test_mornings_take_three_quarters_of_the_reads_and_come_round_in_bounded_time(
    customers: int, reads_max: int, mornings: int, share_with_usage: int
) -> None:
    reads: list[int] = []
    used, unused = 2 * customers * share_with_usage, 2 * customers * (1 - share_with_usage)
    while sum(reads) < used + unused:
        left = reads_max - sum(reads[-29:])
        plan = plan_reads(Accounts(used, unused, unused), 35, left, reads_max, Reading.SCHEDULED)
        reads.append(min(plan.allowed, used + unused - sum(reads)))
        assert sum(reads[-30:]) <= reads_max * 3 // 4
    assert len(reads) == mornings


@pytest.mark.parametrize(
    ("customers", "left", "reads"), [(1_000, READS_MAX, 2_000), (20_000, READS_MAX, 9_000), (20_000, 100_000, 40_000)]
)
def test_a_month_of_customers_without_usage_costs_a_read_for_each_meter_and_no_more_than_there_are(
    customers: int, left: int, reads: int
) -> None:
    plan = plan_reads(Accounts(0, 2 * customers, 2 * customers), 31, left, left, Reading.ASKED_FOR)
    assert (plan.kept, plan.allowed) == (reads, left)


def test_customers_without_usage_never_take_more_than_a_quarter_from_those_with() -> None:
    plan = plan_reads(Accounts(with_usage=8_000, without_usage=40_000, due=40_000), 31, 8_000, 9_000, Reading.ASKED_FOR)
    assert (plan.kept, plan.unread_hours) == (2_000, False)
    assert plan_reads(Accounts(200, 40_000, 40_000), 1, 8_000, 9_000, Reading.ASKED_FOR).kept == 7_800
    assert plan_reads(Accounts(200, 40_000, 40_000), 1, -5, 9_000, Reading.SCHEDULED).allowed == 0


def test_one_sum_covers_the_days_that_may_change_yet_but_none_with_usage() -> None:
    day = datetime(2026, 2, 10).date()  # noqa: DTZ001
    days = DayRange(day, day)
    assert range_to_read(days, None) == DayRange(day - timedelta(days=34), day)
    assert range_to_read(days, day - timedelta(days=3)) == DayRange(day - timedelta(days=2), day)
    month = DayRange(day - timedelta(days=60), day)
    assert range_to_read(month, None) == month


def test_what_was_read_before_a_day_was_over_was_not_read_for_it() -> None:
    day = datetime(2026, 2, 10).date()  # noqa: DTZ001
    days = DayRange(day, day)
    over_at = days.hours.last.end
    before, after = RangeRead(days, over_at - timedelta(seconds=1)), RangeRead(days, over_at)
    in_a_day, in_a_week = over_at + timedelta(days=1), over_at + timedelta(days=7)
    assert [is_due(days, newest, in_a_week, Reading.SCHEDULED) for newest in (None, before, after)] == [
        True,
        True,
        False,
    ]
    assert not is_due(days, before, in_a_day, Reading.SCHEDULED)
    assert is_due(days, before, in_a_day, Reading.ASKED_FOR)
