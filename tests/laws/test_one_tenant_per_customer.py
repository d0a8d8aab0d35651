"""For a customer, meter and hour the statements of one tenant at most count; whatever a second one has waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
import pytest

from fridge_pipeline.billing import ledger
from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Formula, Meter, Window
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.stripe.rules.meter_event import MeterEvent
from tests.pipeline import Pipeline, ProcessDied, dies_after, readings

READINGS = "temperature_readings"
OLD, NEW = "cold-one", "cold-one-eu"
RAW_SUM = Meter("raw_sum", "Raw", CATALOGUE[0].measure, Formula.SUM, Window.NONE)


def customers_are(pipeline: Pipeline, customers: Mapping[str, str | None]) -> None:
    """What an import comes to: these tenants have these customers now, and keep no other."""
    with pipeline.database.connect() as connection, connection.transaction():
        connection.execute(
            "update fridge.tenants set stripe_customer_id = null"
            " where stripe_customer_id = any(%s) or tenant_id = any(%s)",
            [[customer for customer in customers.values() if customer], list(customers)],
        )
        for tenant, customer in customers.items():
            connection.execute(
                "insert into fridge.tenants (tenant_id, stripe_customer_id) values (%s, %s)"
                " on conflict (tenant_id) do update set stripe_customer_id = excluded.stripe_customer_id",
                [tenant, customer],
            )
    pipeline.customers |= {tenant: customer for tenant, customer in customers.items() if customer}


def waiting(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    """(kind, tenant, what the detail begins with) of the open exceptions about readings."""
    found = pipeline.rows(
        "select kind, tenant_id, detail from fridge.exceptions where closed_at is null and subject = %s"
        " order by tenant_id, kind",
        READINGS,
    )
    return [(kind, tenant, detail.partition(":")[0]) for kind, tenant, detail in found]


def reconcile(pipeline: Pipeline, hour: Hour) -> dict[str, tuple[int | None, int | None, int, str | None]]:
    """Tenant → (usage, ledger, Stripe, cause) of the day of an hour, of readings, once summaries have settled."""
    pipeline.clock.advance(hours=7)
    day = DayRange(day_of(hour), day_of(hour))
    pipeline.reconcile(day)
    rows = pipeline.rows(
        "select tenant_id, usage_value, ledger_value, stripe_value::int, cause from fridge.stripe_reconciliation"
        " where hour is null and event_name = %s and stripe_customer_id is not null",
        READINGS,
    )
    return {tenant: tuple(rest) for tenant, *rest in rows}


@pytest.fixture
def hour(pipeline: Pipeline, two_days_ago: datetime) -> Hour:
    """An hour in which both ids deliver ten readings; the old one's are billed, and then its customer is handed on."""
    hour = Hour(two_days_ago)
    customer = pipeline.add_tenant(OLD)
    pipeline.land(hour, "old.csv", readings(OLD, hour, 1, 10))
    pipeline.land(hour, "new.csv", readings(NEW, hour, 1, 10))
    pipeline.run(hour)
    customers_are(pipeline, {OLD: None, NEW: customer})
    pipeline.run(hour)
    return hour


def test_a_tenant_that_gets_a_customer_whose_hour_is_billed_to_another_waits_and_both_are_named(
    pipeline: Pipeline, hour: Hour
) -> None:
    assert waiting(pipeline) == [("customer_taken", NEW, f"10 {READINGS}")]
    detail = pipeline.one(
        "select detail from fridge.exceptions where kind = 'customer_taken' and subject = %s", READINGS
    )
    assert repr(OLD) in detail
    assert repr(NEW) in detail
    assert "Add an invoice item for 10" in detail
    assert pipeline.stripe_totals(NEW)[READINGS, hour.key] == 10
    assert pipeline.one("select sum(value) from fridge.meter_events where event_name = %s", READINGS) == 10


def test_the_one_sum_of_a_shared_customer_is_compared_with_one_tenant_and_the_totals_add_up(
    pipeline: Pipeline, hour: Hour
) -> None:
    other = hour.plus(1 if hour.start.hour < 23 else -1)  # of the same day
    pipeline.land(other, "new.csv", readings(NEW, other, 1, 7))
    pipeline.run(other)
    assert reconcile(pipeline, hour) == {
        OLD: (10, 10, 10, None),
        NEW: (17, 7, 7, "customer_taken"),
    }
    pipeline.run_models(*sorted((hour, other)))
    totals = pipeline.rows(
        "select tenant_id, sum(usage_quantity)::int, sum(stated_quantity)::int, sum(stripe_quantity)::int"
        " from fridge.tie_out where meter = %s group by tenant_id order by tenant_id",
        READINGS,
    )
    assert totals == [(OLD, 10, 10, 10), (NEW, 17, 7, 7)]
    assert (
        pipeline.one(
            "select cause from fridge.tie_out where tenant_id = %s and hour = %s and meter = %s",
            NEW,
            hour.start,
            READINGS,
        )
        == "customer_taken"
    )
    assert pipeline.failing_tests() == set()


