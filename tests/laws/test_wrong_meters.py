"""A meter that Stripe has otherwise than the catalogue: nothing is sent for it, and nothing of it is forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from fridge_pipeline.billing.bill import explain_unsettled
from fridge_pipeline.billing.meters_at_stripe import wrong_meters
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE
from tests.pipeline import Pipeline

EVENT_NAME = "temperature_readings"

#: How a meter is made otherwise than the catalogue says (None: not at all), and what is said of it.
WRONG: dict[str, tuple[dict[str, Any] | None, str]] = {
    "missing": (None, "not in Stripe; run: fridge stripe setup"),
    "inactive": ({}, "the meter is inactive in Stripe"),
    "formula": (
        {"default_aggregation": {"formula": "last"}},
        "formula is 'last' in Stripe, 'sum' in the catalogue",
    ),
    "window": ({"event_time_window": "day"}, "window is 'day' in Stripe, 'hour' in the catalogue"),
    "value key": (
        {"value_settings": {"event_payload_key": "quantity"}},
        "value key is 'quantity' in Stripe, 'value' in the catalogue",
    ),
    "customer key": (
        {"customer_mapping": {"type": "by_id", "event_payload_key": "payer"}},
        "customer key is 'payer' in Stripe, 'stripe_customer_id' in the catalogue",
    ),
}


def make_wrong(pipeline: Pipeline, case: str) -> None:
    """An account whose other meter is right."""
    pipeline.sandbox.reset()
    pipeline.gateway.create_meter(CATALOGUE[1])
    changed, _ = WRONG[case]
    if changed is not None:
        parameters: dict[str, Any] = {
            "display_name": "Readings",
            "event_name": EVENT_NAME,
            "default_aggregation": {"formula": "sum"},
            "event_time_window": "hour",
            "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
            "value_settings": {"event_payload_key": "value"},
        }
        pipeline.sandbox.client().v1.billing.meters.create({**parameters, **changed})  # type: ignore[typeddict-item]
    if case == "inactive":
        deactivate(pipeline)


def deactivate(pipeline: Pipeline) -> None:
    """As somebody does in Stripe's dashboard."""
    pipeline.sandbox.client().v1.billing.meters.deactivate(pipeline.gateway.meters()[EVENT_NAME].meter_id)


@pytest.mark.parametrize("case", WRONG)
def test_nothing_is_sent_for_a_wrong_meter_the_other_is_delivered_and_the_rest_once_it_is_right(
    pipeline: Pipeline, two_days_ago: datetime, case: str
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 10)
    make_wrong(pipeline, case)
    told = WRONG[case][1]
    assert wrong_meters(pipeline.gateway, CATALOGUE) == {EVENT_NAME: told}

    report = pipeline.run(hour)
    text = explain_unsettled(report)
    assert f"1 of 1 hours are not delivered ({hour})" in text
    assert f"meter {EVENT_NAME}: {told}" in text
    assert "What is left keeps its identifiers" in text
    assert pipeline.rows("select event_name, status, attempts from fridge.meter_events order by event_name") == [
        ("active_sensors", "accepted", 1),
        (EVENT_NAME, "staged", 0),
    ]
    assert pipeline.stripe_totals("cohoes") == {("active_sensors", hour.key): 2}

    if case not in {"missing", "inactive"}:
        deactivate(pipeline)
    pipeline.gateway.create_meter(CATALOGUE[0])
    assert wrong_meters(pipeline.gateway, CATALOGUE) == {}
    assert pipeline.run(hour).unsettled == []
    assert pipeline.stripe_totals("cohoes") == {("active_sensors", hour.key): 2, (EVENT_NAME, hour.key): 20}
