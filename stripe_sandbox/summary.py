"""Meter event summaries: what Stripe would bill, read from the events that count."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from typing import TYPE_CHECKING

from stripe_sandbox.account import WINDOW_SECONDS
from stripe_sandbox.errors import wrong_parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stripe_sandbox.account import Meter
    from stripe_sandbox.books import Books
    from stripe_sandbox.meter_events import MeterEvent
    from stripe_sandbox.stripe_shapes import Form

MINUTE = 60  # seconds; the boundary that every summary has to keep

# A value has at most 15 digits within 100 characters, so its digits lie between 10^15 and 10^-99: sums of any
# number of them fit into 200 digits, and a sum that did not would be an error rather than a rounded number.
_EXACT = Context(prec=200, traps=[Inexact])


@dataclass(frozen=True)
class SummaryRequest:
    """One reading of a customer's usage, ``[start, end)`` in unix seconds; ``grouping`` in seconds."""

    customer: str
    start: int
    end: int
    grouping: int | None


def read_summary_request(form: Form) -> SummaryRequest:
    """What is asked for. Raises ``StripeError`` (400), also for times off their boundaries."""
    form.allow_only(
        "customer",
        "start_time",
        "end_time",
        "value_grouping_window",
        "limit",
        "starting_after",
        "ending_before",
    )
    window = form.optional_choice("value_grouping_window", tuple(WINDOW_SECONDS))
    request = SummaryRequest(
        customer=form.text("customer"),
        start=form.integer("start_time"),
        end=form.integer("end_time"),
        grouping=None if window is None else WINDOW_SECONDS[window],
    )
    for name, moment in (("start_time", request.start), ("end_time", request.end)):
        if moment % (request.grouping or MINUTE):
            text = f"{name} must be aligned with {window or 'minute'} boundaries (UTC). Received {moment}."
            raise wrong_parameter(text, name)
    if request.start >= request.end:
        raise wrong_parameter(f"start_time {request.start} must be before end_time {request.end}.", "start_time")
    return request


def summaries(books: Books, meter: Meter, request: SummaryRequest, as_of: float) -> list[dict[str, object]]:
    """``billing.meter_event_summary`` objects, newest first, as they stood at ``as_of`` (unix seconds).

    Without grouping there is exactly one, 0 when nothing was used; with it, only hours or days that hold
    events have one.
    """
    counting = books.counting(meter, request.customer, as_of)
    events = [event for event in counting if request.start <= event.timestamp < request.end]
    if request.grouping is None:
        return [_summary(meter, request.customer, request.start, request.end, events)]
    buckets: dict[int, list[MeterEvent]] = {}
    for event in events:
        buckets.setdefault(event.timestamp - event.timestamp % request.grouping, []).append(event)
    return [
        _summary(meter, request.customer, start, start + request.grouping, buckets[start])
        for start in sorted(buckets, reverse=True)
    ]


def aggregate(formula: str, events: Sequence[MeterEvent]) -> Decimal:
    """The value of these events (in the order of their receipt) under ``sum``, ``count`` or ``last``.

    ``last`` is the newest by timestamp; of equally old ones, the one received last.
    """
    if formula == "count":
        return Decimal(len(events))
    total, newest = Decimal(0), -1
    for event in events:
        if formula == "sum":
            total = _EXACT.add(total, event.value)
        elif event.timestamp >= newest:
            total, newest = event.value, event.timestamp
    return total


def as_number(value: Decimal) -> int | float:
    """The value as a JSON number: whole ones exactly, others as the nearest double."""
    return int(value) if value == value.to_integral_value(context=_EXACT) else float(value)


def _summary(meter: Meter, customer: str, start: int, end: int, events: Sequence[MeterEvent]) -> dict[str, object]:
    place = f"{meter.id}:{customer}:{start}:{end}"
    return {
        "id": f"mtrusg_test_{hashlib.sha256(place.encode()).hexdigest()[:24]}",
        "object": "billing.meter_event_summary",
        "aggregated_value": as_number(aggregate(meter.formula, events)),
        "end_time": end,
        "livemode": False,
        "meter": meter.id,
        "start_time": start,
    }
