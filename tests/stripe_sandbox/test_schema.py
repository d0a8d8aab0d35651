"""Every kind of answer is one that Stripe's own schema allows, and holds no field that it does not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from jsonschema import Draft4Validator, ValidationError

from tests.sandbox_process import fresh_name
from tests.stripe_sandbox.account import HOUR

if TYPE_CHECKING:
    from tests.stripe_sandbox.account import Account

EXTRACT = Path(__file__).with_name("stripe_answers.json")
HEADERS = {"Authorization": "Bearer sk_test_x"}


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: ``nullable`` becomes a type; known properties become the only ones."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: _as_json_schema(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict):
        schema.setdefault("additionalProperties", False)
    if schema.pop("nullable", None) is True:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


def check(kind: str, answer: dict[str, Any]) -> None:
    """Raise ``ValidationError`` unless the answer is of this kind."""
    schema = _as_json_schema(json.loads(EXTRACT.read_text()))
    Draft4Validator({"$ref": f"#/components/schemas/{kind}", "components": schema["components"]}).validate(answer)


def call(account: Account, method: str, path: str, **fields: object) -> dict[str, Any]:
    sent = {"params": fields} if method == "GET" else {"data": fields}
    response = requests.request(
        method,
        account.sandbox.url + path,
        headers=HEADERS,
        timeout=20,
        **sent,  # type: ignore[arg-type]
    )
    answer: dict[str, Any] = response.json()
    return answer


def test_every_meter_answer_is_a_billing_meter(account: Account) -> None:
    for window in ({}, {"event_time_window": "hour"}):
        wish = {"event_name": fresh_name("e"), "display_name": "R", "default_aggregation[formula]": "sum", **window}
        made = call(account, "POST", "/v1/billing/meters", **wish)
        path = f"/v1/billing/meters/{made['id']}"
        check("billing.meter", made)
        check("billing.meter", call(account, "GET", path))
        check("billing.meter", call(account, "POST", path, display_name="S"))
        check("billing.meter", call(account, "POST", f"{path}/deactivate"))
        check("billing.meter", call(account, "POST", f"{path}/reactivate"))
    check("list.billing.meter", call(account, "GET", "/v1/billing/meters"))


def test_event_and_summary_answers_are_stripes(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour()
    sent = {"event_name": meter.event_name, "timestamp": hour, "payload[stripe_customer_id]": "cus_shop"}
    check("billing.meter_event", call(account, "POST", "/v1/billing/meter_events", **sent, **{"payload[value]": "1.5"}))
    asked = {"customer": "cus_shop", "start_time": hour, "end_time": hour + HOUR}
    for grouping in ({}, {"value_grouping_window": "hour"}):
        answer = call(account, "GET", f"/v1/billing/meters/{meter.id}/event_summaries", **asked, **grouping)
        check("list.billing.meter_event_summary", answer)
        assert [summary["aggregated_value"] for summary in answer["data"]] == [1.5]


def test_customer_answers_are_stripes(account: Account) -> None:
    made = call(account, "POST", "/v1/customers", **{"name": "Shop", "metadata[tenant]": "7"})
    check("customer", made)
    check("customer", call(account, "POST", "/v1/customers"))
    check("customer", call(account, "GET", f"/v1/customers/{made['id']}"))
    check("deleted_customer", call(account, "DELETE", f"/v1/customers/{made['id']}"))
    check("deleted_customer", call(account, "GET", f"/v1/customers/{made['id']}"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/billing/meter_events"),
        ("POST", "/v1/billing/meters"),
        ("GET", "/v1/billing/meters/mtr_nobody"),
        ("GET", "/v1/billing/meters/mtr_nobody/event_summaries"),
        ("GET", "/v1/customers/cus_nobody_at_all"),
        ("DELETE", "/v1/customers/cus_nobody_at_all"),
        ("GET", "/v1/billing/meters?limit=0"),
        ("GET", "/v1/nothing"),
    ],
)
def test_every_error_is_a_stripe_error(account: Account, method: str, path: str) -> None:
    check("error", call(account, method, path))


def test_duplicates_and_misused_keys_are_stripe_errors(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour()
    account.send(meter, 1, hour, identifier=meter.id, key=meter.id)
    for refusal in (
        account.refusal(meter, 1, hour, identifier=meter.id),
        account.refusal(meter, 2, hour, identifier=meter.id, key=meter.id),
    ):
        assert isinstance(refusal.json_body, dict)
        check("error", refusal.json_body)


def test_the_check_itself_refuses_a_missing_field_a_wrong_type_and_an_invented_one() -> None:
    event = {"object": "billing.meter_event", "created": 1, "event_name": "e", "identifier": "i", "livemode": False}
    good = {**event, "payload": {"value": "1"}, "timestamp": 1}
    check("billing.meter_event", good)
    for wrong in (event, {**good, "timestamp": "1"}, {**good, "id": "evt_1"}, {**good, "payload": {"value": 1}}):
        with pytest.raises(ValidationError):
            check("billing.meter_event", wrong)
