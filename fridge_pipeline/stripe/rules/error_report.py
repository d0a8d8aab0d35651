"""Error reports: Stripe says later that it did not count what it had received."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: Stripe keeps them so long (the SDK's description of ``/v2/core/events``).
REPORTS_KEPT = timedelta(days=30)

#: Looks overlap by so much: reports need not appear in the order in which they were created.
LOOK_OVERLAP = timedelta(hours=1)

#: A look costs a read, of which Stripe allows about 330 a day. So we look as often as we can for so long after a
#: sending, when reports come (validation windows of ten seconds have been seen), and else once in an hour.
LOOK_AFTER_SENDING = timedelta(minutes=15)
IDLE_LOOK_INTERVAL = timedelta(hours=1)

#: Kept to the validation window of a report: its bounds are by Stripe's clock, our sendings by ours.
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
    return last_attempt_at is not None and last_attempt_at + LOOK_AFTER_SENDING > last_look_at


def look_since(last_look_at: datetime | None, now: datetime) -> datetime:
    """From when on reports are asked for; at the first look, all that Stripe keeps."""
    oldest = now - REPORTS_KEPT
    return oldest if last_look_at is None else max(last_look_at - LOOK_OVERLAP, oldest)
