"""The plan of a backfill: what it says is what the run then does, and until then nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from fridge_pipeline.billing.plan_billing import BillingPlan, PlannedChange, plan_billing
from fridge_pipeline.billing.rules.staging import StagingPolicy
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import Aggregate, Measure
from fridge_pipeline.catalogue.measure_record import keep_measures
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter
from fridge_pipeline.cli.plan_in_words import as_mapping, as_text
from fridge_pipeline.ingest.landing.local import LocalLanding
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

EVERYTHING = "select (select count(*) from fridge.meter_events), (select count(*) from fridge.exceptions)"


def plan(pipeline: Pipeline, first: Hour, last: Hour) -> BillingPlan:
    return plan_billing(
        pipeline.as_run(),
        LocalLanding(str(pipeline.landing)),
        HourRange(first, last),
        StagingPolicy(CLOSE_AFTER),
        calls_per_second=2,
    )


def test_the_plan_names_what_changes_per_tenant_and_the_run_then_changes_exactly_that(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for step in range(3):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step), 2, 5))
    pipeline.run(first, first.plus(2))
    pipeline.land(
        first.plus(1),
        "late.csv",
        readings("cohoes", first.plus(1), 1, 5, start=7) + readings("dale", first.plus(1), 1, 4),
    )
    before = pipeline.rows(EVERYTHING)

    unloaded = plan(pipeline, first, first.plus(2))
    assert (unloaded.to_load, unloaded.calls, unloaded.changes) == ([first.plus(1)], 0, [])

    pipeline.load(first.plus(1))
    pipeline.count(first.plus(1))
    planned = plan(pipeline, first, first.plus(2))
    assert pipeline.rows(EVERYTHING) == before, "a plan changes nothing"
    assert (planned.to_load, planned.changing, planned.calls, planned.seconds) == ([], [first.plus(1)], 2, 1.0)
    assert planned.changes == [
        PlannedChange("cohoes", "active_sensors", 1, 2, 3),
        PlannedChange("cohoes", "temperature_readings", 1, 10, 15),
    ]
    assert planned.waiting == {"unmapped": 2}

    report = pipeline.bill(first, first.plus(2))
    assert report.delivery.accepted == planned.calls
    assert pipeline.stripe_totals("cohoes")["temperature_readings", first.plus(1).key] == 15
    again = plan(pipeline, first, first.plus(2))
    assert (again.calls, again.changes) == (0, [])


def test_hours_past_stripes_35_days_and_usage_without_a_customer_are_named_and_not_counted_as_calls(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    old = Hour(two_days_ago - timedelta(days=40))
    pipeline.add_tenant_with_readings("cohoes", old, 1, 3)
    pipeline.load(old)
    pipeline.count(old)
    planned = plan(pipeline, old, old)
    assert (planned.calls, planned.waiting) == (0, {"too_late": 2})


def test_a_measure_that_is_not_counted_yet_is_named_and_not_taken_for_nothing(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """A dry run before a third meter's first run said that nothing changes at Stripe."""
    first = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", first, 2, 5)
    pipeline.run(first)
    warm = Measure("warm_readings", Aggregate.COUNT, counted_from=first.start)
    pipeline.catalogue = (*pipeline.catalogue, Meter("warm", "Warm", warm))
    assert plan(pipeline, first, first.plus(1)).to_count == {"warm_readings": 1}
    later = (*CATALOGUE, Meter("warm", "Warm", replace(warm, counted_from=first.plus(1).start)))
    assert plan(replace(pipeline, catalogue=later), first, first.plus(1)).to_count == {}

    with pipeline.database.connect() as connection:
        keep_measures(connection, [warm], pipeline.clock())
    unknown = plan(pipeline, first, first.plus(1))
    assert (unknown.to_count, unknown.calls) == ({"warm_readings": 1}, 0)
    told = "warm_readings is not counted yet in 1 hour: what it changes is known only once that is counted"
    assert told in as_text(unknown, [])
    assert as_mapping(unknown, [])["hours_to_count"] == {"warm_readings": 1}

    pipeline.count(first)
    counted = plan(pipeline, first, first.plus(1))
    assert (counted.to_count, counted.calls) == ({}, 1)
    assert "not counted yet" not in as_text(counted, [])
