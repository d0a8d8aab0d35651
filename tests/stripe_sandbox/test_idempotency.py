"""``Idempotency-Key``: the first answer is the only one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import stripe

from tests.sandbox_process import fresh_name
from tests.stripe_sandbox.account import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.stripe_sandbox.account import Account


def _headers(thing: stripe.StripeObject) -> Mapping[str, str]:
    assert thing.last_response is not None
    return thing.last_response.headers


def test_the_same_key_and_body_are_answered_200_again_and_counted_once(account: Account) -> None:
    meter, hour, name = account.meter(), account.past_hour(), fresh_name("event")
    first = account.send(meter, 5, hour, identifier=name, key=name)
    again = account.send(meter, 5, hour, identifier=name, key=name)
    assert again.to_dict() == first.to_dict()
    assert "Idempotent-Replayed" not in _headers(first)
    assert _headers(again)["Idempotent-Replayed"] == "true"
    assert _headers(again)["Original-Request"] == _headers(first)["Request-Id"] != _headers(again)["Request-Id"]
    assert account.total(meter, hour, hour + 60) == 5


def test_a_stored_refusal_is_replayed_even_after_its_cause_is_gone(account: Account) -> None:
    meter, hour, key = account.meter(), account.past_hour(), fresh_name("key")
    account.stripe.v1.billing.meters.deactivate(meter.id)
    first = account.refusal(meter, 5, hour, identifier=key, key=key)
    account.stripe.v1.billing.meters.reactivate(meter.id)
    again = account.refusal(meter, 5, hour, identifier=key, key=key)
    assert (again.http_status, again.user_message) == (first.http_status, first.user_message)
    assert again.headers is not None
    assert again.headers["Idempotent-Replayed"] == "true"
    assert account.send(meter, 5, hour, identifier=key).identifier == key


def test_a_replayed_duplicate_still_tells_the_sdk_not_to_retry(account: Account) -> None:
    meter, key = account.meter(), fresh_name("key")
    account.send(meter, 5, account.past_hour(), identifier=meter.id)
    hour = account.past_hour()
    for _ in range(2):
        error = account.refusal(meter, 5, hour, identifier=meter.id, key=key)
        assert error.headers is not None
        assert error.headers["stripe-should-retry"] == "false"


def test_the_same_key_with_other_parameters_is_an_idempotency_error(account: Account) -> None:
    meter, hour, key = account.meter(), account.past_hour(), fresh_name("key")
    account.send(meter, 5, hour, identifier=key, key=key)
    error = account.refusal(meter, 6, hour, identifier=key, key=key)
    assert isinstance(error, stripe.IdempotencyError)
    assert error.http_status == 400
    assert account.total(meter, hour, hour + 60) == 5


def test_what_failed_for_its_parameters_is_not_kept_under_its_key(account: Account) -> None:
    meter, hour, key = account.meter(), account.past_hour(), fresh_name("key")
    account.refusal(meter, 5, hour, identifier="i" * 101, key=key)
    assert account.send(meter, 5, hour, key=key).timestamp == hour


def test_a_key_is_kept_for_24_hours_and_then_means_a_new_request(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.send(meter, 5, hour, identifier="once", key="key")
    alone.sandbox.set_clock(advance_seconds=DAY - 1)
    alone.send(meter, 5, hour, identifier="once", key="key")
    assert alone.total(meter, hour, hour + 60) == 5
    alone.sandbox.set_clock(advance_seconds=1)
    alone.send(meter, 5, hour, identifier="once", key="key")
    assert alone.total(meter, hour, hour + 60) == 10


def test_a_key_of_more_than_255_characters_is_refused(account: Account) -> None:
    with pytest.raises(stripe.IdempotencyError, match="256 characters"):
        account.send(account.meter(), 5, key="k" * 256)
