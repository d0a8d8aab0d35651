"""The billing side of the books: every product, price, subscription, invoice and so on as it stands, and what is due.

Like the books as a whole it takes entries that were decided elsewhere, and never refuses one.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from stripe_sandbox.billing.credit_notes import CreditNote
from stripe_sandbox.billing.happenings import KEPT, Happening
from stripe_sandbox.billing.invoice_items import InvoiceItem
from stripe_sandbox.billing.invoices import Invoice
from stripe_sandbox.billing.prices import Price, Product
from stripe_sandbox.billing.subscriptions import Subscription
from stripe_sandbox.billing.test_clocks import TestClock


@dataclass(frozen=True)
class Gone:
    """A draft or pending invoice item that was deleted; one kind of journal entry."""

    id: str


BillingEntry: TypeAlias = (
    Product | Price | Subscription | Invoice | InvoiceItem | CreditNote | TestClock | Happening | Gone
)
BILLING_KINDS: dict[str, type[BillingEntry]] = {
    "credit_note": CreditNote,
    "gone": Gone,
    "happening": Happening,
    "invoice": Invoice,
    "invoice_item": InvoiceItem,
    "price": Price,
    "product": Product,
    "subscription": Subscription,
    "test_clock": TestClock,
}


class DueTimes:
    """When the next thing of one kind is due, on each clock (``None``: the account's own). O(log n) a change.

    Entries that changed meanwhile stay in the heap and are passed over when their turn comes.
    """

    def __init__(self) -> None:
        self._heaps: dict[str | None, list[tuple[int, str]]] = defaultdict(list)
        self._current: dict[str, int] = {}

    def put(self, identity: str, due: int | None, clock: str | None) -> None:
        """Something is due then; ``None``: never."""
        if due is None:
            self._current.pop(identity, None)
        elif self._current.get(identity) != due:
            self._current[identity] = due
            heapq.heappush(self._heaps[clock], (due, identity))

    def first(self, clock: str | None) -> tuple[float, str]:
        """The earliest time and whose it is; infinity when there is none."""
        heap = self._heaps.get(clock, [])
        while heap:
            due, identity = heap[0]
            if self._current.get(identity) == due:
                return due, identity
            heapq.heappop(heap)
        return inf, ""


class Ledger:
    """All billing objects by id, in the order in which they were made."""

    def __init__(self) -> None:
        self.products: dict[str, Product] = {}
        self.prices: dict[str, Price] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.invoices: dict[str, Invoice] = {}
        self.invoice_items: dict[str, InvoiceItem] = {}
        self.credit_notes: dict[str, CreditNote] = {}
        self.test_clocks: dict[str, TestClock] = {}
        self.happenings: dict[str, Happening] = {}
        self.periods_due = DueTimes()
        self.invoices_due = DueTimes()
        self.advancing: set[str] = set()
        self.with_thresholds: dict[str, set[str]] = defaultdict(set)
        self.touched: set[str] = set()  # customers whose thresholds have to be looked at
        self.notes_on: dict[str, list[str]] = defaultdict(list)
        self.pending_of: dict[str, set[str]] = defaultdict(set)

    def enter(self, entry: BillingEntry) -> None:  # noqa: C901 - one case a kind
        """Take one entry."""
        match entry:
            case Happening():
                self.happenings[entry.id] = entry
            case Invoice():
                self.invoices[entry.id] = entry
                self.invoices_due.put(entry.id, entry.due_at, entry.test_clock)
            case Subscription():
                self._enter_subscription(entry)
            case InvoiceItem():
                self._enter_item(entry)
            case CreditNote():
                if entry.id not in self.credit_notes:
                    self.notes_on[entry.invoice].append(entry.id)
                self.credit_notes[entry.id] = entry
            case Product():
                self.products[entry.id] = entry
            case Price():
                self.prices[entry.id] = entry
            case TestClock():
                self.test_clocks[entry.id] = entry
                (self.advancing.add if entry.target is not None else self.advancing.discard)(entry.id)
            case Gone():
                self._forget(entry.id)

    def _enter_subscription(self, subscription: Subscription) -> None:
        self.subscriptions[subscription.id] = subscription
        self.periods_due.put(subscription.id, subscription.due_at, subscription.test_clock)
        watched = self.with_thresholds[subscription.customer]
        if subscription.has_thresholds and subscription.due_at is not None:
            watched.add(subscription.id)
        else:
            watched.discard(subscription.id)

    def _enter_item(self, item: InvoiceItem) -> None:
        self.invoice_items[item.id] = item
        pending = self.pending_of[item.customer]
        (pending.add if item.invoice is None else pending.discard)(item.id)

    def _forget(self, identity: str) -> None:
        item = self.invoice_items.pop(identity, None)
        if item is not None:
            self.pending_of[item.customer].discard(identity)
        if self.invoices.pop(identity, None) is not None:
            self.invoices_due.put(identity, None, None)

    def thin_events(self, now: float) -> list[dict[str, object]]:
        """The events of the v2 API that can still be read, newest first."""
        thin = [each for each in self.happenings.values() if each.thin and each.created <= now < each.created + KEPT]
        return [each.as_core_event() for each in reversed(thin)]

    def pending_items(self, customer: str) -> list[InvoiceItem]:
        """The customer's invoice items that wait for an invoice, oldest first."""
        found = [self.invoice_items[each] for each in self.pending_of.get(customer, ())]
        return sorted(found, key=lambda item: (item.created, item.id))

    def notes_of(self, invoice: str) -> list[CreditNote]:
        """The credit notes on an invoice that were not voided, oldest first."""
        notes = (self.credit_notes[each] for each in self.notes_on.get(invoice, ()))
        return [note for note in notes if note.voided_at is None]
