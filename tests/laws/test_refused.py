"""A refused statement's exception has what is owed now, and of a tenant's hour and meter one exception says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fridge_pipeline.billing.collect_refusals import collect_refusals
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Window
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.ingest.landing.local import LocalLanding
from tests.laws.test_closed_months import HOUR, close
from tests.laws.test_customer_gone import READINGS, close_by_hand, open_details
from tests.pipeline import Pipeline, readings


def owed(pipeline: Pipeline) -> list[tuple[str, str]]:
    """(kind, figures) of what is open about readings."""
    return [(kind, detail.partition(":")[0]) for kind, detail in open_details(pipeline)]


def land(pipeline: Pipeline, hour: Hour, name: str, count: int, start: int) -> None:
    pipeline.land(hour, name, readings("cohoes", hour, 1, count, start=start))
    pipeline.run(hour)


@pytest.fixture
def hour(pipeline: Pipeline, two_days_ago: datetime) -> Hour:
    """An hour of which Stripe has four readings."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 4)
    pipeline.run(hour)
    return hour


def test_a_refusal_at_once_says_the_usage_and_what_stripe_has_and_is_kept_up_to_date(
    pipeline: Pipeline, hour: Hour
) -> None:
    pipeline.sandbox.faults({"kind": "refuse", "event_name": READINGS})
    land(pipeline, hour, "b.csv", 2, start=10)
    assert owed(pipeline) == [("refused", f"6 {READINGS}, of which Stripe has 4")]
    land(pipeline, hour, "c.csv", 3, start=20)
    assert owed(pipeline) == [("refused", f"9 {READINGS}, of which Stripe has 4")]


def test_of_several_refusals_of_an_hour_the_newest_is_open(pipeline: Pipeline, hour: Hour) -> None:
    for number in (1, 2):
        pipeline.sandbox.faults({"kind": "refuse", "event_name": READINGS})
        land(pipeline, hour, f"{number}.csv", 2, start=10 * number)
        close_by_hand(pipeline)
    pipeline.sandbox.faults({"kind": "refuse", "event_name": READINGS})
    pipeline.run(hour)
    assert owed(pipeline) == [("refused", f"8 {READINGS}, of which Stripe has 4")]
    assert pipeline.one("select subject like %s from fridge.exceptions where closed_at is null", "%:r4")


def test_after_a_late_refusal_what_waited_of_the_hour_gives_way_and_the_older_total_counts(pipeline: Pipeline) -> None:
    pipeline.clock.now = datetime(2026, 2, 2, 8, tzinfo=UTC)
    pipeline.advance()
    pipeline.add_tenant("cohoes")
    land(pipeline, HOUR, "a.csv", 4, start=0)
    pipeline.sandbox.settings(report_seconds=0)
    pipeline.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS})
    land(pipeline, HOUR, "b.csv", 2, start=10)
    close(pipeline)
    land(pipeline, HOUR, "c.csv", 3, start=20)
    assert owed(pipeline) == [("month_closed", f"9 {READINGS}, of which Stripe has 6")]

    pipeline.advance(minutes=1)
    collect_refusals(pipeline.database, lambda: pipeline.gateway, pipeline.catalogue, None, pipeline.clock)
    assert owed(pipeline) == [("customer_gone", f"5 {READINGS} more than Stripe has (usage 9, stated 4)")]


def test_a_total_whose_answer_was_lost_and_that_stripe_showed_counts_again_after_the_next_one_is_refused_later(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.sandbox.faults({"kind": "drop_after", "event_name": READINGS, "times": 100})
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 4))
    pipeline.run(hour)
    pipeline.sandbox.clear_faults()
    pipeline.advance(hours=21)  # too long ago to be sent again: Stripe is read instead
    pipeline.run(hour)
    assert pipeline.rows("select status, value from fridge.meter_events where event_name = %s", READINGS) == [
        ("accepted", 4)
    ]
    pipeline.sandbox.settings(report_seconds=0)
    pipeline.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS})
    land(pipeline, hour, "b.csv", 2, start=10)
    pipeline.advance(minutes=1)
    collect_refusals(pipeline.database, lambda: pipeline.gateway, pipeline.catalogue, None, pipeline.clock)
    found = "select status, value::int from fridge.meter_events where event_name = %s order by revision"
    assert pipeline.rows(found, READINGS) == [("accepted", 4), ("refused", 6)]
    assert pipeline.stripe_totals("cohoes")[READINGS, hour.key] == 4
    assert owed(pipeline) == [("customer_gone", f"2 {READINGS} more than Stripe has (usage 6, stated 4)")]


def test_a_refusal_after_the_usage_has_shrunk_does_not_keep_what_stripe_has_too_much_from_being_taken_back(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    meter = replace(CATALOGUE[0], event_name="raw_readings", window=Window.NONE)
    pipeline.catalogue = (meter,)
    pipeline.gateway.create_meter(meter)
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    land(pipeline, hour, "a.csv", 4, start=0)
    pipeline.sandbox.settings(report_seconds=0)
    pipeline.sandbox.faults({"kind": "refuse_asynchronously", "event_name": meter.event_name})
    land(pipeline, hour, "b.csv", 2, start=10)
    assert pipeline.rows("select status, value::int from fridge.meter_events order by revision") == [
        ("accepted", 4),
        ("accepted", 2),
    ]
    for name in ("a.csv", "b.csv"):
        zone = LocalLanding(str(pipeline.landing))
        withdraw_file(pipeline.database, zone, f"{hour.folder}/{name}", "test bench", "ada", pipeline.clock)
    pipeline.count(hour)
    pipeline.advance(minutes=1)
    collect_refusals(pipeline.database, lambda: pipeline.gateway, pipeline.catalogue, None, pipeline.clock)
    assert pipeline.swept() == [hour]
    pipeline.run(hour)
    assert pipeline.stripe_totals("cohoes").get((meter.event_name, hour.key), 0) == 0
    assert owed(pipeline) == []
