"""Injected faults: what the caller sees, and what Stripe's books say about it."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests
import stripe

from tests.sandbox_process import fresh_name, start_sandbox
from tests.stripe_sandbox.account import Account

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = "/v1/billing/meter_events"


def test_dropped_before_nothing_happened_and_a_retry_counts_once(account: Account) -> None:
    meter, hour, name = account.meter(), account.past_hour(), fresh_name("event")
    account.sandbox.faults({"kind": "drop_before", "identifier": name})
    account.cut_off(meter, 5, hour, identifier=name, key=name)
    assert account.total(meter, hour, hour + 60) == 0
    account.send(meter, 5, hour, identifier=name, key=name)
    assert account.total(meter, hour, hour + 60) == 5


def test_dropped_after_it_counts_and_a_retry_under_its_key_is_a_replay(account: Account) -> None:
    meter, hour, name = account.meter(), account.past_hour(), fresh_name("event")
    account.sandbox.faults({"kind": "drop_after", "identifier": name})
    account.cut_off(meter, 5, hour, identifier=name, key=name)
    assert account.total(meter, hour, hour + 60) == 5
    replay = account.send(meter, 5, hour, identifier=name, key=name)
    assert replay.last_response is not None
    assert replay.last_response.headers["Idempotent-Replayed"] == "true"
    assert "already exists" in str(account.refusal(meter, 5, hour, identifier=name))
    assert account.total(meter, hour, hour + 60) == 5


def _raw(url: str, event_name: str) -> socket.socket:
    """A connection that has sent one meter event."""
    host, port = url.removeprefix("http://").split(":")
    body = f"event_name={event_name}&payload[value]=1&payload[stripe_customer_id]=cus_raw"
    head = (
        f"POST {EVENTS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sk_test_x\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall((head + body).encode())
    return connection


def test_a_reset_connection_ends_with_rst_and_a_dropped_one_with_its_end(account: Account) -> None:
    name = fresh_name("e")
    account.sandbox.faults({"kind": "reset", "event_name": name}, {"kind": "drop_before", "event_name": name})
    with _raw(account.sandbox.url, name) as connection, pytest.raises(ConnectionResetError):
        connection.recv(100)
    with _raw(account.sandbox.url, name) as connection:
        assert connection.recv(100) == b""


def test_cut_connections_are_neither_complained_about_nor_kept_open(tmp_path: Path) -> None:
    said = tmp_path / "stderr"
    sandbox = start_sandbox(prefix=("sh", "-c", f'exec "$@" 2>{said}', "sh"))
    try:
        meter = Account(sandbox).meter()
        for kind in ("drop_before", "drop_after", "reset"):
            sandbox.faults({"kind": kind, "event_name": meter.event_name, "times": 10})
        sandbox.faults({"kind": "late", "event_name": meter.event_name, "seconds": 60, "times": 10})
        before = psutil.Process(sandbox.process.pid).num_fds()
        for _ in range(40):
            with pytest.raises(requests.ConnectionError):
                requests.post(
                    sandbox.url + EVENTS,
                    data={"event_name": meter.event_name, "payload[value]": 1, "payload[stripe_customer_id]": "cus_a"},
                    headers={"Authorization": "Bearer sk_test_x"},
                    timeout=20,
                )
        assert sandbox.health()["status"] == "ok"
        assert psutil.Process(sandbox.process.pid).num_fds() <= before + 2
    finally:
        code = sandbox.stop()
    assert (code, said.read_text()) == (0, "")


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("rate_limited", 429, "rate_limit"),
        ("lock_timeout", 429, "lock_timeout"),
        ("conflict", 409, "idempotency_key_in_use"),
        ("unavailable", 503, None),
    ],
)
def test_what_is_turned_away_is_not_counted_and_not_kept_under_its_key(
    account: Account, kind: str, status: int, code: str | None
) -> None:
    meter, hour, key = account.meter(), account.past_hour(), fresh_name("key")
    account.sandbox.faults({"kind": kind, "event_name": meter.event_name})
    error = account.refusal(meter, 5, hour, identifier=key, key=key)
    assert isinstance(error.json_body, dict)
    assert (error.http_status, error.json_body["error"].get("code")) == (status, code)
    assert account.total(meter, hour, hour + 60) == 0
    account.send(meter, 5, hour, identifier=key, key=key)
    assert account.total(meter, hour, hour + 60) == 5


def test_a_rate_limit_names_its_reason_and_a_lock_timeout_asks_for_a_retry_instead(account: Account) -> None:
    meter = account.meter()
    account.sandbox.faults(
        {"kind": "rate_limited", "event_name": meter.event_name},
        {"kind": "rate_limited", "event_name": meter.event_name, "reason": "endpoint-concurrency"},
        {"kind": "lock_timeout", "event_name": meter.event_name},
    )
    headers = [account.refusal(meter, 1).headers or {} for _ in range(3)]
    reasons = [each.get("Stripe-Rate-Limited-Reason") for each in headers]
    assert reasons == ["global-rate", "endpoint-concurrency", None]
    assert [each.get("stripe-should-retry") for each in headers] == [None, None, "true"]


@pytest.mark.parametrize(("kind", "counted"), [("error_500", 0), ("error_500_after", 5)])
def test_a_500_is_kept_under_its_key_whether_or_not_the_event_was_counted(
    account: Account, kind: str, counted: int
) -> None:
    meter, hour, name = account.meter(), account.past_hour(), fresh_name("event")
    account.sandbox.faults({"kind": kind, "identifier": name})
    first = account.refusal(meter, 5, hour, identifier=name, key=name)
    again = account.refusal(meter, 5, hour, identifier=name, key=name)
    assert (first.http_status, again.http_status) == (500, 500)
    assert again.headers is not None
    assert again.headers["Idempotent-Replayed"] == "true"
    assert account.total(meter, hour, hour + 60) == counted
    if counted:
        assert "already exists" in str(account.refusal(meter, 5, hour, identifier=name))
    else:
        account.send(meter, 5, hour, identifier=name)
    assert account.total(meter, hour, hour + 60) == 5


def test_a_slow_call_is_executed_at_the_end_of_its_delay_also_for_a_caller_who_has_left(account: Account) -> None:
    meter, hour, name = account.meter(), account.past_hour(), fresh_name("event")
    account.sandbox.faults({"kind": "slow", "event_name": meter.event_name, "seconds": 0.3})
    impatient = Account(account.sandbox)
    impatient.stripe = stripe.StripeClient(
        "sk_test_x",
        base_addresses={"api": account.sandbox.url},
        http_client=stripe.RequestsClient(timeout=(3, 0.1)),
    )
    started = time.monotonic()
    impatient.cut_off(meter, 5, hour, identifier=name)
    assert account.total(meter, hour, hour + 60) == 0
    assert (account.refusal(meter, 5, hour, identifier=name).http_status, time.monotonic() - started < 0.3) == (
        429,
        True,
    )
    time.sleep(0.3)
    assert account.total(meter, hour, hour + 60) == 5


def test_a_late_call_overtakes_a_newer_one_once_the_clock_has_passed_it(alone: Account) -> None:
    meter, hour = alone.meter("sum", "hour"), alone.past_hour()
    alone.sandbox.faults({"kind": "late", "identifier": "old", "seconds": 60})
    alone.cut_off(meter, 5, hour, identifier="old", key="old")
    alone.send(meter, 7, hour, identifier="new")
    alone.sandbox.set_clock(advance_seconds=59)
    assert alone.total(meter, hour, hour + 60) == 7
    alone.sandbox.set_clock(advance_seconds=1)
    assert alone.total(meter, hour, hour + 60) == 5
    assert alone.sandbox.usage()["received"] == 2


def test_a_late_call_whose_time_has_come_on_a_running_clock_goes_before_the_next_request(alone: Account) -> None:
    meter, hour = alone.meter("sum", "hour"), alone.past_hour()
    alone.sandbox.set_clock(frozen=False, reset=True)
    alone.sandbox.faults({"kind": "late", "event_name": meter.event_name, "seconds": 0.1})
    alone.cut_off(meter, 5, hour)
    time.sleep(0.1)
    alone.send(meter, 7, hour)
    assert alone.total(meter, hour, hour + 60) == 7
    assert alone.sandbox.usage()["received"] == 2


@pytest.mark.parametrize("key", ["same", "other"])
def test_a_late_call_whose_retry_came_first_counts_once_under_any_key(alone: Account, key: str) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.sandbox.faults({"kind": "late", "identifier": "event", "seconds": 60})
    alone.cut_off(meter, 5, hour, identifier="event", key="same")
    alone.send(meter, 5, hour, identifier="event", key=key)
    alone.sandbox.set_clock(advance_seconds=60)
    assert alone.total(meter, hour, hour + 60) == 5
    assert alone.sandbox.usage()["refused"] == (0 if key == "same" else 1)


def test_a_clock_that_jumps_a_day_passes_a_late_call_while_its_identifier_is_still_remembered(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.sandbox.faults({"kind": "late", "identifier": "event", "seconds": 600})
    alone.cut_off(meter, 5, hour, identifier="event", key="one")
    alone.send(meter, 5, hour, identifier="event", key="other")
    alone.sandbox.set_clock(advance_seconds=24 * 3600 + 60)
    assert alone.total(meter, hour, hour + 60) == 5
    assert alone.sandbox.usage()["refused"] == 1


def test_late_calls_are_executed_in_the_order_of_their_times_with_the_checks_of_then(alone: Account) -> None:
    meter, hour = alone.meter("sum", "hour"), alone.past_hour()
    for value, seconds in ((1, 30), (2, 10), (3, 20)):
        alone.sandbox.faults({"kind": "late", "event_name": meter.event_name, "seconds": seconds})
        alone.cut_off(meter, value, hour)
    alone.sandbox.set_clock(advance_seconds=30)
    assert alone.total(meter, hour, hour + 60) == 1
    alone.sandbox.faults({"kind": "late", "event_name": meter.event_name, "seconds": 35 * 86_400})
    alone.cut_off(meter, 9, hour)
    alone.sandbox.set_clock(advance_seconds=35 * 86_400)
    assert alone.total(meter, hour, hour + 60) == 1  # its timestamp is too old by then
    assert alone.sandbox.usage()["refused"] == 1


@pytest.mark.parametrize(
    ("kind", "formula", "window", "counted"),
    [
        ("swallow", "sum", None, 0),
        ("swallow", "sum", "hour", 0),
        ("refuse_asynchronously", "sum", None, 0),
        ("count_twice", "sum", None, 10),
        ("count_twice", "count", None, 2),
        ("count_twice", "sum", "hour", 5),
    ],
)
def test_an_event_that_is_answered_200_may_count_never_or_twice(
    account: Account, kind: str, formula: str, window: str | None, counted: int
) -> None:
    meter, hour, name = account.meter(formula, window), account.past_hour(), fresh_name("event")
    account.sandbox.faults({"kind": kind, "identifier": name})
    assert account.send(meter, 5, hour, identifier=name).identifier == name
    assert account.total(meter, hour, hour + 60) == counted
    assert sum(row["value"] for row in account.sandbox.usage(event_name=meter.event_name)["data"]) == counted
    assert "already exists" in str(account.refusal(meter, 5, hour, identifier=name))


def test_a_swallowed_event_does_not_overwrite_the_one_that_counts(account: Account) -> None:
    meter, hour = account.meter("sum", "hour"), account.past_hour()
    account.send(meter, 5, hour)
    account.sandbox.faults({"kind": "swallow", "event_name": meter.event_name})
    account.send(meter, 7, hour)
    assert account.total(meter, hour, hour + 60) == 5


def test_a_refusal_says_what_it_was_told_to_and_is_kept_under_its_key(account: Account) -> None:
    meter, key = account.meter(), fresh_name("key")
    told: Any = {"kind": "refuse", "event_name": meter.event_name, "message": "Not today.", "code": "closed"}
    account.sandbox.faults(told)
    for _ in range(2):
        error = account.refusal(meter, 5, key=key, identifier=key)
        assert (error.http_status, error.user_message, error.code) == (400, "Not today.", "closed")
    account.send(meter, 5, identifier=key)
