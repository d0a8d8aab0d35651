"""Stripe's answers to a call, at once or later, and what they mean for the state of what was said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fridge_pipeline.stripe.rules.meter_event import Status


class Outcome(StrEnum):
    """What an attempt to tell Stripe something came to."""

    ACCEPTED = "accepted"  # HTTP 200: Stripe has received it
    DUPLICATE = "duplicate"  # Stripe already has this identifier
    REFUSED = "refused"  # Stripe read it and said no: sending the same again cannot help
    UNDECIDED = "undecided"  # no answer, or one that decides nothing (5xx, 409): may or may not be counted
    NOT_RECEIVED = "not_received"  # surely not counted: told to come back later (429), or never connected
    KEY_REFUSED = "key_refused"  # the API key is wrong or lacks the permission: nothing else will go through
    NOT_SENT = "not_sent"  # given up before sending


@dataclass(frozen=True, slots=True)
class Answer:
    """One attempt's outcome with what a person needs to follow it up; never holds a key.

    ``reached`` says whether Stripe answered at all. An attempt may hold several tries of the same request:
    ``tries`` counts them, ``had_undecided_try`` says that one before the last may have been executed, and
    ``latency_seconds`` covers them all.
    """

    outcome: Outcome
    text: str
    http_status: int | None = None
    request_id: str | None = None
    reached: bool = True
    tries: int = 1
    had_undecided_try: bool = False
    latency_seconds: float = 0.0

    @property
    def on_record(self) -> Outcome:
        """The outcome that the next attempt knows: undecided also where only an earlier try may have arrived."""
        says_nothing = self.outcome in {Outcome.NOT_RECEIVED, Outcome.KEY_REFUSED}
        return Outcome.UNDECIDED if says_nothing and self.had_undecided_try else self.outcome


#: Worth another try of the same request.
OPEN_OUTCOMES = frozenset({Outcome.UNDECIDED, Outcome.NOT_RECEIVED})

#: What a refusal or a duplicate comes to when an earlier attempt may have been executed, and when none can have been.
_AFTER_DUPLICATE = {True: Status.ACCEPTED, False: Status.UNKNOWN}
_AFTER_REFUSAL = {True: Status.UNKNOWN, False: Status.REFUSED}

_AFTER = {
    Outcome.ACCEPTED: Status.ACCEPTED,
    Outcome.UNDECIDED: Status.UNKNOWN,
    Outcome.NOT_RECEIVED: Status.UNKNOWN,
    # A refused key changes nothing about the meter event itself; it is resent once the key is right.
    Outcome.KEY_REFUSED: Status.UNKNOWN,
}


def status_after(answer: Answer, *, was_undecided: bool) -> Status | None:
    """The state a meter event goes to; ``None`` leaves it as it is.

    ``was_undecided``: an earlier attempt under this identifier may have reached Stripe. Only then does a duplicate
    mean that ours was delivered: an identifier that we never sent stands for somebody else's value. And only
    without one does a refusal settle the meter event: the earlier request may still be on its way (law L5).
    """
    may_have_arrived = was_undecided or answer.had_undecided_try
    if answer.outcome is Outcome.DUPLICATE:
        return _AFTER_DUPLICATE[may_have_arrived]
    if answer.outcome is Outcome.REFUSED:
        return _AFTER_REFUSAL[may_have_arrived]
    return _AFTER.get(answer.outcome)


#: Stripe keeps them so long (the SDK's description of ``/v2/core/events``).
REPORTS_KEPT = timedelta(days=30)

#: Looks overlap by so much: reports need not appear in the order in which they were created.
LOOK_OVERLAP = timedelta(hours=1)

#: A look costs a read, of which Stripe allows about 330 a day. So we look as often as we can for so long after an
#: attempt, when reports come (validation windows of ten seconds have been seen), and else once in an hour.
LOOK_AFTER_ATTEMPT = timedelta(minutes=15)
IDLE_LOOK_INTERVAL = timedelta(hours=1)

#: Kept to the validation window of a report: its bounds are by Stripe's clock, our attempts by ours.
WINDOW_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ErrorSample:
    """One refused event; ``identifier`` is that of the request, which is its Idempotency-Key."""

    identifier: str
    code: str
    message: str

    @property
    def meter_event(self) -> str:
        """The meter event's identifier: a further try may have added ``#`` and its number to the key."""
        return self.identifier.partition("#")[0]


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """What Stripe refused of one meter in one validation window; there may be fewer samples than errors.

    ``meter_id`` and ``event_name`` are ``None`` when no meter was found, ``event_name`` also when Stripe's meter of
    this id is not known by name.
    """

    report_id: str
    type: str
    created_at: datetime
    validation_start: datetime
    validation_end: datetime
    meter_id: str | None
    event_name: str | None
    error_count: int
    samples: tuple[ErrorSample, ...]


def is_look_due(last_look_at: datetime | None, last_attempt_at: datetime | None, now: datetime) -> bool:
    """Whether to ask Stripe for reports now: something was sent lately, or nobody has looked for an hour."""
    if last_look_at is None or now - last_look_at >= IDLE_LOOK_INTERVAL:
        return True
    return last_attempt_at is not None and last_attempt_at + LOOK_AFTER_ATTEMPT > last_look_at


def look_since(last_look_at: datetime | None, now: datetime) -> datetime:
    """From when on reports are asked for; at the first look, all that Stripe keeps."""
    oldest = now - REPORTS_KEPT
    return oldest if last_look_at is None else max(last_look_at - LOOK_OVERLAP, oldest)
