"""What Stripe's answers mean, how often it is called, and what is tried again within one attempt."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

import stripe

from fridge_pipeline.stripe.connections import NeverConnectedError
from fridge_pipeline.stripe.rules.answer import OPEN_OUTCOMES, Answer, Outcome

#: A repeated identifier is refused with HTTP 400. Three shapes are in circulation: v1 without a code and with
#: this text (github.com/langfuse/langfuse/pull/16292), and two codes (v2 and older public code).
DUPLICATE_TEXT = "already exists with identifier"
DUPLICATE_CODES = frozenset({"duplicate_meter_event", "resource_already_exists"})


#: Client errors that say "not now" rather than "no".
UNDECIDED_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT})


def answer_to_error(error: stripe.StripeError) -> Answer:
    """The answer that an SDK exception stands for."""
    status = error.http_status
    return Answer(
        outcome=_outcome(error),
        text=" ".join(f"{type(error).__name__}: {error.user_message or error}".split())[:1000],
        http_status=status,
        request_id=error.request_id,
        reached=status is not None,
    )


def _outcome(error: stripe.StripeError) -> Outcome:
    if isinstance(error, (stripe.AuthenticationError, stripe.PermissionError)):
        return Outcome.KEY_REFUSED
    if isinstance(error, stripe.RateLimitError) or isinstance(error.__cause__, NeverConnectedError):
        return Outcome.NOT_RECEIVED
    if isinstance(error, (stripe.APIConnectionError, stripe.IdempotencyError)):
        return Outcome.UNDECIDED
    if is_duplicate(error):
        return Outcome.DUPLICATE
    status = error.http_status or HTTPStatus.INTERNAL_SERVER_ERROR
    client_error = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return Outcome.REFUSED if client_error and status not in UNDECIDED_STATUSES else Outcome.UNDECIDED


def is_duplicate(error: stripe.StripeError) -> bool:
    """Whether Stripe says that it already has this identifier."""
    if error.http_status != HTTPStatus.BAD_REQUEST:
        return False
    code = error.code or (error.error.code if error.error is not None else None)
    return code in DUPLICATE_CODES or DUPLICATE_TEXT in (error.user_message or "")


class RateLimiter:
    """Gives each caller the next free moment; ``monotonic`` and ``sleep`` are the time by which it goes, in seconds."""

    def __init__(self, calls_per_second: float, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        if calls_per_second <= 0:
            raise ValueError(f"calls per second must be positive, got {calls_per_second}")
        self.calls_per_second = calls_per_second
        self.monotonic = monotonic
        self.sleep = sleep
        self._next_free = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when the caller may call."""
        with self._lock:
            now = self.monotonic()
            moment = max(now, self._next_free)
            self._next_free = moment + 1.0 / self.calls_per_second
        if moment > now:
            self.sleep(moment - now)

    def hold_back(self, seconds: float) -> None:
        """Lets nobody call for so long: Stripe has said that all of us together are too fast."""
        with self._lock:
            self._next_free = max(self._next_free, self.monotonic() + seconds)


#: Tries of one attempt. The next delivery goes on where this one gives up, so there is no need for many.
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

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    def decide(self, send: Send, key: str, is_futile: Callable[[], bool]) -> Answer:
        """Stripe's answer, or the last one that decided nothing; ``is_futile`` is asked before every further try.

        Every try has the same identifier, and the Idempotency-Key ``key`` for as long as that can lead anywhere:
        Stripe stores a 500 under its key and gives it again for 24 hours
        (docs.stripe.com/api/idempotent_requests), so after such a replay a try gets a key of its own. The
        identifier, not the key, is what keeps an event from counting twice.
        """
        begun = self._limiter.monotonic()
        burnt = had_undecided = False
        answer = Answer(Outcome.NOT_SENT, "not tried")
        for tries in range(1, TRIES_MAX + 1):
            self._limiter.wait()
            answer, error = self._try(send, f"{key}#{tries}" if burnt else key)
            answer = replace(
                answer,
                tries=tries,
                had_undecided_try=had_undecided,
                latency_seconds=self._limiter.monotonic() - begun,
            )
            if error is None or answer.outcome not in OPEN_OUTCOMES:
                return answer
            had_undecided = had_undecided or answer.outcome is Outcome.UNDECIDED
            burnt = burnt or _has_header(error, REPLAYED)
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
            self._limiter.hold_back(seconds)
        else:
            self._limiter.sleep(seconds)


def _has_header(error: stripe.StripeError, name: str) -> bool:
    return any(header.lower() == name for header in error.headers or {})
