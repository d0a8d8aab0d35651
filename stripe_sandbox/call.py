"""One call as the endpoints see it, and whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stripe_sandbox.meter_events import COUNTED_ONCE, Fate

if TYPE_CHECKING:
    from stripe_sandbox.books import Books
    from stripe_sandbox.stripe_shapes import Fields, Form

METER_EVENTS = "/v1/billing/meter_events"


@dataclass(frozen=True)
class Call:
    """One authenticated request; ``now`` (unix seconds, sandbox clock) is the same all through it.

    ``template`` is the route (``/v1/billing/meters/{id}``), ``names`` what stands in its braces; ``key`` the
    ``Idempotency-Key`` of a POST. ``fate`` is what becomes of a meter event that is accepted.
    """

    method: str
    path: str
    template: str
    names: Mapping[str, str]
    form: Form
    now: float
    request_id: str
    key: str | None = None
    fate: Fate = COUNTED_ONCE


@dataclass(frozen=True)
class Subject:
    """Whom a call concerns, as far as it says so."""

    event_name: str | None
    meter: str | None
    customer: str | None
    identifier: str | None


def subject_of(books: Books, call: Call) -> Subject:
    """Read the subject from wherever this endpoint has it; O(1), and nothing is refused here."""
    fields = call.form.fields
    event_name = _text(fields, "event_name")
    meter = books.active_meter(event_name) if event_name else books.meters.get(call.names.get("id", ""))
    payload, cancel = fields.get("payload"), fields.get("cancel")
    if isinstance(payload, dict):
        customer = _text(payload, meter.customer_key if meter else "stripe_customer_id")
    else:
        customer = _text(fields, "customer") or call.names.get("customer")
    return Subject(
        event_name=event_name or (meter.event_name if meter else None),
        meter=meter.id if meter else None,
        customer=customer,
        identifier=_text(cancel if isinstance(cancel, dict) else fields, "identifier"),
    )


def lane_of(call: Call, subject: Subject) -> str | None:
    """The customer and meter that a meter event call holds while it is at work; no other call holds one."""
    if call.template != METER_EVENTS or subject.meter is None or subject.customer is None:
        return None
    return f"{subject.meter} {subject.customer}"


def _text(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None
