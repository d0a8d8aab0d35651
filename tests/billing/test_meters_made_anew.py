"""A meter that was archived, and made anew under the same event name, while what it was told is in doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter, Window
from tests.pipeline import Pipeline, gateway_to, readings

EVENTS = "/v1/billing/meter_events"
HOURLY = CATALOGUE[0]
RAW = replace(HOURLY, event_name="raw_readings", window=Window.NONE)

#: How an answer is lost: after Stripe has executed the call, or before it saw it.
LOST = {"drop_after": True, "drop_before": False}


def make_anew(pipeline: Pipeline, meter: Meter) -> None:
    """As somebody does in Stripe's dashboard, or by ``fridge stripe setup``."""
    pipeline.sandbox.client().v1.billing.meters.deactivate(pipeline.gateway.meters()[meter.event_name].meter_id)
    pipeline.gateway.create_meter(meter)
    pipeline.gateway = gateway_to(pipeline.sandbox.url)


def of_all_meters(pipeline: Pipeline, meter: Meter) -> int:
    """What both the old and the new meter count together: both may be on a price."""
    tally = pipeline.sandbox.usage(customer=pipeline.customers["cohoes"])
    return sum(row["value"] for row in tally["data"] if row["event_name"] == meter.event_name)


@pytest.fixture(params=[HOURLY, RAW], ids=["hour", "raw"])
def meter(request: pytest.FixtureRequest) -> Meter:
    found: Meter = request.param
    return found


@pytest.fixture
def hour(pipeline: Pipeline, two_days_ago: datetime, meter: Meter) -> Hour:
    """Twenty readings, of which nothing was stated."""
    pipeline.catalogue = (meter,)
    if meter is RAW:
        pipeline.gateway.create_meter(meter)
    pipeline.add_tenant("cohoes")
    pipeline.advance()
    hour = Hour(two_days_ago)
    pipeline.land(hour, "first.csv", readings("cohoes", hour, 2, 10))
    return hour


def lose_answer(pipeline: Pipeline, hour: Hour, kind: str) -> None:
    pipeline.sandbox.faults({"endpoint": EVENTS, "kind": kind, "times": 20})
    pipeline.run(hour)
    pipeline.sandbox.clear_faults()
    pipeline.advance(minutes=10)


@pytest.mark.parametrize("waits", [0, 21])
@pytest.mark.parametrize("lost", LOST)
def test_what_the_old_meter_may_have_is_read_from_it_and_counts_once_in_both_together(
    pipeline: Pipeline, meter: Meter, hour: Hour, lost: str, waits: int
) -> None:
    """Nobody knows whether Stripe knows an identifier of the old meter at the new one: it is not sent again."""
    lose_answer(pipeline, hour, lost)
    assert of_all_meters(pipeline, meter) == (20 if LOST[lost] else 0)
    make_anew(pipeline, meter)
    pipeline.advance(hours=waits)
    for _ in range(3):
        pipeline.run(hour)
        pipeline.advance(hours=7)
    assert of_all_meters(pipeline, meter) == 20
    revisions = pipeline.rows("select revision, status, attempts from fridge.meter_events order by revision")
    assert revisions == ([(1, "accepted", 1)] if LOST[lost] else [(1, "superseded", 1), (2, "accepted", 1)])
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0


@pytest.mark.parametrize("lost", LOST)
def test_a_change_that_the_new_meter_may_have_is_read_from_it_and_from_both(
    pipeline: Pipeline, meter: Meter, hour: Hour, lost: str
) -> None:
    pipeline.run(hour)
    make_anew(pipeline, meter)
    pipeline.advance(hours=1)
    pipeline.land(hour, "second.csv", readings("cohoes", hour, 1, 10, start=7))
    lose_answer(pipeline, hour, lost)
    pipeline.advance(hours=21)
    for _ in range(3):
        pipeline.run(hour)
        pipeline.advance(hours=7)
    revisions = pipeline.rows("select revision, attempts from fridge.meter_events where status = 'accepted'")
    newest = (2, 1) if LOST[lost] else (3, 1)
    assert sorted(revisions) == ([newest] if meter is HOURLY else [(1, 1), newest])
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0


def test_a_change_in_doubt_is_read_beside_what_the_old_meter_had_before(
    pipeline: Pipeline, meter: Meter, hour: Hour
) -> None:
    pipeline.run(hour)
    pipeline.land(hour, "second.csv", readings("cohoes", hour, 1, 10, start=7))
    lose_answer(pipeline, hour, "drop_after")
    assert of_all_meters(pipeline, meter) == 30
    make_anew(pipeline, meter)
    pipeline.advance(hours=21)
    pipeline.run(hour)
    assert of_all_meters(pipeline, meter) == 30
    assert pipeline.one("select max(revision) from fridge.meter_events where status = 'accepted'") == 2
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0
