"""Sending: what waits to be said to Stripe, a statement of usage or the cancellation of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fridge_pipeline.stripe.rules.limits import RESEND_WINDOW
from fridge_pipeline.stripe.rules.meter_event import MeterEvent

#: Customer and event name: Stripe takes one call at a time for them (docs.stripe.com/rate-limits).
Lane = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Sending:
    """A statement, or with ``is_cancellation`` the cancellation of one, that Stripe has yet to decide.

    ``first_sent_at`` is ``None`` when it was never sent. ``is_answered`` says that Stripe's last answer was a no or
    "I have it already" which could not be believed: then only reading Stripe back decides.
    """

    event: MeterEvent
    is_cancellation: bool
    first_sent_at: datetime | None
    is_answered: bool = False

    @property
    def key(self) -> tuple[str, bool]:
        """What tells it apart."""
        return self.event.identifier, self.is_cancellation

    @property
    def lane(self) -> Lane:
        """What it must be alone in."""
        return self.event.stripe_customer_id, self.event.event_name

    def may_be_sent(self, now: datetime) -> bool:
        """Whether the same identifier may be sent (again): Stripe surely remembers it (law L6)."""
        if self.is_answered:
            return False
        return self.first_sent_at is None or now - self.first_sent_at <= RESEND_WINDOW