def test_a_late_file_of_the_tenant_that_has_the_hour_is_stated_and_the_other_goes_on_waiting(
    pipeline: Pipeline, hour: Hour
) -> None:
    pipeline.land(hour, "late.csv", readings(OLD, hour, 1, 4, start=5))
    pipeline.run(hour)
    assert pipeline.stripe_totals(NEW)[READINGS, hour.key] == 14
    assert waiting(pipeline) == [("customer_taken", NEW, f"10 {READINGS}")]


def test_once_the_first_tenants_files_are_withdrawn_the_second_is_billed(pipeline: Pipeline, hour: Hour) -> None:
    zone = LocalLanding(str(pipeline.landing))
    withdraw_file(pipeline.database, zone, f"{hour.folder}/old.csv", "the old id", "ada", pipeline.clock)
    pipeline.run(hour)  # states a total of 0
    assert pipeline.stripe_totals(NEW)[READINGS, hour.key] == 0
    assert hour in pipeline.swept()
    pipeline.run(hour)
    assert pipeline.stripe_totals(NEW)[READINGS, hour.key] == 10
    assert waiting(pipeline) == []
    assert reconcile(pipeline, hour) == {OLD: (None, 0, 0, None), NEW: (10, 10, 10, None)}


def test_of_two_tenants_that_may_both_have_a_customers_hour_one_is_billed_and_the_other_waits(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """All of the first one's was taken back, so nobody has the hour; then both have usage of it at once."""
    hour = Hour(two_days_ago)
    pipeline = replace(pipeline, catalogue=(RAW_SUM,))
    customer = pipeline.add_tenant(OLD)
    pipeline.advance()
    pipeline.land(hour, "old.csv", readings(OLD, hour, 1, 10))
    pipeline.run(hour)
    zone = LocalLanding(str(pipeline.landing))
    withdraw_file(pipeline.database, zone, f"{hour.folder}/old.csv", "a test bench", "ada", pipeline.clock)
    for _ in range(3):
        pipeline.run(hour)
    assert pipeline.stripe_totals(OLD).get((RAW_SUM.event_name, hour.key), 0) == 0
    customers_are(pipeline, {OLD: None, NEW: customer})
    late = readings(OLD, hour, 3, 9)
    pipeline.land(hour, "both.csv", late + readings(NEW, hour, 1, 6))
    pipeline.run(hour)
    pipeline.run(hour)
    usage = dict(pipeline.rows("select tenant_id, inserted_count from fridge.inserted_counts order by tenant_id"))
    (waits,) = pipeline.rows("select tenant_id from fridge.open_exceptions where kind = 'customer_taken'")
    billed = {OLD: NEW, NEW: OLD}[waits[0]]
    assert pipeline.stripe_totals(NEW)[RAW_SUM.event_name, hour.key] == usage[billed] > 0


def test_a_customer_of_its_own_ends_the_waiting(pipeline: Pipeline, hour: Hour) -> None:
    assert hour not in pipeline.swept()
    pipeline.add_tenant(NEW)
    assert hour in pipeline.swept()
    pipeline.run(hour)
    assert waiting(pipeline) == []
    assert pipeline.stripe_totals(NEW)[READINGS, hour.key] == 10
    assert pipeline.stripe_totals(OLD)[READINGS, hour.key] == 10


def test_a_statement_that_was_never_sent_is_taken_back_when_its_customer_is_handed_on(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    customer = pipeline.add_tenant(OLD)
    pipeline.land(hour, "old.csv", readings(OLD, hour, 1, 10))
    pipeline.land(hour, "new.csv", readings(NEW, hour, 1, 6))
    pipeline.load(hour)
    pipeline.count(hour)
    with pytest.raises(ProcessDied):
        pipeline.bill(hour, at_failpoint=dies_after(Failpoint.STAGED))
    customers_are(pipeline, {OLD: None, NEW: customer})
    pipeline.bill(hour)
    pipeline.bill(hour)
    assert pipeline.stripe_totals(NEW)[READINGS, hour.key] == 6
    assert waiting(pipeline) == [("unmapped", OLD, f"10 {READINGS}")]


def test_tenants_that_swap_their_customers_keep_their_hours(pipeline: Pipeline, two_days_ago: datetime) -> None:
    hour = Hour(two_days_ago)
    first, second = pipeline.add_tenant(OLD), pipeline.add_tenant(NEW)
    pipeline.land(hour, "a.csv", readings(OLD, hour, 1, 3) + readings(NEW, hour, 1, 5))
    pipeline.run(hour)
    customers_are(pipeline, {OLD: second, NEW: first})
    later = hour.plus(1)
    pipeline.land(hour, "late.csv", readings(OLD, hour, 1, 2, start=7))
    pipeline.land(later, "b.csv", readings(OLD, later, 1, 4))
    pipeline.run(hour, later)
    assert waiting(pipeline) == []
    pipeline.customers = {"first": first, "second": second}
    assert pipeline.stripe_totals("first") == {
        (READINGS, hour.key): 5,
        ("active_sensors", hour.key): 2,
    }
    assert pipeline.stripe_totals("second")[READINGS, hour.key] == 5
    assert pipeline.stripe_totals("second")[READINGS, later.key] == 4


@pytest.mark.parametrize("formula", [Formula.SUM, Formula.LAST])
def test_on_a_raw_meter_the_second_tenant_waits_too_and_stripes_sum_is_read_once(
    pipeline: Pipeline, two_days_ago: datetime, formula: Formula
) -> None:
    hour = Hour(two_days_ago)
    meter = Meter(f"raw_{formula.value}", "Raw", CATALOGUE[0].measure, formula, Window.NONE)
    pipeline = replace(pipeline, catalogue=(meter,))
    customer = pipeline.add_tenant(OLD)
    pipeline.land(hour, "a.csv", readings(OLD, hour, 1, 10) + readings(NEW, hour, 1, 10))
    pipeline.run(hour)
    customers_are(pipeline, {OLD: None, NEW: customer})
    pipeline.run(hour)
    assert pipeline.stripe_totals(NEW)[meter.event_name, hour.key] == 10
    assert pipeline.rows("select kind, tenant_id from fridge.exceptions where closed_at is null") == [
        ("customer_taken", NEW)
    ]


@pytest.mark.parametrize("hours_later", [1, 30])
def test_a_raw_meter_gives_way_to_the_second_tenant_only_while_stripe_cancels_what_it_was_sent(
    pipeline: Pipeline, two_days_ago: datetime, hours_later: int
) -> None:
    hour = Hour(two_days_ago)
    pipeline = replace(pipeline, catalogue=(RAW_SUM,))
    customer = pipeline.add_tenant(OLD)
    pipeline.advance()
    pipeline.land(hour, "old.csv", readings(OLD, hour, 1, 10))
    pipeline.land(hour, "new.csv", readings(NEW, hour, 1, 6))
    pipeline.run(hour)
    customers_are(pipeline, {OLD: None, NEW: customer})
    pipeline.run(hour)
    assert "within 20 hours of being sent" in pipeline.one("select detail from fridge.open_exceptions")
    pipeline.advance(hours=hours_later)
    zone = LocalLanding(str(pipeline.landing))
    withdraw_file(pipeline.database, zone, f"{hour.folder}/old.csv", "the old id", "ada", pipeline.clock)
    for _ in range(3):
        pipeline.run(hour)
    open_now = pipeline.rows("select kind, tenant_id from fridge.open_exceptions order by kind")
    if hours_later > 20:
        assert open_now == [("credit_due", OLD), ("customer_taken", NEW)]
        assert pipeline.stripe_totals(NEW)["raw_sum", hour.key] == 10
    else:
        assert open_now == []
        assert pipeline.stripe_totals(NEW)["raw_sum", hour.key] == 6


def test_the_database_refuses_a_second_tenants_statement_whoever_makes_it(pipeline: Pipeline, hour: Hour) -> None:
    customer = pipeline.customers[NEW]
    event = MeterEvent(READINGS, NEW, customer, hour, 1, 10)
    with (
        pytest.raises(psycopg.errors.RestrictViolation, match=f"{customer} has the hour .* for tenant {OLD}"),
        pipeline.database.connect() as connection,
    ):
        ledger.stage_events(connection, [event], pipeline.clock(), "test-run")
    with pipeline.database.connect() as connection:
        ledger.stage_events(connection, [replace(event, hour=hour.plus(3))], pipeline.clock(), "test-run")
