"""A meter event, every reason for which Stripe refuses one at the door, and the request to cancel one."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from decimal import Decimal

from stripe_sandbox.account import LONGEST_NAME, Meter
from stripe_sandbox.stripe_shapes import Form, refused

LONGEST_IDENTIFIER = 100  # Stripe's schema
LONGEST_PAYLOAD_VALUE = 100  # Stripe's schema of the answer
OLDEST_TIMESTAMP = 35 * 86_400  # seconds: "within the past 35 calendar days"
NEWEST_TIMESTAMP = 5 * 60  # seconds: "or up to 5 minutes in the future"
MOST_DIGITS = 15  # Stripe's changelog of 2026-04-22, meter event values

_PLAIN_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


@dataclass(frozen=True)
class EventRequest:
    """What ``POST /v1/billing/meter_events`` asks for: well-formed, not yet checked against any meter."""

    event_name: str
    identifier: str
    payload: dict[str, str]
    timestamp: int


@dataclass(frozen=True)
class MeterEvent:
    """An accepted event; one kind of journal entry.

    ``timestamp`` (whole unix seconds) says when the usage was; ``received_at`` (unix seconds on the
    sandbox's clock) when it came, which is what the 24 hours of its identifier count from. It counts
    ``times``: once, unless it was lost or refused after its receipt (0) or counted twice by mistake (2).
    """

    identifier: str
    meter: str
    customer: str
    value: Decimal
    timestamp: int
    received_at: float
    times: int = 1


@dataclass(frozen=True)
class Fate:
    """What becomes of an accepted event: counted once, unless an injected fault says otherwise.

    With a ``code`` it is reported later as refused for it, in ``message``'s words (``None``: Stripe's) and
    among at most ``samples_max`` samples.
    """

    times: int = 1
    code: str | None = None
    message: str | None = None
    samples_max: int | None = None


COUNTED_ONCE = Fate()


@dataclass(frozen=True)
class EventRefused:
    """An event that was answered with an error; one kind of journal entry, for the tally."""

    message: str
    received_at: float


def read_event_request(form: Form, now: float) -> EventRequest:
    """The request as its parameters say it. Raises ``StripeError`` (400)."""
    form.allow_only("event_name", "identifier", "payload", "timestamp")
    timestamp = form.optional_integer("timestamp")
    return EventRequest(
        event_name=form.text("event_name", LONGEST_NAME),
        identifier=form.optional_text("identifier", LONGEST_IDENTIFIER) or secrets.token_hex(16),
        payload=form.group("payload").flat(LONGEST_PAYLOAD_VALUE),
        timestamp=int(now) if timestamp is None else timestamp,
    )


def event_on(meter: Meter, request: EventRequest, now: float, judged_at: float | None = None) -> MeterEvent:
    """The event as this meter counts it, received ``now``. Raises ``StripeError`` (400) when it cannot.

    Its timestamp is ``judged_at`` another time where the customer has a clock of its own.
    """
    check_timestamp(request.timestamp, now if judged_at is None else judged_at)
    return MeterEvent(
        identifier=request.identifier,
        meter=meter.id,
        customer=_payload_field(request.payload, meter.customer_key, "Customer mapping"),
        value=read_value(_payload_field(request.payload, meter.value_key, "Value"), meter.value_key),
        timestamp=request.timestamp,
        received_at=now,
    )


def event_on_nothing(request: EventRequest, now: float) -> MeterEvent:
    """An event that was received although no meter takes it: it belongs to nobody and never counts."""
    check_timestamp(request.timestamp, now)
    return MeterEvent(request.identifier, "", "", Decimal(0), request.timestamp, now, times=0)


def as_stripe(request: EventRequest, now: float) -> dict[str, object]:
    """The ``billing.meter_event`` object; it has no id."""
    return {
        "object": "billing.meter_event",
        "created": int(now),
        "event_name": request.event_name,
        "identifier": request.identifier,
        "livemode": False,
        "payload": request.payload,
        "timestamp": request.timestamp,
    }


def check_timestamp(timestamp: int, now: float) -> None:
    """Refuse what is more than 35 days old or more than 5 minutes ahead; both bounds are still accepted."""
    oldest, newest = int(now) - OLDEST_TIMESTAMP, int(now) + NEWEST_TIMESTAMP
    if timestamp < oldest:
        text = (
            "The event timestamp cannot be more than 35 days in past. "
            f"Expected a timestamp greater than or equal to {oldest}."
        )
        raise refused(text, "timestamp")
    if timestamp > newest:
        text = (
            "The event timestamp cannot be more than 5 minutes in the future. "
            f"Expected a timestamp less than or equal to {newest}."
        )
        raise refused(text, "timestamp")


def read_value(text: str, key: str) -> Decimal:
    """The value of an event: a plain decimal of at most 15 digits (as written, leading zeros aside)."""
    param = f"payload[{key}]"
    if not _PLAIN_DECIMAL.fullmatch(text):
        raise refused(f"The value in the event payload must be a decimal number. Received {text}.", param)
    value = Decimal(text)
    if len(value.as_tuple().digits) > MOST_DIGITS:
        message = f"The value in the event payload can have at most {MOST_DIGITS} digits. Received {text}."
        raise refused(message, param)
    return value


def _payload_field(payload: dict[str, str], key: str, role: str) -> str:
    text = payload.get(key)
    if not text:
        raise refused(f"{role} key {key} not found in payload.", f"payload[{key}]")
    return text


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
