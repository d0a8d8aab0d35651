"""The books: everything the sandbox knows, changed one entry at a time and rebuilt from the same entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from fridge_pipeline.stripe_sandbox.customer import Customer
from fridge_pipeline.stripe_sandbox.memory import RollingMemory
from fridge_pipeline.stripe_sandbox.meter import Meter
from fridge_pipeline.stripe_sandbox.meter_event import EventRefused, MeterEvent


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


Entry: TypeAlias = Meter | Customer | MeterEvent | EventRefused | Reply

Slots: TypeAlias = dict[int, list[MeterEvent]]
"""The events that count, by the start of the meter's window (or minute), in the order of their receipt."""


class Books:
    """Meters, customers, the events that count and what is remembered for 24 hours.

    ``enter`` is the only way in; it takes what was already decided and never refuses. One event costs O(1).
    """

    def __init__(self) -> None:
        self.meters: dict[str, Meter] = {}
        self.customers: dict[str, Customer] = {}
        self.identifiers: RollingMemory[bool] = RollingMemory()
        self.replies: RollingMemory[Reply] = RollingMemory()
        self.received = 0
        self.refused = 0
        self._active: dict[str, str] = {}
        self._counting: dict[tuple[str, str], Slots] = {}

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

    def active_meter(self, event_name: str) -> Meter | None:
        """The one meter that accepts events of this name."""
        meter = self._active.get(event_name)
        return None if meter is None else self.meters[meter]

    def counting(self, meter: str, customer: str, start: int, end: int) -> list[MeterEvent]:
        """The events of one meter and customer that count, stamped in ``[start, end)``."""
        slots = self._counting.get((meter, customer), {})
        # A window slot may begin before `start` and still hold an event inside, hence the event's own time.
        return [event for events in slots.values() for event in events if start <= event.timestamp < end]

    def every_slot(self) -> Iterator[tuple[Meter, str, Slots]]:
        """Every (meter, customer) that has events, with the events that count."""
        for (meter, customer), slots in self._counting.items():
            yield self.meters[meter], customer, slots

    def _enter_event(self, event: MeterEvent) -> None:
        self.received += 1
        self.identifiers.put(event.identifier, kept=True, now=event.received_at)
        meter = self.meters[event.meter]
        slots = self._counting.setdefault((event.meter, event.customer), {})
        slot = meter.slot(event.timestamp)
        if meter.event_time_window is None:
            slots.setdefault(slot, []).append(event)
        else:
            slots[slot] = [event]  # most recently received wins, whatever its timestamp inside the window

    def _enter_meter(self, meter: Meter) -> None:
        self.meters[meter.id] = meter
        if meter.active:
            self._active[meter.event_name] = meter.id
        elif self._active.get(meter.event_name) == meter.id:
            del self._active[meter.event_name]
