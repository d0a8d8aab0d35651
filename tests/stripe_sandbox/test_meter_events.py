"""What the sandbox accepts and refuses at the door, as Stripe does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import stripe

from tests.sandbox_process import fresh_name
from tests.stripe_sandbox.account import DAY

if TYPE_CHECKING:
    from tests.stripe_sandbox.account import Account


def test_a_repeated_identifier_is_refused_with_400_and_no_code_and_counts_once(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour()
    account.send(meter, 5, hour, identifier="twice" + meter.id)
    error = account.refusal(meter, 7, hour, customer="cus_other", identifier="twice" + meter.id)
    assert isinstance(error, stripe.InvalidRequestError)
    assert (error.http_status, error.code) == (400, None)
    assert error.user_message == f"An event already exists with identifier twice{meter.id}."
    assert error.headers is not None
    assert error.headers["stripe-should-retry"] == "false"
    assert account.total(meter, hour, hour + 60) == 5
    assert account.total(meter, hour, hour + 60, customer="cus_other") == 0


def test_an_identifier_is_remembered_for_24_hours_on_the_sandboxs_clock_and_not_a_second_longer(
    alone: Account,
) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.send(meter, 5, hour, identifier="once")
    alone.sandbox.set_clock(advance_seconds=DAY - 1)
    assert "already exists" in str(alone.refusal(meter, 5, hour, identifier="once"))
    alone.sandbox.set_clock(advance_seconds=1)
    alone.send(meter, 5, hour, identifier="once")
    assert alone.total(meter, hour, hour + 60) == 10


def test_a_refused_resend_does_not_prolong_the_memory_of_an_identifier(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.send(meter, 5, hour, identifier="once")
    alone.sandbox.set_clock(advance_seconds=DAY / 2)
    alone.refusal(meter, 5, hour, identifier="once")
    alone.sandbox.set_clock(advance_seconds=DAY / 2)
    assert alone.send(meter, 5, hour, identifier="once").identifier == "once"


def test_a_refused_event_does_not_burn_its_identifier(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour()
    account.refusal(meter, "many", hour, identifier=meter.id)
    assert account.send(meter, 5, hour, identifier=meter.id).identifier == meter.id


def test_timestamps_are_accepted_up_to_35_days_back_and_5_minutes_ahead_and_no_second_further(
    alone: Account,
) -> None:
    meter, now = alone.meter(), alone.now()
    for accepted in (now - 35 * DAY, now + 300):
        assert alone.send(meter, 1, accepted).timestamp == accepted
    too_old = alone.refusal(meter, 1, now - 35 * DAY - 1)
    assert too_old.user_message == (
        "The event timestamp cannot be more than 35 days in past. "
        f"Expected a timestamp greater than or equal to {now - 35 * DAY}."
    )
    too_new = alone.refusal(meter, 1, now + 301)
    assert (too_old.http_status, too_new.http_status) == (400, 400)


def test_an_event_without_a_timestamp_or_identifier_gets_both(alone: Account) -> None:
    meter = alone.meter()
    event = alone.stripe.v1.billing.meter_events.create(
        {"event_name": meter.event_name, "payload": {"stripe_customer_id": "cus_shop", "value": "3"}}
    )
    assert event.timestamp == alone.now()
    assert event.identifier


@pytest.mark.parametrize("wording", ["no such meter at all", "deactivated"])
def test_an_unknown_or_inactive_meter_refuses_events_by_name(account: Account, wording: str) -> None:
    meter = account.meter()
    if wording == "deactivated":
        account.stripe.v1.billing.meters.deactivate(meter.id)
    else:
        meter.event_name = fresh_name("nobody")
    error = account.refusal(meter, 1)
    assert error.http_status == 400
    assert error.user_message == f'No active meter found for event name "{meter.event_name}".'


@pytest.mark.parametrize("value", ["123456789012345", "-5", "0", "5.10", "+7", "0000000000000000000012", ".5"])
def test_decimals_of_up_to_15_digits_are_accepted(account: Account, value: str) -> None:
    meter, hour = account.meter(), account.past_hour()
    account.send(meter, value, hour)
    assert account.total(meter, hour, hour + 60) == float(value)


@pytest.mark.parametrize("value", ["1234567890123456", "0.1234567890123456", "1000000000000000"])
def test_more_than_15_significant_digits_are_refused(account: Account, value: str) -> None:
    error = account.refusal(account.meter(), value)
    assert error.http_status == 400
    assert "at most 15 digits" in str(error)


@pytest.mark.parametrize("value", ["many", "1e21", "NaN", "Infinity", "0x10", "1,5", "5 ", "٣", "true", "."])
def test_a_value_that_is_no_plain_decimal_is_refused(account: Account, value: str) -> None:
    error = account.refusal(account.meter(), value)
    assert error.http_status == 400
    assert isinstance(error, stripe.InvalidRequestError)
    assert error.param == "payload[value]"


@pytest.mark.parametrize("missing", ["tenant", "amount"])
def test_the_payload_has_to_hold_the_meters_own_customer_and_value_keys(account: Account, missing: str) -> None:
    meter = account.meter(
        customer_mapping={"type": "by_id", "event_payload_key": "tenant"},
        value_settings={"event_payload_key": "amount"},
    )
    full = {"tenant": "cus_shop", "amount": "4"}
    events = account.stripe.v1.billing.meter_events
    with pytest.raises(stripe.InvalidRequestError, match=f"key {missing} not found in payload") as caught:
        events.create({"event_name": meter.event_name, "payload": {k: full[k] for k in full if k != missing}})
    assert caught.value.param == f"payload[{missing}]"
    assert events.create({"event_name": meter.event_name, "payload": full}).payload.to_dict() == full


def test_a_customer_that_is_no_customer_id_or_was_deleted_is_refused(account: Account) -> None:
    meter = account.meter()
    customer = account.stripe.v1.customers.create({"name": "Corner Shop"})
    account.send(meter, 1, customer=customer.id)
    account.stripe.v1.customers.delete(customer.id)
    for unknown in (customer.id, "tenant-7"):
        error = account.refusal(meter, 1, customer=unknown)
        assert (error.http_status, error.user_message) == (400, f"No such customer: '{unknown}'")


def test_a_customer_id_seen_in_an_event_exists_from_then_on_and_not_before(account: Account) -> None:
    meter, customer = account.meter(), fresh_name("cus")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        account.stripe.v1.customers.retrieve(customer)
    assert caught.value.http_status == 404
    account.send(meter, 1, customer=customer)
    assert account.stripe.v1.customers.retrieve(customer).id == customer


def test_an_event_answer_has_no_id_and_repeats_what_was_sent(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour()
    event = account.send(meter, "5.50", hour, identifier=meter.id)
    assert event.to_dict() == {
        "object": "billing.meter_event",
        "created": event.created,
        "event_name": meter.event_name,
        "identifier": meter.id,
        "livemode": False,
        "payload": {"stripe_customer_id": "cus_shop", "value": "5.50"},
        "timestamp": hour,
    }
