"""What one attempt does with answers that decide nothing: when it tries again, who waits, and under which key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import stripe

from fridge_pipeline.stripe.retries import TRIES_MAX, RateLimiter, Retries
from fridge_pipeline.stripe.rules.answer import Answer, Outcome, status_after
from fridge_pipeline.stripe.rules.meter_event import Status

TOO_FAST = stripe.RateLimitError("slow down", http_status=429, headers={"Stripe-Rate-Limited-Reason": "global-rate"})
LOCKED = stripe.RateLimitError("lock timeout", http_status=429, headers={})
BUSY = stripe.APIError("conflict", http_status=409, headers={})
DOWN = stripe.APIError("unavailable", http_status=503, headers={})
STORED = stripe.APIError("stored", http_status=500, headers={"Idempotent-Replayed": "true"})
BAD = stripe.InvalidRequestError("No such customer", "payload", http_status=400, headers={})  # type: ignore[no-untyped-call]


class Sender:
    """Raises the given errors one by one, then accepts; remembers the keys it was given."""

    def __init__(self, *errors: stripe.StripeError) -> None:
        self._errors = list(errors)
        self.keys: list[str] = []

    def __call__(self, key: str) -> Answer:
        """One request."""
        self.keys.append(key)
        if self._errors:
            raise self._errors.pop(0)
        return Answer(Outcome.ACCEPTED, "received", 200)


class WatchedLimiter(RateLimiter):
    """The rate limiter, and how long it was told to hold everybody back."""

    held_back: list[float]

    def hold_back(self, seconds: float) -> None:
        """As ``RateLimiter.hold_back``."""
        self.held_back.append(seconds)
        super().hold_back(seconds)


class SharedRetries:
    """A clock that moves by sleeping, and a rate limiter that many share."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.held_back: list[float] = []
        self.limiter = WatchedLimiter(1000, lambda: self.now, self._sleep)
        self.limiter.held_back = self.held_back
        self.retries = Retries(self.limiter)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def decide(self, sender: Sender, is_futile: Callable[[], bool] = lambda: False) -> Answer:
        """One attempt."""
        return self.retries.decide(sender, "key", is_futile)


@pytest.mark.parametrize(("error", "holds_others_back"), [(TOO_FAST, True), (LOCKED, False), (BUSY, False)])
def test_everybody_waits_when_stripe_says_we_are_too_fast_and_only_the_caller_when_a_lock_is_held(
    error: stripe.StripeError,
    holds_others_back: bool,  # noqa: FBT001
) -> None:
    world = SharedRetries()
    answer = world.decide(Sender(error))
    assert (answer.outcome, answer.tries) == (Outcome.ACCEPTED, 2)
    assert 0.25 <= sum(world.slept) <= 0.51, "the caller waits in any case"
    assert world.held_back == ([pytest.approx(sum(world.slept), abs=0.01)] if holds_others_back else [])


@pytest.mark.parametrize("error", [TOO_FAST, LOCKED, BUSY, DOWN])
def test_an_attempt_gives_up_after_four_tries_and_waits_longer_before_each(error: stripe.StripeError) -> None:
    world, sender = SharedRetries(), Sender(*[error] * 9)
    answer = world.decide(sender)
    assert (answer.tries, len(sender.keys)) == (TRIES_MAX, TRIES_MAX)
    pauses = [seconds for seconds in world.slept if seconds > 0.01]
    assert len(pauses) == TRIES_MAX - 1
    for pause, full in zip(pauses, (0.5, 1.0, 2.0), strict=True):
        assert full / 2 - 0.01 <= pause <= full + 0.01
    assert status_after(answer, was_undecided=False) is Status.UNKNOWN


def test_no_further_try_is_made_once_it_is_futile() -> None:
    sender = Sender(*[DOWN] * 9)
    assert SharedRetries().decide(sender, is_futile=lambda: True).tries == 1
    assert len(sender.keys) == 1


def test_the_key_is_the_identifier_until_stripe_gives_a_stored_error_again() -> None:
    sender = Sender(DOWN, STORED)
    answer = SharedRetries().decide(sender)
    assert sender.keys == ["key", "key", "key#3"]
    assert (answer.outcome, answer.had_undecided_try) == (Outcome.ACCEPTED, True)


def test_a_refusal_counts_as_final_only_when_no_earlier_try_can_have_got_through() -> None:
    for errors, status in (((BAD,), Status.REFUSED), ((LOCKED, BAD), Status.REFUSED), ((DOWN, BAD), Status.UNKNOWN)):
        answer = SharedRetries().decide(Sender(*errors))
        assert (answer.outcome, status_after(answer, was_undecided=False)) == (Outcome.REFUSED, status)
    assert status_after(SharedRetries().decide(Sender(BAD)), was_undecided=True) is Status.UNKNOWN
