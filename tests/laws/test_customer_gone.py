"""An hour whose customer Stripe no longer knows stays with it: what is owed is the difference, and it rests there."""

from __future__ import annotations

from datetime import datetime

import pytest

from fridge_pipeline.billing.collect_refusals import collect_refusals
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.ingest.landing.local import LocalLanding
from tests.laws.test_one_tenant_per_customer import customers_are
from tests.pipeline import Pipeline, readings

READINGS = "temperature_readings"


def open_details(pipeline: Pipeline) -> list[tuple[str, str]]:
    """(kind, detail) of what is open about readings, or about a statement of them."""
    return pipeline.rows(
        "select kind, detail from fridge.exceptions where closed_at is null"
        " and (subject = %s or subject like 'temperature_readings:%%') order by kind",
        READINGS,
    )


def exceptions(pipeline: Pipeline) -> list[tuple[str, str]]:
    """The same, up to the figures."""
    return [(kind, detail.partition(")")[0] + ")") for kind, detail in open_details(pipeline)]


def close_by_hand(pipeline: Pipeline) -> None:
    """Closes whatever is open."""
    with pipeline.database.connect() as connection:
        connection.execute("update fridge.exceptions set closed_at = opened_at where closed_at is null")


def statements(pipeline: Pipeline) -> list[tuple[int, int, str]]:
    return pipeline.rows(
        "select revision, value, status from fridge.meter_events where event_name = %s order by revision", READINGS
    )


@pytest.fixture(params=["refuse", "report"])
def hour(request: pytest.FixtureRequest, pipeline: Pipeline, two_days_ago: datetime) -> Hour:
    """Ten readings billed to a customer that is deleted then; Stripe refuses what comes after it at once, or later."""
    hour = Hour(two_days_ago)
    customer = pipeline.add_tenant_with_readings("cohoes", hour, 1, 10)
    pipeline.run(hour)
    pipeline.sandbox.settings(report_seconds=0, deleted_customers=request.param)
    pipeline.sandbox.client().v1.customers.delete(customer)
    return hour


def run(pipeline: Pipeline, hour: Hour) -> None:
    pipeline.run(hour)
    pipeline.clock.advance(minutes=1)
    collect_refusals(pipeline.database, lambda: pipeline.gateway, pipeline.catalogue, None, pipeline.clock)


def test_a_late_file_is_owed_as_the_difference_and_a_new_customer_is_not_billed_the_whole_again(
    pipeline: Pipeline, hour: Hour
) -> None:
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 4, start=5))
    run(pipeline, hour)
    owed = ("customer_gone", f"4 {READINGS} more than Stripe has (usage 14, stated 10)")
    assert exceptions(pipeline) == [owed]
    assert statements(pipeline) == [(1, 10, "accepted"), (2, 14, "refused")]

    old = pipeline.customers["cohoes"]
    customers_are(pipeline, {"cohoes": "cus_new"})
    run(pipeline, hour)
    assert exceptions(pipeline) == [owed]
    assert statements(pipeline) == [(1, 10, "accepted"), (2, 14, "refused")]
    assert hour not in pipeline.swept()
    assert pipeline.stripe_totals("cohoes") == {}
    pipeline.customers["cohoes"] = old
    assert pipeline.stripe_totals("cohoes")[READINGS, hour.key] == 10
    pipeline.run_models(hour)
    assert pipeline.one("select cause from fridge.tie_out where meter = %s", READINGS) == "customer_gone"

    pipeline.land(hour, "later.csv", readings("cohoes", hour, 1, 2, start=6))
    run(pipeline, hour)
    assert exceptions(pipeline) == [("customer_gone", f"6 {READINGS} more than Stripe has (usage 16, stated 10)")]


def test_what_is_taken_out_again_ends_it(pipeline: Pipeline, hour: Hour) -> None:
    late = pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 4, start=5))
    run(pipeline, hour)
    zone = LocalLanding(str(pipeline.landing))
    withdraw_file(pipeline.database, zone, f"{hour.folder}/{late.name}", "test bench", "ada", pipeline.clock)
    run(pipeline, hour)
    assert exceptions(pipeline) == []


def test_closing_it_states_the_hour_once_more(pipeline: Pipeline, hour: Hour) -> None:
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 4, start=5))
    run(pipeline, hour)
    close_by_hand(pipeline)
    run(pipeline, hour)
    assert [revision for revision, _, _ in statements(pipeline)] == [1, 2, 3]
