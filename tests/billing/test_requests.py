"""Every request that the pipeline makes is one that Stripe's own description allows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from jsonschema import Draft4Validator, ValidationError

from fridge_pipeline.billing.collect_refusals import collect_refusals
from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Window
from fridge_pipeline.database.run import Failpoint
from tests.pipeline import Pipeline, ProcessDied, dies_after, readings
from tests.stripe_sandbox.schema import FULL

RAW = replace(CATALOGUE[0], event_name="raw_readings", window=Window.NONE)


def check(description: dict[str, Any], request: dict[str, Any]) -> str:
    """Raises ``ValidationError`` unless the request is described; the path it was made to, as described."""
    path, operation = _operation(description, request)
    fields = request["fields"]
    if request["method"] == "POST":
        content: dict[str, Any] = operation["requestBody"]["content"]
        (body,) = content.values()
        schema = body["schema"]
    else:
        query = [each for each in operation["parameters"] if each["in"] == "query"]
        schema = {
            "type": "object",
            "properties": {each["name"]: each["schema"] for each in query},
            "required": [each["name"] for each in query if each.get("required")],
            "additionalProperties": False,
        }
    Draft4Validator(_plain(schema)).validate(_typed(fields, schema))
    assert request["method"] != "POST" or len(request["idempotency_key"]) <= 255
    return path


def _operation(description: dict[str, Any], request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    for path, operations in description["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), request["path"]):
            return path, operations[request["method"].lower()]
    raise ValidationError(f"Stripe describes no {request['path']}")


def _plain(schema: Any) -> Any:
    """Without what JSON Schema of this draft does not know; empty ``required`` lists are not allowed in it."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _plain(value) for key, value in schema.items() if key != "nullable" and (key, value) != ("required", [])
    }


def _typed(value: Any, schema: dict[str, Any]) -> Any:
    """Form fields are texts: whole numbers, lists and groups become what the description calls them."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if schema.get("type") == "array":
        return list(value.values()) if isinstance(value, dict) else value
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return {name: _typed(inner, known.get(name, {})) for name, inner in value.items()}
    return value


@pytest.fixture
def description() -> dict[str, Any]:
    """Stripe's OpenAPI description of what concerns meters."""
    of_meters = FULL[0]
    if not of_meters.exists():
        pytest.skip(f"Stripe's description is not at {of_meters}: it lies beside the checkout where there is one")
    described: dict[str, Any] = json.loads(of_meters.read_text(encoding="utf-8"))
    return described


def test_every_request_of_a_whole_life_is_one_that_stripe_describes(
    pipeline: Pipeline, two_days_ago: datetime, description: dict[str, Any]
) -> None:
    """Set-up, statements, restatements, cancellations, read-backs, refusals and reconciliation."""
    pipeline.gateway.create_meter(RAW)
    pipeline.catalogue = (RAW, CATALOGUE[1])
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.advance()
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 10))
    pipeline.run(hour)
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 3, 10))
    pipeline.load(hour)
    pipeline.count(hour)
    with pytest.raises(ProcessDied):
        pipeline.bill(hour, at_failpoint=dies_after(Failpoint.MARKED_SENT))
    pipeline.bill(hour)
    with pipeline.database.connect() as connection:
        connection.execute(
            "insert into fridge.withdrawals select file_id, 'r', 'me', %s from fridge.landing_files where path like %s",
            [pipeline.clock(), "%/b.csv"],
        )
    pipeline.run(hour)
    pipeline.land(hour, "c.csv", readings("cohoes", hour, 4, 10, start=9))
    pipeline.load(hour)
    pipeline.count(hour)
    with pytest.raises(ProcessDied):
        pipeline.bill(hour, at_failpoint=dies_after(Failpoint.MARKED_SENT))
    pipeline.advance(hours=21)
    pipeline.bill(hour)
    collect_refusals(pipeline.database, lambda: pipeline.gateway, pipeline.catalogue, None, pipeline.clock)
    days = DayRange(day_of(hour), day_of(hour))
    pipeline.reconcile(days)

    made = {(request["method"], check(description, request)) for request in pipeline.sandbox.requests()}
    assert made == {
        ("GET", "/v1/billing/meters"),
        ("POST", "/v1/billing/meters"),
        ("POST", "/v1/billing/meter_events"),
        ("POST", "/v1/billing/meter_event_adjustments"),
        ("GET", "/v1/billing/meters/{id}/event_summaries"),
        ("GET", "/v2/core/events"),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "/v1/billing/meter_event"},
        {"fields": {"event_name": "e"}},
        {"fields": {"event_name": "e", "payload": {}, "customer": "cus_1"}},
        {"fields": {"event_name": "e", "payload": {}, "timestamp": "now"}},
        {"fields": {"event_name": "e", "payload": {}, "identifier": "x" * 101}},
    ],
)
def test_the_check_itself_refuses_what_stripe_does_not_describe(
    description: dict[str, Any], wrong: dict[str, Any]
) -> None:
    right = {
        "method": "POST",
        "path": "/v1/billing/meter_events",
        "fields": {"event_name": "e", "payload": {"value": "1"}, "timestamp": "1790000000"},
        "idempotency_key": "k",
    }
    check(description, right)
    with pytest.raises(ValidationError):
        check(description, {**right, **wrong})
