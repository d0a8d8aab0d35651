"""Trying again within one attempt: what is worth another try, when, and under which Idempotency-Key."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

import stripe

from fridge_pipeline.stripe.answers import answer_to_error
from fridge_pipeline.stripe.pace import Pace
from fridge_pipeline.stripe.rules.answer import OPEN_OUTCOMES, Answer, Outcome

#: Tries of one attempt. The next push goes on where this one gives up, so there is no need for many.
TRIES_MAX = 4

#: Seconds before the second try; doubled for each further one, and shortened by chance so that not all come at once
#: (docs.stripe.com/rate-limits: "exponential backoff … with some randomness").
FIRST_PAUSE_SECONDS = 0.5

#: Present on a 429 when the caller is too fast; absent when something else holds a lock (docs.stripe.com/rate-limits).
TOO_FAST = "stripe-rate-limited-reason"
REPLAYED = "idempotent-replayed"

#: Sends the request once under an Idempotency-Key; raises the SDK's errors.
Send = Callable[[str], Answer]


class Retries:
    """Sends a request until Stripe decides, or until it is no longer worth it."""

    def __init__(self, pace: Pace, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._pace = pace
        self._monotonic = monotonic
        self._sleep = sleep

    def decide(self, send: Send, key: str, is_futile: Callable[[], bool]) -> Answer:
        """Stripe's answer, or the last one that decided nothing; ``is_futile`` is asked before every further try.

        Every try has the same identifier, and the Idempotency-Key ``key`` for as long as that can lead anywhere:
        Stripe stores a 500 under its key and gives it again for 24 hours
        (docs.stripe.com/api/idempotent_requests), so after such a replay a try gets a key of its own. The
        identifier, not the key, is what keeps an event from counting twice.
        """
        begun = self._monotonic()
        burnt = had_undecided = False
        answer = Answer(Outcome.NOT_SENT, "not tried")
        for tries in range(1, TRIES_MAX + 1):
            self._pace.wait()
            answer, error = self._try(send, f"{key}#{tries}" if burnt else key)
            answer = replace(
                answer,
                tries=tries,
                had_undecided_try=had_undecided,
                latency_seconds=self._monotonic() - begun,
            )
            if error is None or answer.outcome not in OPEN_OUTCOMES:
                return answer
            had_undecided = had_undecided or answer.outcome is Outcome.UNDECIDED
            burnt = burnt or _is_replay(error)
            if tries == TRIES_MAX or is_futile():
                break
            self._pause(error, tries)
        return answer

    @staticmethod
    def _try(send: Send, key: str) -> tuple[Answer, stripe.StripeError | None]:
        try:
            return send(key), None
        except stripe.StripeError as error:
            return answer_to_error(error), error

    def _pause(self, error: stripe.StripeError, tries: int) -> None:
        seconds = FIRST_PAUSE_SECONDS * 2 ** (tries - 1) * random.uniform(0.5, 1.0)  # noqa: S311 # no secret
        if error.http_status == HTTPStatus.TOO_MANY_REQUESTS and _has_header(error, TOO_FAST):
            self._pace.hold_back(seconds)
        else:
            self._sleep(seconds)


def _is_replay(error: stripe.StripeError) -> bool:
    return _has_header(error, REPLAYED)


def _has_header(error: stripe.StripeError, name: str) -> bool:
    return any(header.lower() == name for header in error.headers or {})
