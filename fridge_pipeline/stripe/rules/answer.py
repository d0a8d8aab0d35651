"""Stripe's answer to one call, and what it means for the state of what was said."""

from __future__ import annotations

from dataclasses import dataclass
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


#: Worth another try of the same request.
OPEN_OUTCOMES = frozenset({Outcome.UNDECIDED, Outcome.NOT_RECEIVED})

#: What a refusal or a duplicate comes to when an earlier attempt may have been executed, and when none can have been.
_AFTER_DUPLICATE = {True: Status.ACCEPTED, False: Status.UNKNOWN}
_AFTER_REFUSAL = {True: Status.UNKNOWN, False: Status.REFUSED}

_AFTER = {
    Outcome.ACCEPTED: Status.ACCEPTED,
    Outcome.UNDECIDED: Status.UNKNOWN,
    Outcome.NOT_RECEIVED: Status.UNKNOWN,
    # A refused key changes nothing about the statement itself; it is resent once the key is right.
    Outcome.KEY_REFUSED: Status.UNKNOWN,
}


def status_after(answer: Answer, *, was_undecided: bool) -> Status | None:
    """The state a statement goes to; ``None`` leaves it as it is.

    ``was_undecided``: an earlier attempt under this identifier may have reached Stripe. Only then does a duplicate
    mean that ours was delivered: an identifier that we never sent stands for somebody else's value. And only
    without one does a refusal settle the statement: the earlier request may still be on its way (law L5).
    """
    may_have_arrived = was_undecided or answer.had_undecided_try
    if answer.outcome is Outcome.DUPLICATE:
        return _AFTER_DUPLICATE[may_have_arrived]
    if answer.outcome is Outcome.REFUSED:
        return _AFTER_REFUSAL[may_have_arrived]
    return _AFTER.get(answer.outcome)
