"""Every kind of answer is one that Stripe's own schema allows, and holds no field that it does not know."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import requests
from jsonschema import ValidationError

from tests.sandbox_process import fresh_name
from tests.stripe_sandbox import schema
from tests.stripe_sandbox.account import HOUR
from tests.stripe_sandbox.schema import FULL, TRIMMED

if TYPE_CHECKING:
    from tests.stripe_sandbox.account import Account

HEADERS = {"Authorization": "Bearer sk_test_x"}

Check: TypeAlias = Callable[[str, dict[str, Any]], None]


@pytest.fixture(params=["the trimmed copy", "the full file"])
def check(request: pytest.FixtureRequest) -> Check:
    """The check against the copy beside the tests, and against the full file where it stands."""
    described_in = TRIMMED if request.param == "the trimmed copy" else FULL
    if not all(path.exists() for path in described_in):
        pytest.skip("Stripe's description of its API does not stand beside this checkout")
    return partial(schema.check, described_in=described_in)


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


def test_every_meter_answer_is_a_billing_meter(account: Account, check: Check) -> None:
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


def test_event_and_summary_answers_are_stripes(account: Account, check: Check) -> None:
    meter, hour = account.meter(), account.past_hour()
    sent = {"event_name": meter.event_name, "timestamp": hour, "payload[stripe_customer_id]": "cus_shop"}
    check("billing.meter_event", call(account, "POST", "/v1/billing/meter_events", **sent, **{"payload[value]": "1.5"}))
    asked = {"customer": "cus_shop", "start_time": hour, "end_time": hour + HOUR}
    for grouping in ({}, {"value_grouping_window": "hour"}):
        answer = call(account, "GET", f"/v1/billing/meters/{meter.id}/event_summaries", **asked, **grouping)
        check("list.billing.meter_event_summary", answer)
        assert [summary["aggregated_value"] for summary in answer["data"]] == [1.5]


def test_customer_answers_are_stripes(account: Account, check: Check) -> None:
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
def test_every_error_is_a_stripe_error(account: Account, check: Check, method: str, path: str) -> None:
    check("error", call(account, method, path))


def test_duplicates_and_misused_keys_are_stripe_errors(account: Account, check: Check) -> None:
    meter, hour = account.meter(), account.past_hour()
    account.send(meter, 1, hour, identifier=meter.id, key=meter.id)
    for refusal in (
        account.refusal(meter, 1, hour, identifier=meter.id),
        account.refusal(meter, 2, hour, identifier=meter.id, key=meter.id),
    ):
        assert isinstance(refusal.json_body, dict)
        check("error", refusal.json_body)


def test_adjustment_answers_are_stripes(account: Account, check: Check) -> None:
    meter, name = account.meter(), fresh_name("event")
    account.send(meter, 1, identifier=name)
    wish = {"type": "cancel", "event_name": meter.event_name, "cancel[identifier]": name}
    check("billing.meter_event_adjustment", call(account, "POST", "/v1/billing/meter_event_adjustments", **wish))
    check("error", call(account, "POST", "/v1/billing/meter_event_adjustments", **wish))


def test_reports_of_refused_events_and_errors_of_the_v2_api_are_stripes(alone: Account, check: Check) -> None:
    meter = alone.meter()
    alone.sandbox.settings(report_seconds=0)
    for code in ("meter_event_invalid_value", "no_meter"):
        alone.sandbox.faults({"kind": "refuse_asynchronously", "code": code})
        alone.send(meter, 1)
    listed = call(alone, "GET", "/v2/core/events", limit=1)
    check("list.v2.core.event", listed)
    check("list.v2.core.event", call(alone, "GET", listed["next_page_url"]))
    for event in call(alone, "GET", "/v2/core/events")["data"]:
        check("v2.core.event", event)
        check("v2.core.event", call(alone, "GET", f"/v2/core/events/{event['id']}"))
    for path in ("/v2/core/events/evt_nothing", "/v2/core/events?limit=0", "/v2/nothing"):
        check("v2.error", call(alone, "GET", path))


@pytest.mark.parametrize(
    "kind", ["rate_limited", "lock_timeout", "conflict", "error_500", "error_500_after", "unavailable", "refuse"]
)
def test_the_answers_of_faults_are_stripe_errors(account: Account, check: Check, kind: str) -> None:
    meter = account.meter()
    account.sandbox.faults({"kind": kind, "event_name": meter.event_name})
    refusal = account.refusal(meter, 1)
    assert isinstance(refusal.json_body, dict)
    check("error", refusal.json_body)


def test_the_check_itself_refuses_a_missing_field_a_wrong_type_and_an_invented_one(check: Check) -> None:
    event = {"object": "billing.meter_event", "created": 1, "event_name": "e", "identifier": "i", "livemode": False}
    good = {**event, "payload": {"value": "1"}, "timestamp": 1}
    check("billing.meter_event", good)
    for wrong in (event, {**good, "timestamp": "1"}, {**good, "id": "evt_1"}, {**good, "payload": {"value": 1}}):
        with pytest.raises(ValidationError):
            check("billing.meter_event", wrong)
