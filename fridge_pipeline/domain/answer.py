"""Stripe's answer to one statement of usage, and what it means for the statement's state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fridge_pipeline.domain.meter_event import Status


class Outcome(StrEnum):
    """What an attempt to state usage came to."""

    ACCEPTED = "accepted"  # HTTP 200: Stripe has received it
    DUPLICATE = "duplicate"  # Stripe already has this identifier, hence this very value: delivered before
    REFUSED = "refused"  # Stripe read it and said no: sending the same again cannot help
    UNDECIDED = "undecided"  # no answer, or one that decides nothing (5xx, 409, 429): may or may not be counted
    KEY_REFUSED = "key_refused"  # the API key is wrong or lacks the permission: nothing else will go through
    NOT_SENT = "not_sent"  # given up before sending


@dataclass(frozen=True, slots=True)
class Answer:
    """One attempt's outcome with what a person needs to follow it up; never holds a key.

    ``reached`` says whether Stripe answered at all.
    """

    outcome: Outcome
    text: str
    http_status: int | None = None
    request_id: str | None = None
    reached: bool = True

    @property
    def status(self) -> Status | None:
        """The state the statement goes to; ``None`` leaves it as it is (law L6: it will be resent unchanged)."""
        return _STATUS_AFTER.get(self.outcome)


_STATUS_AFTER = {
    Outcome.ACCEPTED: Status.ACCEPTED,
    Outcome.DUPLICATE: Status.ACCEPTED,
    Outcome.REFUSED: Status.REFUSED,
    Outcome.UNDECIDED: Status.UNKNOWN,
    # A refused key changes nothing about the statement itself; it is resent once the key is right.
    Outcome.KEY_REFUSED: Status.UNKNOWN,
}
