"""The meter event: one committed statement of usage to Stripe, its identity and its states."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fridge_pipeline.domain.hour import Hour
from fridge_pipeline.domain.limits import IDENTIFIER_LENGTH_MAX, OLDEST_TIMESTAMP, TOO_LATE_MARGIN
from fridge_pipeline.domain.meter import Meter

#: Half past: never on the edge of the hour, where Stripe's own texts disagree on which hour it belongs to.
TIMESTAMP_INTO_HOUR = timedelta(minutes=30)

#: What may stand in an identifier as it is: it also travels as the HTTP header ``Idempotency-Key``.
_PLAIN_IDENTIFIER = re.compile(r"[A-Za-z0-9._~:@/+=-]+")


class Status(StrEnum):
    """Where a meter event stands. The comments say what leads out of each state."""

    STAGED = "staged"  # committed, nothing sent yet -> sent, or superseded when usage changed before sending
    SENT = "sent"  # the first byte may have left -> accepted, unknown or refused
    UNKNOWN = "unknown"  # no answer that decides -> accepted, missing or refused
    ACCEPTED = "accepted"  # Stripe has it -> superseded by a newer accepted revision of an hour-window meter
    MISSING = "missing"  # Stripe was read back and does not have it -> superseded by a new revision
    REFUSED = "refused"  # Stripe said no -> superseded by a new revision once the cause is gone
    SUPERSEDED = "superseded"  # a newer revision states the hour


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
        (Status.MISSING, Status.SUPERSEDED),
        (Status.REFUSED, Status.SUPERSEDED),
    }
)


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """One statement: this tenant used ``value`` of this meter in this hour (revision 1, 2, … of it)."""

    event_name: str
    tenant_id: str
    stripe_customer_id: str
    hour: Hour
    revision: int
    value: int

    @property
    def identifier(self) -> str:
        """What Stripe deduplicates by; the same for every resend of this revision."""
        return identifier_of(self.event_name, self.tenant_id, self.hour, self.revision)

    @property
    def timestamp(self) -> datetime:
        """The point in time Stripe books the usage at: half past, inside the hour."""
        return timestamp_of(self.hour)


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
    """The timestamp of every event of an hour."""
    return hour.start + TIMESTAMP_INTO_HOUR


def is_too_late(hour: Hour, now: datetime) -> bool:
    """Whether Stripe would refuse usage of this hour as older than 35 days, or might once it is sent."""
    return timestamp_of(hour) < now - OLDEST_TIMESTAMP + TOO_LATE_MARGIN


def billing_deadline(hour: Hour) -> datetime:
    """Until when usage of this hour can be stated to Stripe."""
    return timestamp_of(hour) + OLDEST_TIMESTAMP - TOO_LATE_MARGIN


@dataclass(frozen=True, slots=True)
class StagingCase:
    """What is known of one (tenant, meter, hour) when it is asked whether Stripe must be told something.

    ``value`` is the hour's usage now, ``None`` when the tenant has none (missing is not zero).
    ``stated_*`` is what Stripe has: the newest accepted revision. ``latest_*`` is the newest revision of all.
    ``refusal_open`` says that the exception about the newest revision's refusal is still open.
    """

    tenant_id: str
    mapped_customer_id: str | None
    hour: Hour
    meter: Meter
    value: int | None
    stated_value: int | None = None
    stated_customer_id: str | None = None
    latest_revision: int = 0
    latest_value: int | None = None
    latest_status: Status | None = None
    latest_customer_id: str | None = None
    refusal_open: bool = False

    @property
    def customer_id(self) -> str | None:
        """Who is billed: whoever already has this hour on the books, else whoever the tenant is mapped to.

        A tenant that moves to another Stripe customer takes no hour along that is already billed: it would
        be billed twice.
        """
        return self.stated_customer_id or self.mapped_customer_id


class StagingVerdict(StrEnum):
    """What to do about one (tenant, meter, hour)."""

    STAGE = "stage"  # state it: a new revision with the total
    RESTAGE = "restage"  # as STAGE, after superseding the newest revision, which was never sent
    SETTLED = "settled"  # Stripe knows, or will be told by the revision that is already staged
    IN_FLIGHT = "in_flight"  # an older revision is undecided; decide that one first
    HELD = "held"  # refused, and its cause still stands
    UNMAPPED = "unmapped"  # no Stripe customer
    TOO_LATE = "too_late"  # older than Stripe takes


def judge_staging(case: StagingCase, now: datetime) -> StagingVerdict:
    """Whether Stripe must be told something about this tenant, meter and hour, and if not, why.

    Only for meters with window ``hour``, which are restated by their total.
    """
    if case.latest_status in {Status.SENT, Status.UNKNOWN}:
        return StagingVerdict.IN_FLIGHT
    staged = case.latest_status is Status.STAGED
    if not staged and (case.value or 0) == (case.stated_value or 0):
        return StagingVerdict.SETTLED
    if case.customer_id is None:
        return StagingVerdict.UNMAPPED
    if is_too_late(case.hour, now):
        return StagingVerdict.TOO_LATE
    same_customer = case.latest_customer_id == case.customer_id
    if staged:
        unchanged = same_customer and case.latest_value == (case.value or 0)
        return StagingVerdict.SETTLED if unchanged else StagingVerdict.RESTAGE
    if case.latest_status is Status.REFUSED and case.refusal_open and same_customer:
        return StagingVerdict.HELD
    return StagingVerdict.STAGE


def next_event(case: StagingCase) -> MeterEvent:
    """The revision that states the hour's usage as it is now; for a case judged STAGE or RESTAGE."""
    if case.customer_id is None:
        raise ValueError(f"tenant {case.tenant_id!r} has no Stripe customer; its usage cannot be stated")
    return MeterEvent(
        event_name=case.meter.event_name,
        tenant_id=case.tenant_id,
        stripe_customer_id=case.customer_id,
        hour=case.hour,
        revision=case.latest_revision + 1,
        value=case.value or 0,
    )
