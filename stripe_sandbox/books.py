"""The books: everything the sandbox knows, changed one entry at a time and rebuilt from the same entries.

Summaries, which are what Stripe would bill, are read from the events in them that count.
"""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from itertools import repeat
from math import inf
from typing import Generic, TypeAlias, TypeVar

from stripe_sandbox.account import WINDOW_SECONDS, Customer, Meter
from stripe_sandbox.billing.ledger import BillingEntry, Ledger
from stripe_sandbox.meter_events import EventCancelled, EventRefused, MeterEvent
from stripe_sandbox.reports import RefusedLater
from stripe_sandbox.stripe_shapes import Form, wrong_parameter

Kept = TypeVar("Kept")

DAY = 86_400.0  # seconds


class RollingMemory(Generic[Kept]):
    """Keys and what belongs to them, each for ``span`` seconds from when it was put in.

    Costs O(1) per call: entries are kept in order of arrival and dropped from the old end. A clock that is
    set back does not bring forgotten entries back.
    """

    def __init__(self, span: float = DAY) -> None:
        self._span = span
        self._entries: OrderedDict[str, tuple[float, Kept]] = OrderedDict()

    def find(self, key: str, now: float) -> Kept | None:
        """What was put in under this key, unless it was never put in or is forgotten by now."""
        entry = self._entries.get(key)
        if entry is None or now - entry[0] >= self._span:
            return None
        return entry[1]

    def put(self, key: str, kept: Kept, now: float) -> None:
        """Remember from ``now`` on (a key that is put in again starts anew); drop what is too old."""
        while self._entries and now - next(iter(self._entries.values()))[0] >= self._span:
            self._entries.popitem(last=False)
        self._entries[key] = (now, kept)
        self._entries.move_to_end(key)


@dataclass(frozen=True)
class Reply:
    """The first answer under an ``Idempotency-Key``; one kind of journal entry.

    ``fingerprint`` is a digest of path and parameters: the same key with another one is an error.
    """

    key: str
    fingerprint: str
    status: int
    body: str
    headers: dict[str, str]
    request_id: str
    answered_at: float


Entry: TypeAlias = Meter | Customer | MeterEvent | EventRefused | EventCancelled | RefusedLater | Reply | BillingEntry


@dataclass
class BookedEvent:
    """A received event in the books; ``cancelled_at`` (unix seconds, sandbox clock) once it was cancelled."""

    event: MeterEvent
    cancelled_at: float | None = None


Slots: TypeAlias = dict[int, list[BookedEvent]]
"""The events by the start of the meter's window (or minute), in the order of their receipt."""

ALWAYS = inf  # as of which everything received is visible


class Books:
    """Meters, customers, events, reports of refused events and what is remembered for 24 hours.

    ``enter`` is the only way in; it takes what was already decided and never refuses. One event costs O(1).
    """

    def __init__(self) -> None:
        self.meters: dict[str, Meter] = {}
        self.customers: dict[str, Customer] = {}
        self.identifiers: RollingMemory[BookedEvent] = RollingMemory()
        self.replies: RollingMemory[Reply] = RollingMemory()
        self.reports: dict[str, list[RefusedLater]] = {}
        self.billing = Ledger()
        self.received = 0
        self.refused = 0
        self.changes: Counter[tuple[str, str]] = Counter()  # of a meter and customer, so that sums can be kept
        self.sums: dict[tuple[object, ...], tuple[int, Decimal]] = {}
        self._active: dict[str, str] = {}
        self._slots: dict[tuple[str, str], Slots] = {}

    def enter(self, entry: Entry) -> None:
        """Take one entry into the books."""
        match entry:
            case MeterEvent():
                self._enter_event(entry)
            case Reply():
                self.replies.put(entry.key, entry, entry.answered_at)
            case EventRefused():
                self.refused += 1
            case Meter():
                self._enter_meter(entry)
            case Customer():
                self.customers[entry.id] = entry
            case RefusedLater():
                self.reports.setdefault(entry.report, []).append(entry)
            case EventCancelled():
                booked = self.identifiers.find(entry.identifier, entry.cancelled_at)
                if booked is not None:
                    booked.cancelled_at = entry.cancelled_at
                    self.changes[booked.event.meter, booked.event.customer] += 1
            case _:
                self.billing.enter(entry)

    def active_meter(self, event_name: str) -> Meter | None:
        """The one meter that accepts events of this name."""
        meter = self._active.get(event_name)
        return None if meter is None else self.meters[meter]

    def counting(
        self,
        meter: Meter,
        customer: str,
        as_of: float = ALWAYS,
        *,
        overwriting: bool = True,
        within: tuple[int, int] | None = None,
    ) -> Iterator[MeterEvent]:
        """The events of one meter and customer that count, as often as they do, in the order of their receipt.

        ``as_of`` (unix seconds, sandbox clock) leaves out what was received or cancelled later. Without
        ``overwriting`` the events of a meter with windows count as those of a raw one. ``within`` (unix seconds)
        leaves out the windows or minutes that hold none of it.
        """
        overwriting = overwriting and meter.event_time_window is not None
        first, end = (meter.slot(within[0]), within[1]) if within else (-inf, inf)
        for start, booked in self._slots.get((meter.id, customer), {}).items():
            if not first <= start < end:
                continue
            visible = [each for each in booked if each.event.received_at <= as_of]
            if overwriting:
                visible = visible[-1:]  # most recently received wins, whatever its timestamp inside the window
            for each in visible:
                if each.cancelled_at is None or each.cancelled_at > as_of:
                    yield from repeat(each.event, 1 if overwriting else each.event.times)

    def pairs(self) -> Iterator[tuple[Meter, str]]:
        """Every (meter, customer) that has events."""
        for meter, customer in self._slots:
            yield self.meters[meter], customer

    def _enter_event(self, event: MeterEvent) -> None:
        self.received += 1
        booked = BookedEvent(event)
        self.identifiers.put(event.identifier, booked, event.received_at)
        if event.times > 0:
            self.changes[event.meter, event.customer] += 1
            if self.billing.with_thresholds.get(event.customer):
                self.billing.touched.add(event.customer)
            slots = self._slots.setdefault((event.meter, event.customer), {})
            slots.setdefault(self.meters[event.meter].slot(event.timestamp), []).append(booked)

    def _enter_meter(self, meter: Meter) -> None:
        self.meters[meter.id] = meter
        if meter.active:
            self._active[meter.event_name] = meter.id
        elif self._active.get(meter.event_name) == meter.id:
            del self._active[meter.event_name]


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
