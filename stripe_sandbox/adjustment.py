"""Adjustments: taking an event that was received within the last 24 hours out of what counts.

How Stripe words its refusals here is not known; neither is what cancelling does inside an overwriting window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stripe_sandbox.account import LONGEST_NAME
from stripe_sandbox.errors import refused
from stripe_sandbox.meter_events import LONGEST_IDENTIFIER

if TYPE_CHECKING:
    from stripe_sandbox.books import Books
    from stripe_sandbox.stripe_shapes import Form

_PARAM = "cancel[identifier]"


@dataclass(frozen=True)
class EventCancelled:
    """A cancelled event; one kind of journal entry. ``cancelled_at`` in unix seconds on the sandbox's clock."""

    identifier: str
    cancelled_at: float


@dataclass(frozen=True)
class AdjustmentRequest:
    """What ``POST /v1/billing/meter_event_adjustments`` asks for."""

    event_name: str
    identifier: str

    def as_stripe(self, status: str) -> dict[str, object]:
        """The ``billing.meter_event_adjustment`` object; it has no id."""
        return {
            "object": "billing.meter_event_adjustment",
            "cancel": {"identifier": self.identifier},
            "event_name": self.event_name,
            "livemode": False,
            "status": status,
            "type": "cancel",
        }


def read_adjustment(form: Form) -> AdjustmentRequest:
    """The request as its parameters say it. Raises ``StripeError`` (400)."""
    form.allow_only("cancel", "event_name", "type")
    form.choice("type", ("cancel",))
    cancel = form.group("cancel")
    cancel.allow_only("identifier")
    return AdjustmentRequest(form.text("event_name", LONGEST_NAME), cancel.text("identifier", LONGEST_IDENTIFIER))


def cancellation(books: Books, request: AdjustmentRequest, now: float) -> EventCancelled:
    """The cancelling of the event that is meant.

    Raises ``StripeError`` (400): no such event in the last 24 hours, another event name, or cancelled before.
    """
    booked = books.identifiers.find(request.identifier, now)
    if booked is None:
        text = (
            f"No meter event with identifier {request.identifier} was received within the last 24 hours: only "
            "such events can be cancelled."
        )
        raise refused(text, _PARAM)
    meter = books.meters.get(booked.event.meter)
    if meter is None or meter.event_name != request.event_name:
        text = f'The meter event with identifier {request.identifier} has not the event name "{request.event_name}".'
        raise refused(text, "event_name")
    if booked.cancelled_at is not None:
        raise refused(f"The meter event with identifier {request.identifier} is already cancelled.", _PARAM)
    return EventCancelled(request.identifier, now)
