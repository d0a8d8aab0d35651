"""Refusals that come later: an event was received with 200 and then turned out not to count.

Stripe collects them over a validation window and reports each window as an event of its v2 API, with samples only.
``/v2/core/events`` lists these reports, newest first, for 30 days.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import TypeAlias
from urllib.parse import urlencode

from stripe_sandbox.lists import SIDES, limit_of
from stripe_sandbox.meter_events import Fate, MeterEvent
from stripe_sandbox.settings import Settings
from stripe_sandbox.stripe_shapes import Fields, Form, no_such, wrong_parameter

CORE_EVENTS = "/v2/core/events"
DAYS_30 = 30 * 86_400.0  # seconds: "you can access events … for 30 days" (Stripe's description of the event)
DEFAULT_LIMIT = 20
MOST_TYPES = 20  # Stripe's description of the parameter
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


Reports: TypeAlias = Mapping[str, Sequence[RefusedLater]]
"""The refusals of each report, by what they have in common (``RefusedLater.report``)."""

CoreEvent: TypeAlias = dict[str, object]
Wanted: TypeAlias = Callable[[CoreEvent], bool]


def refused_later(event: MeterEvent, event_name: str, request: str, fate: Fate, settings: Settings) -> RefusedLater:
    """The refusal of a received event, in the validation window that is open at its receipt."""
    code, now, width = fate.code or "", event.received_at, settings.report_seconds
    meter = "" if code == NO_METER else event.meter
    start = now - now % width if width else now
    report = f"{meter}:{start}:{start + width}" if width else f"{meter}:{start}:{event.identifier}"
    words = fate.message or _WORDS.get(code, "The event of {event_name} was refused.").format(event_name=event_name)
    samples_max = settings.samples_max if fate.samples_max is None else fate.samples_max
    return RefusedLater(report, meter, code, words, request, start, start + width, samples_max)


def _as_stripe(refusals: Sequence[RefusedLater]) -> dict[str, object]:
    """The ``v2.core.event`` that reports these refusals of one window and meter."""
    first = refusals[0]
    event: dict[str, object] = {
        "id": f"evt_test_{hashlib.sha256(first.report.encode()).hexdigest()[:32]}",
        "object": "v2.core.event",
        "context": "acct_sandbox",  # the schema allows no null, and the SDK reads it to fetch the meter
        "created": _rfc3339(first.end),
        "data": _data(refusals),
        "livemode": False,
        "type": ERROR_REPORT if first.meter else NO_METER_FOUND,
    }
    if first.meter:
        url = f"/v1/billing/meters/{first.meter}"
        event["related_object"] = {"id": first.meter, "type": "billing.meter", "url": url}
    return event


def _rfc3339(moment: float) -> str:
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
        "validation_end": _rfc3339(first.end),
        "validation_start": _rfc3339(first.start),
    }


def _samples(refusals: Sequence[RefusedLater], code: str) -> list[dict[str, object]]:
    most = min((each.samples_max for each in refusals if each.samples_max is not None), default=len(refusals))
    samples = [each for each in refusals if each.code == code][:most]
    return [{"error_message": each.message, "request": {"identifier": each.request}} for each in samples]


def event_page(reports: Reports, others: Iterable[CoreEvent], form: Form, now: float) -> dict[str, object]:
    """One page of the reports, and of ``others``, that match the request's filters. Raises ``StripeError`` (400).

    Lists of the v2 API carry the address of their next page instead of cursors to be built by the caller.
    """
    form.allow_only("types", "object_id", "created", "limit", "page")
    limit = limit_of(form, DEFAULT_LIMIT)
    wanted = [_of_types(form), _of_object(form), _created(form)]
    told = sorted([*others, *_reported(reports, now)], key=lambda event: str(event["created"]), reverse=True)
    events = [event for event in told if all(wants(event) for wants in wanted)]
    start = _start_of_page(events, form, limit)
    data = events[start : start + limit]
    return {
        "data": data,
        "next_page_url": _url(form, f"after.{data[-1]['id']}") if start + limit < len(events) else None,
        "previous_page_url": _url(form, f"before.{data[0]['id']}") if start > 0 and data else None,
    }


def event_of(reports: Reports, others: Iterable[CoreEvent], identity: str, now: float) -> CoreEvent:
    """The event with this id. Raises ``StripeError`` (404), also when it is older than 30 days."""
    for event in chain(others, _reported(reports, now)):
        if event["id"] == identity:
            return event
    raise no_such("event", identity, "id")


def _reported(reports: Reports, now: float) -> Iterator[CoreEvent]:
    # A report comes once its validation window has ended, so nothing that was read can grow afterwards.
    closed = [refusals for refusals in reports.values() if refusals[0].end <= now < refusals[0].end + DAYS_30]
    for refusals in sorted(closed, key=lambda refusals: refusals[0].end, reverse=True):
        yield _as_stripe(refusals)


def _of_types(form: Form) -> Wanted:
    group = form.optional_group("types")
    if group is None:
        return lambda _: True
    types = list(group.flat(100).values())
    if len(types) > MOST_TYPES:
        raise wrong_parameter(f"types may name up to {MOST_TYPES} types.", "types")
    return lambda event: event["type"] in types


def _of_object(form: Form) -> Wanted:
    identity = form.optional_text("object_id")
    if identity is None:
        return lambda _: True
    return lambda event: str(event.get("related_object", {"id": None})["id"]) == identity  # type: ignore[index]


def _created(form: Form) -> Wanted:
    group = form.optional_group("created")
    if group is None:
        return lambda _: True
    group.allow_only(*SIDES)
    bounds = [(SIDES[side], _moment(text, group.full_name(side))) for side, text in group.flat(100).items()]
    return lambda event: all(holds(_moment(str(event["created"]), "created"), bound) for holds, bound in bounds)


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise wrong_parameter(f"{name} has to be a time such as 2026-01-24T18:00:00Z. Received {text}.", name)
    return moment


def _start_of_page(events: list[CoreEvent], form: Form, limit: int) -> int:
    page = form.optional_text("page")
    if page is None:
        return 0
    side, _, identity = page.partition(".")
    for place, event in enumerate(events):
        if event["id"] == identity and side in {"after", "before"}:
            return place + 1 if side == "after" else max(0, place - limit)
    raise wrong_parameter(f"There is no page {page}: take page addresses from a list.", "page")


def _url(form: Form, page: str) -> str:
    asked = {name: value for name, value in form.fields.items() if name != "page"}
    return f"{CORE_EVENTS}?{urlencode([*_pairs(asked), ('page', page)])}"


def _pairs(fields: Fields, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in fields.items():
        name = f"{prefix}[{key}]" if prefix else key
        if isinstance(value, str):
            yield name, value
        else:
            yield from _pairs(value, name)
