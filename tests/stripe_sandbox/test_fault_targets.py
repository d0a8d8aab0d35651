"""Which calls a fault strikes, how often, and what the sandbox says about its faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
import stripe

from tests.sandbox_process import fresh_name

if TYPE_CHECKING:
    from tests.stripe_sandbox.account import Account


def _outcomes(account: Account, meter: stripe.billing.Meter, times: int, **options: Any) -> str:
    """One letter a call: ``x`` where a fault struck."""
    letters = ""
    for _ in range(times):
        try:
            account.send(meter, 1, **options)
            letters += "."
        except stripe.APIError:
            letters += "x"
    return letters


@pytest.mark.parametrize(
    ("more", "outcomes"),
    [
        ({}, "x....."),
        ({"times": 3}, "xxx..."),
        ({"nth": 3}, "..x..."),
        ({"nth": 2, "times": 2}, ".xx..."),
        ({"probability": 1}, "xxxxxx"),
        ({"probability": 0}, "......"),
        ({"probability": 1, "times": 2, "nth": 4}, "...xx."),
    ],
)
def test_nth_times_and_probability_choose_the_calls(account: Account, more: dict[str, Any], outcomes: str) -> None:
    meter = account.meter()
    account.sandbox.faults({"kind": "unavailable", "event_name": meter.event_name, **more})
    assert _outcomes(account, meter, 6) == outcomes


def test_the_same_seed_strikes_the_same_calls_and_another_seed_others(account: Account) -> None:
    outcomes = []
    for seed in (7, 7, 8):
        meter = account.meter()
        chance = {"kind": "unavailable", "event_name": meter.event_name, "probability": 0.5, "seed": seed}
        account.sandbox.faults(chance)
        outcomes.append(_outcomes(account, meter, 40))
    assert outcomes[0] == outcomes[1] != outcomes[2]
    assert 8 <= outcomes[0].count("x") <= 32


@pytest.mark.parametrize("named", ["customer", "event_name", "identifier"])
def test_a_fault_strikes_only_whom_it_names(account: Account, named: str) -> None:
    meter, other, name = account.meter(), account.meter(), fresh_name(named)
    customer = fresh_name("cus")
    told = {"customer": customer, "event_name": meter.event_name, "identifier": name}
    account.sandbox.faults({"kind": "unavailable", named: told[named]})
    assert _outcomes(account, other, 2) == ".."
    assert _outcomes(account, meter, 1, customer=customer, identifier=name) == "x"


def test_a_customer_is_recognized_by_the_meters_own_payload_key(account: Account) -> None:
    meter, customer = account.meter(customer_mapping={"type": "by_id", "event_payload_key": "who"}), fresh_name("cus")
    account.sandbox.faults({"kind": "unavailable", "customer": customer})
    with pytest.raises(stripe.APIError):
        account.stripe.v1.billing.meter_events.create(
            {"event_name": meter.event_name, "payload": {"who": customer, "value": "1"}}
        )


def test_of_two_faults_that_want_a_call_the_older_strikes_and_both_count_it(account: Account) -> None:
    meter = account.meter()
    both = {"kind": "unavailable", "event_name": meter.event_name}
    account.sandbox.faults(both, {**both, "nth": 3})
    assert _outcomes(account, meter, 4) == "x.x."


def test_an_endpoint_is_named_by_its_template_or_its_path_and_may_be_narrowed_to_a_method(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    meters = alone.stripe.v1.billing.meters
    alone.sandbox.faults({"kind": "unavailable", "endpoint": "/v1/billing/meters/{id}/event_summaries"})
    meters.retrieve(meter.id)
    with pytest.raises(stripe.APIError):
        alone.total(meter, hour, hour + 60)
    alone.sandbox.faults({"kind": "unavailable", "endpoint": "/v1/billing/meters", "method": "POST"})
    meters.retrieve(meter.id)
    with pytest.raises(stripe.APIError):
        meters.deactivate(meter.id)
    alone.sandbox.faults({"kind": "unavailable", "endpoint": "/v2", "times": 2})
    alone.send(meter, 1)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            alone.reports()
    assert alone.reports() == []


def test_the_list_of_faults_says_what_each_saw_and_struck_and_the_tally_what_each_kind_did(alone: Account) -> None:
    meter = alone.meter()
    alone.sandbox.faults({"kind": "unavailable", "nth": 2}, {"kind": "swallow", "nth": 9, "customer": "cus_x"})
    _outcomes(alone, meter, 3)
    assert alone.sandbox.faults() == [
        {"kind": "unavailable", "endpoint": "/v1/billing/meter_events", "nth": 2, "times": 1, "seen": 3, "fired": 1},
        {
            "kind": "swallow",
            "endpoint": "/v1/billing/meter_events",
            "customer": "cus_x",
            "nth": 9,
            "times": 1,
            "seen": 0,
            "fired": 0,
        },
    ]
    alone.sandbox.clear_faults()
    assert alone.sandbox.faults() == []
    assert alone.sandbox.usage()["faults"] == {"unavailable": 1}


def test_a_reset_takes_back_faults_late_calls_and_tallies(alone: Account) -> None:
    meter = alone.meter()
    alone.sandbox.faults({"kind": "late", "seconds": 5}, {"kind": "unavailable", "nth": 2})
    alone.cut_off(meter, 1)
    alone.sandbox.reset()
    alone.sandbox.set_clock(advance_seconds=10)
    assert alone.sandbox.faults() == []
    tally = alone.sandbox.usage()
    assert (tally["received"], tally["refused"], tally["faults"]) == (0, 0, {})
    assert alone.sandbox.requests() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [],
        5,
        {"kind": "nothing"},
        {"kind": "slow"},
        {"kind": "slow", "seconds": -1},
        {"kind": "slow", "seconds": "1"},
        {"kind": "swallow", "seconds": 1},
        {"kind": "swallow", "nth": 0},
        {"kind": "swallow", "times": 0},
        {"kind": "swallow", "times": 1.5},
        {"kind": "swallow", "probability": 2},
        {"kind": "swallow", "probability": True},
        {"kind": "swallow", "colour": "blue"},
        {"kind": "swallow", "endpoint": "/v1/customers"},
        {"kind": "drop_before", "endpoint": "v1"},
        {"kind": "drop_before", "method": "PATCH"},
        {"kind": "drop_before", "customer": ""},
    ],
)
def test_a_fault_that_is_not_documented_is_refused_together_with_its_list(alone: Account, wrong: Any) -> None:
    told = requests.post(
        f"{alone.sandbox.url}/_sandbox/faults",
        json=wrong if wrong == 5 else [{"kind": "swallow"}, wrong],
        timeout=20,
    )
    assert (told.status_code, told.json()["error"]["type"]) == (400, "invalid_request_error")
    assert alone.sandbox.faults() == []
