"""What summaries show later than it happened, and events that are taken out of what counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import stripe

from tests.sandbox_process import fresh_name
from tests.stripe_sandbox.account import DAY, HOUR

if TYPE_CHECKING:
    from tests.stripe_sandbox.account import Account

LAG = 120  # seconds


def test_an_event_is_in_the_summaries_only_after_the_lag_and_in_the_tally_at_once(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.sandbox.settings(lag_seconds=LAG)
    alone.send(meter, 5, hour)
    alone.sandbox.set_clock(advance_seconds=LAG - 1)
    assert (alone.total(meter, hour, hour + 60), alone.per_window(meter, hour, hour + HOUR)) == (0, {})
    assert alone.sandbox.usage()["data"][0]["value"] == 5
    alone.sandbox.set_clock(advance_seconds=1)
    assert (alone.total(meter, hour, hour + 60), alone.per_window(meter, hour, hour + HOUR)) == (5, {hour: 5})


def test_until_an_overwriting_event_is_visible_the_one_before_it_shows(alone: Account) -> None:
    meter, hour = alone.meter("sum", "hour"), alone.past_hour()
    alone.sandbox.settings(lag_seconds=LAG)
    shown = []
    for value in (5, 7, 9):
        alone.send(meter, value, hour)
        alone.sandbox.set_clock(advance_seconds=LAG / 2)
        shown.append(alone.total(meter, hour, hour + 60))
    for _ in range(2):
        alone.sandbox.set_clock(advance_seconds=LAG / 2)
        shown.append(alone.total(meter, hour, hour + 60))
    assert shown == [0, 5, 7, 9, 9]


def test_without_lag_everything_received_is_visible_also_on_a_clock_that_was_set_back(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.send(meter, 5, hour)
    alone.sandbox.set_clock(advance_seconds=-HOUR)
    assert alone.total(meter, hour, hour + 60) == 5


def test_a_cancelled_event_of_a_raw_meter_no_longer_counts_and_its_neighbours_do(account: Account) -> None:
    meter, hour, name = account.meter(), account.past_hour(), fresh_name("event")
    account.send(meter, 5, hour, identifier=name)
    account.send(meter, 7, hour)
    adjustment = account.cancel(meter, name)
    assert (adjustment.status, adjustment.cancel.identifier) == ("complete", name)
    assert account.total(meter, hour, hour + 60) == 7
    assert [row["value"] for row in account.sandbox.usage(event_name=meter.event_name)["data"]] == [7]


def test_cancelling_the_counting_event_of_a_window_empties_it_and_an_overwritten_one_changes_nothing(
    account: Account,
) -> None:
    meter, hour, names = account.meter("sum", "hour"), account.past_hour(), [fresh_name("event") for _ in range(2)]
    for value, name in zip((5, 7), names, strict=True):
        account.send(meter, value, hour, identifier=name)
    account.cancel(meter, names[0])
    assert account.total(meter, hour, hour + 60) == 7
    account.cancel(meter, names[1])
    assert account.per_window(meter, hour, hour + HOUR) == {}
    account.send(meter, 9, hour)
    assert account.total(meter, hour, hour + 60) == 9


def test_a_cancellation_lags_like_an_event_and_says_pending(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.send(meter, 5, hour, identifier="event")
    alone.sandbox.set_clock(advance_seconds=LAG)
    alone.sandbox.settings(lag_seconds=LAG)
    assert alone.cancel(meter, "event").status == "pending"
    assert alone.total(meter, hour, hour + 60) == 5
    assert alone.sandbox.usage()["data"] == []
    alone.sandbox.set_clock(advance_seconds=LAG)
    assert alone.total(meter, hour, hour + 60) == 0


def test_an_event_can_be_cancelled_for_24_hours_from_its_receipt_and_no_second_longer(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    alone.send(meter, 5, hour, identifier="a")
    alone.send(meter, 7, hour, identifier="b")
    alone.sandbox.set_clock(advance_seconds=DAY - 1)
    alone.cancel(meter, "a")
    alone.sandbox.set_clock(advance_seconds=1)
    with pytest.raises(stripe.InvalidRequestError, match="within the last 24 hours"):
        alone.cancel(meter, "b")
    assert alone.total(meter, hour, hour + 60) == 7


def test_a_cancelled_identifier_stays_remembered(account: Account) -> None:
    meter, hour, name = account.meter(), account.past_hour(), fresh_name("event")
    account.send(meter, 5, hour, identifier=name)
    account.cancel(meter, name)
    assert "already exists" in str(account.refusal(meter, 5, hour, identifier=name))


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("unknown", "No meter event with identifier"),
        ("cancelled before", "already cancelled"),
        ("another meter's", "has not the event name"),
    ],
)
def test_what_cannot_be_cancelled_is_refused_and_changes_nothing(account: Account, case: str, words: str) -> None:
    meter, hour, name = account.meter(), account.past_hour(), fresh_name("event")
    account.send(meter, 5, hour, identifier=name)
    if case == "cancelled before":
        account.cancel(meter, name)
    left = account.total(meter, hour, hour + 60)
    named = account.meter() if case == "another meter's" else meter
    with pytest.raises(stripe.InvalidRequestError, match=words) as caught:
        account.cancel(named, "nothing" if case == "unknown" else name)
    assert caught.value.http_status == 400
    assert account.total(meter, hour, hour + 60) == left


def test_a_cancellation_under_the_same_key_is_a_replay(account: Account) -> None:
    meter, name = account.meter(), fresh_name("event")
    account.send(meter, 5, identifier=name)
    first = account.cancel(meter, name, key=f"cancel {name}")
    again = account.cancel(meter, name, key=f"cancel {name}")
    assert again.to_dict() == first.to_dict()
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.InvalidRequestError, match="already cancelled"):
        account.cancel(meter, name, key=f"again {name}")
