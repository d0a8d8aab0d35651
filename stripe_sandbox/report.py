"""Refusals that come later: an event was received with 200 and then turned out not to count.

Stripe collects them over a validation window and shows them as events of its v2 API, with samples only.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stripe_sandbox.meter_events import Fate, MeterEvent
    from stripe_sandbox.settings import Settings

ERROR_REPORT = "v1.billing.meter.error_report_triggered"
NO_METER_FOUND = "v1.billing.meter.no_meter_found"
CUSTOMER_NOT_FOUND = "meter_event_customer_not_found"
NO_METER = "no_meter"  # the code that is reported as NO_METER_FOUND; the other codes concern a meter

_WORDS = {  # the first two are Stripe's own samples; the others follow their manner
    "meter_event_no_customer_defined": "Customer mapping key stripe_customer_id not found in payload.",
    NO_METER: "No meter was found matching event_name {event_name}.",
    "archived_meter": "The meter with event_name {event_name} is inactive.",
    CUSTOMER_NOT_FOUND: "No customer was found matching the payload of event_name {event_name}.",
    "meter_event_invalid_value": "The value in the event payload is invalid.",
    "meter_event_value_too_many_digits": "The value in the event payload can have at most 15 digits.",
    "timestamp_in_future": "The event timestamp is too far in the future.",
    "timestamp_too_far_in_past": "The event timestamp is too far in the past.",
}


@dataclass(frozen=True)
class RefusedLater:
    """An event refused after its receipt; one kind of journal entry.

    ``report`` says with which others it is reported, over ``[start, end)`` in unix seconds on the sandbox's
    clock; ``request`` is the idempotency key of the event, or its identifier when it had none. ``meter`` is
    empty when no meter was found.
    """

    report: str
    meter: str
    code: str
    message: str
    request: str
    start: float
    end: float
    samples_max: int | None


def refused_later(event: MeterEvent, event_name: str, request: str, fate: Fate, settings: Settings) -> RefusedLater:
    """The refusal of a received event, in the validation window that is open at its receipt."""
    code, now, width = fate.code or "", event.received_at, settings.report_seconds
    meter = "" if code == NO_METER else event.meter
    start = now - now % width if width else now
    report = f"{meter}:{start}:{start + width}" if width else f"{meter}:{start}:{event.identifier}"
    words = fate.message or _WORDS.get(code, "The event of {event_name} was refused.").format(event_name=event_name)
    samples_max = settings.samples_max if fate.samples_max is None else fate.samples_max
    return RefusedLater(report, meter, code, words, request, start, start + width, samples_max)


def as_stripe(refusals: Sequence[RefusedLater]) -> dict[str, object]:
    """The ``v2.core.event`` that reports these refusals of one window and meter."""
    first = refusals[0]
    event: dict[str, object] = {
        "id": f"evt_test_{hashlib.sha256(first.report.encode()).hexdigest()[:32]}",
        "object": "v2.core.event",
        "context": "acct_sandbox",  # the schema allows no null, and the SDK reads it to fetch the meter
        "created": rfc3339(first.end),
        "data": _data(refusals),
        "livemode": False,
        "type": ERROR_REPORT if first.meter else NO_METER_FOUND,
    }
    if first.meter:
        url = f"/v1/billing/meters/{first.meter}"
        event["related_object"] = {"id": first.meter, "type": "billing.meter", "url": url}
    return event


def rfc3339(moment: float) -> str:
    """Unix seconds as ``2026-01-24T18:00:00.000Z``."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _data(refusals: Sequence[RefusedLater]) -> dict[str, object]:
    first = refusals[0]
    counts = Counter(refusal.code for refusal in refusals)
    told = f"There {'is' if len(refusals) == 1 else 'are'} {len(refusals)} invalid event{'s' * (len(refusals) > 1)}"
    return {
        "developer_message_summary": told,
        "reason": {
            "error_count": len(refusals),
            "error_types": [
                {"code": code, "error_count": count, "sample_errors": _samples(refusals, code)}
                for code, count in counts.items()
            ],
        },
        "validation_end": rfc3339(first.end),
        "validation_start": rfc3339(first.start),
    }


def _samples(refusals: Sequence[RefusedLater], code: str) -> list[dict[str, object]]:
    most = min((each.samples_max for each in refusals if each.samples_max is not None), default=len(refusals))
    samples = [each for each in refusals if each.code == code][:most]
    return [{"error_message": each.message, "request": {"identifier": each.request}} for each in samples]
