"""The books: everything the sandbox knows, changed one entry at a time and rebuilt from the same entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from math import inf
from typing import TypeAlias

from stripe_sandbox.account import Meter
from stripe_sandbox.adjustment import EventCancelled
from stripe_sandbox.customer import Customer
from stripe_sandbox.memory import RollingMemory
from stripe_sandbox.meter_events import EventRefused, MeterEvent
from stripe_sandbox.report import RefusedLater


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


Entry: TypeAlias = Meter | Customer | MeterEvent | EventRefused | EventCancelled | RefusedLater | Reply


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
        self.received = 0
        self.refused = 0
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

    def active_meter(self, event_name: str) -> Meter | None:
        """The one meter that accepts events of this name."""
        meter = self._active.get(event_name)
        return None if meter is None else self.meters[meter]

    def counting(self, meter: Meter, customer: str, as_of: float = ALWAYS) -> Iterator[MeterEvent]:
        """The events of one meter and customer that count, as often as they do, in the order of their receipt.

        ``as_of`` (unix seconds, sandbox clock) leaves out what was received or cancelled later.
        """
        for booked in self._slots.get((meter.id, customer), {}).values():
            visible = [each for each in booked if each.event.received_at <= as_of]
            if meter.event_time_window is not None:
                visible = visible[-1:]  # most recently received wins, whatever its timestamp inside the window
            for each in visible:
                if each.cancelled_at is None or each.cancelled_at > as_of:
                    yield from repeat(each.event, each.event.times if meter.event_time_window is None else 1)

    def pairs(self) -> Iterator[tuple[Meter, str]]:
        """Every (meter, customer) that has events."""
        for meter, customer in self._slots:
            yield self.meters[meter], customer

    def _enter_event(self, event: MeterEvent) -> None:
        self.received += 1
        booked = BookedEvent(event)
        self.identifiers.put(event.identifier, booked, event.received_at)
        if event.times > 0:
            slots = self._slots.setdefault((event.meter, event.customer), {})
            slots.setdefault(self.meters[event.meter].slot(event.timestamp), []).append(booked)

    def _enter_meter(self, meter: Meter) -> None:
        self.meters[meter.id] = meter
        if meter.active:
            self._active[meter.event_name] = meter.id
        elif self._active.get(meter.event_name) == meter.id:
            del self._active[meter.event_name]
