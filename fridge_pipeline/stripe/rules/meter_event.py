"""The meter event: one committed statement of usage to Stripe, its states, and what waits to be sent."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.stripe.rules.limits import (
    CLOCKS_APART,
    IDENTIFIER_LENGTH_MAX,
    OLDEST_TIMESTAMP,
    RESEND_WINDOW,
    TOO_LATE_MARGIN,
)

#: Half past: never on the edge of the hour, where Stripe's own texts disagree on which hour it belongs to.
TIMESTAMP_INTO_HOUR = timedelta(minutes=30)

#: Where timestamps tell which event is the newest, each revision is a second later; beyond this they stay level.
TIMESTAMP_STEPS_MAX = 1799

#: What may stand in an identifier as it is: it also travels as the HTTP header ``Idempotency-Key``.
_PLAIN_IDENTIFIER = re.compile(r"[A-Za-z0-9._~:@/+=-]+")


class Status(StrEnum):
    """Where a meter event stands. The comments say what leads out of each state."""

    STAGED = "staged"  # committed, nothing sent yet -> sent, or superseded when usage changed before sending
    SENT = "sent"  # the first byte may have left -> accepted, unknown or refused
    UNKNOWN = "unknown"  # no answer that decides -> accepted, missing or refused
    # Stripe has it -> superseded by a newer revision, or by its cancellation; refused when Stripe says so later
    ACCEPTED = "accepted"
    MISSING = "missing"  # Stripe was read back and does not have it -> superseded by a new revision
    REFUSED = "refused"  # Stripe said no -> superseded by a new revision once the cause is gone
    SUPERSEDED = "superseded"  # a newer revision states the hour -> accepted again when Stripe refuses that one later


TRANSITIONS: frozenset[tuple[Status, Status]] = frozenset(
    {
        (Status.STAGED, Status.SENT),
        (Status.STAGED, Status.SUPERSEDED),
        (Status.SENT, Status.ACCEPTED),
        (Status.SENT, Status.UNKNOWN),
        (Status.SENT, Status.REFUSED),
        (Status.UNKNOWN, Status.ACCEPTED),
        (Status.UNKNOWN, Status.MISSING),
        (Status.UNKNOWN, Status.REFUSED),
        (Status.ACCEPTED, Status.SUPERSEDED),
        (Status.ACCEPTED, Status.REFUSED),
        (Status.MISSING, Status.SUPERSEDED),
        (Status.REFUSED, Status.SUPERSEDED),
        (Status.SUPERSEDED, Status.ACCEPTED),
    }
)


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """One meter event: this tenant used ``value`` of this meter in this hour (revision 1, 2, … of it).

    ``value`` is the hour's total, or with ``is_difference`` what is added to what was stated before.
    """

    event_name: str
    tenant_id: str
    stripe_customer_id: str
    hour: Hour
    revision: int
    value: int
    is_difference: bool = False
    into_hour: timedelta = TIMESTAMP_INTO_HOUR

    #: What Stripe deduplicates by; the same for every resend of this revision.
    identifier: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        identifier = identifier_of(self.event_name, self.tenant_id, self.hour, self.revision)
        object.__setattr__(self, "identifier", identifier)

    @property
    def timestamp(self) -> datetime:
        """The point in time Stripe books the usage at: half past, or seconds later, inside the hour."""
        return self.hour.start + self.into_hour


def identifier_of(event_name: str, tenant_id: str, hour: Hour, revision: int) -> str:
    """``temperature_readings:cohoes:2026012418:r1``, at most 100 characters of plain ASCII.

    A tenant id that would make it longer, or that an HTTP header cannot carry, is replaced by the SHA-256 of
    event name and tenant id: as unique, and still readable by hour and revision.
    """
    plain = f"{event_name}:{tenant_id}:{hour.compact}:r{revision}"
    if len(plain) <= IDENTIFIER_LENGTH_MAX and _PLAIN_IDENTIFIER.fullmatch(plain):
        return plain
    digest = hashlib.sha256(f"{event_name}:{tenant_id}".encode()).hexdigest()
    return f"sha256:{digest}:{hour.compact}:r{revision}"


def timestamp_of(hour: Hour) -> datetime:
    """The timestamp of an hour's first event; later ones are the same or seconds after it."""
    return hour.start + TIMESTAMP_INTO_HOUR


def into_hour(meter: Meter, revision: int) -> timedelta:
    """How far into its hour a revision is stamped.

    On a raw ``last`` meter the newest revision has the latest timestamp, so that no slow older request can win.
    """
    steps = min(revision - 1, TIMESTAMP_STEPS_MAX) if meter.is_ordered_by_timestamp else 0
    return TIMESTAMP_INTO_HOUR + timedelta(seconds=steps)


def is_too_late(hour: Hour, now: datetime) -> bool:
    """Whether Stripe would refuse usage of this hour as older than 35 days, or might once it is sent."""
    return timestamp_of(hour) < now - OLDEST_TIMESTAMP + TOO_LATE_MARGIN


def first_hour_in_time(now: datetime) -> Hour:
    """The oldest hour that is not too late."""
    hour = Hour.containing(now - OLDEST_TIMESTAMP)
    while is_too_late(hour, now):
        hour = hour.plus(1)
    return hour


def billing_deadline(hour: Hour) -> datetime:
    """Until when usage of this hour can be stated to Stripe."""
    return timestamp_of(hour) + OLDEST_TIMESTAMP - TOO_LATE_MARGIN


class OrderingKey(NamedTuple):
    """Customer and meter: Stripe takes one call at a time for them (docs.stripe.com/rate-limits)."""

    stripe_customer_id: str
    event_name: str


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """A meter event, or with ``is_cancellation`` the cancellation of one, that Stripe has yet to decide.

    ``first_sent_at`` is when it was first attempted, ``None`` when it never was. ``is_answered`` says that Stripe's
    last answer was a no or "I have it already" which could not be believed: then only reading Stripe back decides, as
    of what the books may have forgotten to have sent, because they were restored.
    """

    event: MeterEvent
    is_cancellation: bool
    first_sent_at: datetime | None
    is_answered: bool = False

    def __hash__(self) -> int:
        return hash(self.event.identifier)

    @property
    def key(self) -> tuple[str, bool]:
        """What tells it apart."""
        return self.event.identifier, self.is_cancellation

    @property
    def ordering_key(self) -> OrderingKey:
        """Attempts of the same key are made one after another."""
        return OrderingKey(self.event.stripe_customer_id, self.event.event_name)

    def may_be_made(self, now: datetime) -> bool:
        """Whether the same identifier may be sent (again): Stripe surely remembers it (law L6)."""
        if self.is_answered:
            return False
        return self.first_sent_at is None or -CLOCKS_APART <= now - self.first_sent_at <= RESEND_WINDOW
