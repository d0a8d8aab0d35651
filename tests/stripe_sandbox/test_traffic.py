"""One call at a time per customer and meter, so many calls a second, and what was seen of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
import requests
import stripe
from hypothesis import given
from hypothesis import strategies as st

from stripe_sandbox.billing.switches import BillingSettings
from stripe_sandbox.calls import Traffic
from stripe_sandbox.settings import Settings
from stripe_sandbox.stripe_shapes import StripeError
from tests.sandbox_process import fresh_name, running_sandbox
from tests.stripe_sandbox.account import Account

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SERVICE = 0.2  # seconds


def _at_once(*calls: Callable[[], object]) -> list[stripe.StripeError | None]:
    """The errors of calls that are made a little after one another, each while the others are at work."""

    def outcome(place: int, call: Callable[[], object]) -> stripe.StripeError | None:
        time.sleep(place * SERVICE / 10)
        try:
            call()
        except stripe.StripeError as error:
            return error
        return None

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, range(len(calls)), calls))


def _code(error: stripe.StripeError) -> str:
    assert isinstance(error.json_body, dict)
    return str(error.json_body["error"]["code"])


@pytest.mark.parametrize("answer", ["429", "409"])
def test_a_second_call_at_once_for_a_customer_and_meter_is_refused_counted_and_not_kept(
    alone: Account, answer: str
) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.sandbox.settings(service_seconds=SERVICE, concurrency_answer=answer)
    calls: dict[str, Callable[[], object]] = {
        "a": lambda: alone.send(meter, 5, hour, identifier="a", key="a"),
        "b": lambda: alone.send(meter, 7, hour, identifier="b", key="b"),
    }
    # On a busy machine either may come first.
    [(second, refused)] = [(name, error) for name, error in zip(calls, _at_once(*calls.values()), strict=True) if error]
    assert (refused.http_status, _code(refused)) == (int(answer), "lock_timeout")
    assert refused.headers is not None
    assert refused.headers["stripe-should-retry"] == "true"
    assert "Stripe-Rate-Limited-Reason" not in refused.headers
    calls[second]()
    assert alone.total(meter, hour, hour + 60) == 12
    assert alone.sandbox.usage()["concurrent_calls_refused"] == 1


def test_other_customers_other_meters_and_other_calls_are_let_through_at_once(alone: Account) -> None:
    meter, other = alone.meter(), alone.meter()
    alone.sandbox.settings(service_seconds=SERVICE)
    outcomes = _at_once(
        lambda: alone.send(meter, 5),
        lambda: alone.send(meter, 5, customer="cus_other"),
        lambda: alone.send(other, 5),
        lambda: alone.total(meter, 0, 60),
    )
    assert outcomes == [None] * 4
    assert alone.sandbox.usage()["concurrent_calls_refused"] == 0


def test_calls_one_after_another_are_never_refused_however_long_each_takes(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.sandbox.settings(service_seconds=0.01)
    for _ in range(10):
        alone.send(meter, 1, hour)
    assert alone.total(meter, hour, hour + 60) == 10
    assert alone.sandbox.usage()["concurrent_calls_refused"] == 0


def test_the_wait_for_the_disk_alone_makes_concurrent_calls_meet(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "sandbox.db") as sandbox:
        account = Account(sandbox)
        meter, hour = account.meter(), account.past_hour()

        def send_50() -> int:
            accepted = 0
            for _ in range(50):
                with suppress(stripe.RateLimitError):
                    account.send(meter, 1, hour)
                    accepted += 1
            return accepted

        with ThreadPoolExecutor(4) as pool:
            accepted = sum(future.result() for future in [pool.submit(send_50) for _ in range(4)])
        refused = sandbox.usage()["concurrent_calls_refused"]
        assert accepted + refused == 200
        assert refused > 0
        assert account.total(meter, hour, hour + 60) == accepted


def test_a_retry_while_its_first_call_is_at_work_is_409_and_no_violation_of_the_order(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.sandbox.settings(service_seconds=SERVICE)
    first, retry = _at_once(*[lambda: alone.send(meter, 5, hour, identifier="a", key="a")] * 2)
    assert first is None
    assert retry is not None
    assert (retry.http_status, _code(retry)) == (409, "idempotency_key_in_use")
    tally = alone.sandbox.usage()
    assert (tally["concurrent_calls_refused"], tally["concurrent_keys_refused"]) == (0, 1)


def test_a_call_cut_off_by_a_reset_of_the_account_leaves_nothing_behind(alone: Account) -> None:
    meter = alone.meter()
    alone.sandbox.settings(service_seconds=SERVICE)
    (sent, _) = _at_once(lambda: alone.send(meter, 5), alone.sandbox.reset)
    assert isinstance(sent, stripe.APIConnectionError)
    tally = alone.sandbox.usage()
    assert (tally["received"], tally["refused"]) == (0, 0)


def test_more_calls_a_second_than_allowed_are_429_with_the_reason_and_not_kept(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.sandbox.settings(calls_per_second=4)
    errors = []
    for place in range(6):
        try:
            alone.send(meter, 1, hour, identifier=str(place), key=str(place))
        except stripe.RateLimitError as limited:
            errors.append((str(place), limited))
    assert len(errors) >= 1  # a slow machine earns tokens meanwhile
    name, error = errors[-1]
    assert error.headers is not None
    assert error.headers["Stripe-Rate-Limited-Reason"] == "global-rate"
    assert alone.sandbox.usage()["rate_limited"] == len(errors)
    time.sleep(0.3)
    alone.send(meter, 1, hour, identifier=name, key=name)
    alone.sandbox.settings(calls_per_second=None)
    for _ in range(30):
        alone.send(meter, 1, hour)
    assert alone.sandbox.usage()["rate_limited"] == len(errors)


@given(rate=st.integers(1, 20), pauses=st.lists(st.floats(0, 2), max_size=60))
def test_no_stretch_of_time_sees_more_calls_than_its_seconds_and_one_more_allow(rate: int, pauses: list[float]) -> None:
    now, admitted = 0.0, []
    traffic, settings = Traffic(lambda: now), Settings(calls_per_second=rate)
    for pause in pauses:
        now += pause
        with suppress(StripeError):
            traffic.admit(settings)
            admitted.append(now)
    for place, start in enumerate(admitted):
        for count, end in enumerate(admitted[place:], start=1):
            assert count <= (end - start + 1) * rate + 1e-6
    assert traffic.rate_limited == len(pauses) - len(admitted)


def test_calls_at_the_allowed_pace_are_never_limited() -> None:
    now = 0.0
    traffic, settings = Traffic(lambda: now), Settings(calls_per_second=8)
    for place in range(200):
        now = place / 8
        traffic.admit(settings)
    assert traffic.rate_limited == 0


def test_settings_start_as_documented_change_one_by_one_and_are_reset(alone: Account) -> None:
    start = {
        "calls_per_second": 1000,
        "lag_seconds": 0,
        "service_seconds": 0,
        "concurrency_answer": "429",
        "unsigned_customers": True,
        "deleted_customers": "refuse",
        "report_seconds": 10,
        "samples_max": None,
        **asdict(BillingSettings()),
    }
    assert alone.sandbox.settings() == start
    assert alone.sandbox.settings(lag_seconds=5.5, calls_per_second=None) == {
        **start,
        "lag_seconds": 5.5,
        "calls_per_second": None,
    }
    assert requests.get(f"{alone.sandbox.url}/_sandbox/settings", timeout=20).json()["lag_seconds"] == 5.5
    alone.sandbox.reset()
    assert alone.sandbox.settings() == start


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        {"colour": "blue"},
        {"lag_seconds": -1},
        {"lag_seconds": True},
        {"lag_seconds": None},
        {"calls_per_second": 0},
        {"service_seconds": 61},
        {"concurrency_answer": 429},
        {"deleted_customers": "forget"},
        {"unsigned_customers": 1},
        {"samples_max": 1.5},
        {"lag_seconds": 7, "colour": "blue"},
    ],
)
def test_a_setting_that_is_not_documented_is_refused_and_changes_nothing(alone: Account, wrong: Any) -> None:
    before = alone.sandbox.settings()
    told = requests.post(f"{alone.sandbox.url}/_sandbox/settings", json=wrong, timeout=20)
    assert (told.status_code, told.json()["error"]["type"]) == (400, "invalid_request_error")
    assert alone.sandbox.settings() == before


def test_without_unsigned_customers_only_created_ones_exist(alone: Account) -> None:
    meter = alone.meter()
    alone.sandbox.settings(unsigned_customers=False)
    assert "No such customer" in str(alone.refusal(meter, 1, customer="cus_nobody"))
    made = alone.stripe.v1.customers.create({"name": "Shop"})
    alone.send(meter, 1, customer=made.id)


def test_the_requests_seen_say_what_was_sent_and_answered_without_any_key(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.sandbox.faults({"kind": "drop_before", "identifier": "b"})
    alone.send(meter, 5, hour, identifier="a", key="a")
    alone.cut_off(meter, 6, hour, identifier="b", key="b")
    alone.refusal(meter, "many", hour, identifier="c", key="c")
    alone.sandbox.client("sk_test_verysecret").v1.customers.create({"name": fresh_name("Shop")})
    with pytest.raises(stripe.AuthenticationError):
        alone.sandbox.client("sk_live_verysecret").v1.customers.create({"name": "Shop"})
    seen = alone.sandbox.requests(5)
    assert [(each["status"], each["fault"], each["idempotency_key"]) for each in seen[:3]] == [
        (200, None, "a"),
        (None, "drop_before", "b"),
        (400, None, "c"),
    ]
    assert seen[0]["fields"] == {
        "event_name": meter.event_name,
        "identifier": "a",
        "payload": {"stripe_customer_id": "cus_shop", "value": "5"},
        "timestamp": str(hour),
    }
    assert (seen[0]["method"], seen[0]["path"]) == ("POST", "/v1/billing/meter_events")
    assert seen[0]["at"] == alone.sandbox.health()["now"]
    assert [each["status"] for each in seen[3:]] == [200, 401]
    assert "verysecret" not in str(seen)
    assert alone.sandbox.requests(1) == seen[-1:]
