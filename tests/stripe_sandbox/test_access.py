"""Keys, paths, bodies and clocks: what stands before any endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
import stripe

from tests.sandbox_process import fresh_name

if TYPE_CHECKING:
    from tests.sandbox_process import SandboxProcess

TEST_KEY = {"Authorization": "Bearer sk_test_x"}


@pytest.mark.parametrize("key", ["sk_test_x", "rk_test_x", "sk_anything"])
def test_any_secret_or_restricted_test_key_is_accepted(sandbox: SandboxProcess, key: str) -> None:
    assert sandbox.client(key).v1.billing.meters.list({"limit": 1}).url == "/v1/billing/meters"


def test_a_key_may_also_come_as_the_user_of_basic_authentication(sandbox: SandboxProcess) -> None:
    answer = requests.get(f"{sandbox.url}/v1/billing/meters", auth=("sk_test_x", ""), timeout=20)
    assert answer.status_code == 200


@pytest.mark.parametrize("key", ["sk_live_secret", "rk_live_secret"])
def test_a_live_key_is_refused_with_401_and_not_repeated(sandbox: SandboxProcess, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError, match="live key") as caught:
        sandbox.client(key).v1.billing.meters.list()
    assert caught.value.http_status == 401
    assert key not in str(caught.value)


@pytest.mark.parametrize("header", [None, "Bearer pk_test_x", "Bearer ", "Digest x", "Basic !!", "Basic ÿ"])
def test_without_a_secret_key_the_answer_is_401_in_stripes_shape(sandbox: SandboxProcess, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = requests.post(f"{sandbox.url}/v1/billing/meter_events", headers=headers, timeout=20)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nothing"), ("PUT", "/v1/billing/meters"), ("GET", "/")])
def test_an_unknown_path_or_method_is_404_in_stripes_shape(sandbox: SandboxProcess, method: str, path: str) -> None:
    answer = requests.request(method, sandbox.url + path, headers=TEST_KEY, timeout=20)
    assert answer.status_code == 404
    assert f"({method}: {path})" in answer.json()["error"]["message"]
    last = sandbox.requests(1)[0]
    assert (last["method"], last["path"], last["status"]) == (method, path, 404)


@pytest.mark.parametrize("objects", ["invoices", "customers", "subscriptions", "prices", "products"])
def test_a_search_is_an_address_that_the_sandbox_does_not_have_and_no_object(
    sandbox: SandboxProcess, objects: str
) -> None:
    path = f"/v1/{objects}/search"
    answer = requests.get(sandbox.url + path, params={"query": "status:'open'"}, headers=TEST_KEY, timeout=20)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith(f"Unrecognized request URL (GET: {path})")


@pytest.mark.parametrize(("currency", "status"), [("eur", 200), ("JPY", 200), ("zzz", 400), ("xau", 400)])
def test_a_price_is_in_a_currency_that_stripe_charges_in(sandbox: SandboxProcess, currency: str, status: int) -> None:
    sent = {"currency": currency, "unit_amount": 5, "product_data[name]": "x"}
    answer = requests.post(f"{sandbox.url}/v1/prices", data=sent, headers=TEST_KEY, timeout=20)
    assert (answer.status_code, answer.json().get("error", {}).get("param")) == (
        status,
        None if status == 200 else "currency",
    )


@pytest.mark.parametrize("path", ["/v1/billing/meters", "/v1/nothing", "/_sandbox/health", "/_sandbox/usage?x=1"])
def test_every_answer_has_a_request_id_of_its_own(sandbox: SandboxProcess, path: str) -> None:
    seen = {requests.get(sandbox.url + path, headers=TEST_KEY, timeout=20).headers["Request-Id"] for _ in range(3)}
    assert len(seen) == 3
    assert all(request_id.startswith("req_") for request_id in seen)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("event_name=e", "Missing required param: payload."),
        ("payload[value]=1", "Missing required param: event_name."),
        ("event_name=e&payload=5", "payload has to be a group"),
        ("event_name=e&payload=5&payload[value]=1", "both as a value and as a group"),
        ("event_name=e&payload[value]=1&payload=5", "both as a value and as a group"),
        ("event_name=e&payload[value][deep]=1", "is a group of values"),
        ("event_name[x]=e&payload[value]=1", "is a group of values"),
        ("event_name=e&payload[value]=1&timestamp=soon", "Invalid integer: soon"),
        ("event_name=e&payload[value]=1&colour=blue", "Received unknown parameter: colour"),
        ("event_name=%FF&payload[value]=1", "unreadable"),
        ("event_name=e&payload[value]=" + "1" * 101, "at most 100 characters"),
    ],
)
def test_an_unreadable_event_is_refused_with_400_and_its_reason(sandbox: SandboxProcess, body: str, words: str) -> None:
    headers = {**TEST_KEY, "Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{sandbox.url}/v1/billing/meter_events", data=body, headers=headers, timeout=20)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


def test_a_json_body_is_refused_because_v1_takes_forms(sandbox: SandboxProcess) -> None:
    answer = requests.post(f"{sandbox.url}/v1/customers", json={"name": "x"}, headers=TEST_KEY, timeout=20)
    assert answer.status_code == 400
    assert "application/x-www-form-urlencoded" in answer.json()["error"]["message"]


def test_a_body_of_more_than_a_megabyte_is_refused(sandbox: SandboxProcess) -> None:
    name = {"name": "x" * 1_000_001}
    answer = requests.post(f"{sandbox.url}/v1/customers", data=name, headers=TEST_KEY, timeout=20)
    assert answer.status_code == 413


def test_brackets_and_odd_characters_survive_the_form(sandbox: SandboxProcess) -> None:
    metadata = {"tenant": "Käse & Co=1+1 %", "empty": ""}
    made = sandbox.client().v1.customers.create({"name": fresh_name("ü"), "metadata": metadata})
    assert made.to_dict()["metadata"] == metadata


@pytest.mark.parametrize(
    "wish",
    [{}, {"now": True}, {"now": "soon"}, {"now": -1}, {"now": 1e300}, {"now": 1, "advance_seconds": 1}, {"then": 1}, 5],
)
def test_a_clock_wish_that_is_not_documented_is_refused_and_moves_nothing(sandbox: SandboxProcess, wish: Any) -> None:
    before = sandbox.health()["now"]
    answer = requests.post(f"{sandbox.url}/_sandbox/clock", json=wish, timeout=20)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert 0 <= sandbox.health()["now"] - before < 20
