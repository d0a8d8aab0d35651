"""Billing periods: which lines of which invoices bill one meter for one customer and the same time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from fridge_pipeline.stripe.rules.invoice import (
    THRESHOLD,
    Invoice,
    InvoiceLine,
    Price,
    SubscriptionItem,
    TiersMode,
)

NOTHING = Decimal(0)


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """A time ``[start, end)``; a meter event belongs to the span that its timestamp lies in."""

    start: datetime
    end: datetime

    def overlaps(self, other: Span) -> bool:
        """Whether some of the time is the same."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Part:
    """What one invoice bills of a period: its lines of the meter, in the order of the invoice."""

    invoice: Invoice
    lines: tuple[InvoiceLine, ...]

    @property
    def quantity(self) -> Decimal:
        """The sum of the lines: tiers have one each, and a flat fee one of quantity 0."""
        return sum((line.quantity or NOTHING for line in self.lines), NOTHING)

    @property
    def is_threshold(self) -> bool:
        """Whether it was made within the period, when a billing threshold was reached."""
        return self.invoice.billing_reason == THRESHOLD


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """One meter, customer and subscription over one time, with every invoice that bills it, by time of creation.

    ``spans`` is the time whose usage it is to carry: all of it, less what an earlier subscription bills already.
    """

    customer_id: str
    event_name: str
    subscription_id: str | None
    span: Span
    parts: tuple[Part, ...]
    spans: tuple[Span, ...] = ()

    @property
    def live(self) -> tuple[Part, ...]:
        """The parts that bill something: not those of void invoices."""
        return tuple(part for part in self.parts if not part.invoice.is_void)

    @property
    def void_thresholds(self) -> Decimal:
        """What thresholds' invoices had that are void now; those that follow leave it out."""
        return sum((part.quantity for part in self.parts if part.invoice.is_void and part.is_threshold), NOTHING)

    @property
    def newest(self) -> Part:
        """The part that carries what no earlier one does: the newest that is not void, else the newest."""
        return (self.live or self.parts)[-1]

    @property
    def is_shared(self) -> bool:
        """Whether another subscription bills some of the same time."""
        return self.spans != (self.span,)

    def was_on_trial(self, items: Mapping[str, SubscriptionItem]) -> bool:
        """Whether every item that bills it was on trial for all of its time."""
        own = [items.get(line.item_id or "") for part in self.live for line in part.lines]
        return all(item is not None and item.was_on_trial(self.span.start, self.span.end) for item in own)


def billing_periods(invoices: Iterable[Invoice], prices: Mapping[str, Price]) -> list[BillingPeriod]:
    """The periods that invoices bill, of meters of the catalogue only, in order of customer, meter and time.

    Lines of one subscription that overlap belong to one period, however many items, tiers and prices they have: after
    a change of price they do not begin together. A threshold's invoice also belongs to the period that follows on it.
    """
    found: dict[tuple[str, str, str], list[tuple[InvoiceLine, Invoice]]] = defaultdict(list)
    for invoice in sorted(invoices, key=lambda each: (each.created_at, each.invoice_id)):
        for line in invoice.lines:
            price = prices.get(line.price_id or "")
            if price is not None and price.event_name is not None:
                found[invoice.customer_id, price.event_name, line.subscription_id or ""].append((line, invoice))
    periods: dict[tuple[str, str], list[BillingPeriod]] = defaultdict(list)
    for (customer_id, event_name, subscription_id), lines in sorted(found.items(), key=lambda each: each[0]):
        for members in _joined(lines):
            span = Span(min(line.period_start for line, _ in members), max(line.period_end for line, _ in members))
            periods[customer_id, event_name].append(
                BillingPeriod(customer_id, event_name, subscription_id or None, span, _parts(members))
            )
    return [each for same in periods.values() for each in _shared_out(same)]


@dataclass(slots=True)
class _Joined:
    """Lines that overlap, while they are collected."""

    end: datetime
    goes_on: bool = False
    members: list[tuple[InvoiceLine, Invoice]] = field(default_factory=list)


def _joined(lines: Sequence[tuple[InvoiceLine, Invoice]]) -> list[list[tuple[InvoiceLine, Invoice]]]:
    groups: list[_Joined] = []
    for line, invoice in sorted(lines, key=lambda each: (each[0].period_start, each[0].period_end)):
        start, end = line.period_start, line.period_end
        last = groups[-1] if groups else _Joined(datetime.min.replace(tzinfo=UTC))
        overlaps = start < last.end or (start == last.end and (start == end or last.goes_on))
        if not groups or not overlaps:
            groups.append(last := _Joined(end))
        if end >= last.end:
            last.end, last.goes_on = end, invoice.billing_reason == THRESHOLD
        last.members.append((line, invoice))
    return [group.members for group in groups]


def _parts(members: Sequence[tuple[InvoiceLine, Invoice]]) -> tuple[Part, ...]:
    by_invoice: dict[str, tuple[Invoice, list[InvoiceLine]]] = {}
    for line, invoice in members:
        by_invoice.setdefault(invoice.invoice_id, (invoice, []))[1].append(line)
    ordered = sorted(by_invoice.values(), key=lambda each: (each[0].created_at, each[0].invoice_id))
    return tuple(Part(invoice, tuple(lines)) for invoice, lines in ordered)


def _shared_out(periods: Sequence[BillingPeriod]) -> list[BillingPeriod]:
    """Each with the time that is its own: what several subscriptions bill belongs to whoever began first."""
    taken: list[Span] = []
    found = []
    for each in sorted(periods, key=lambda period: (not period.live, period.span, period.subscription_id or "")):
        spans = tuple(without([each.span], taken))
        taken.append(each.span)
        found.append(
            BillingPeriod(each.customer_id, each.event_name, each.subscription_id, each.span, each.parts, spans)
        )
    return sorted(found, key=lambda period: (period.span, period.subscription_id or ""))


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """What is left of spans when others are taken away, in order."""
    left = sorted(spans)
    for other in taken:
        rest = []
        for span in left:
            if other.end <= span.start or span.end <= other.start:
                rest.append(span)
                continue
            if span.start < other.start:
                rest.append(Span(span.start, other.start))
            if other.end < span.end:
                rest.append(Span(other.end, span.end))
        left = rest
    return left


def carried(period: BillingPeriod, prices: Mapping[str, Price]) -> dict[str, Decimal]:
    """Invoice → what it bills of the period, beyond what the ones before it have billed; a void one bills nothing.

    At a price by volume a later invoice states the whole quantity again and takes back the amount of the earlier ones,
    by a line without a quantity: also of a threshold's that is void now, if it takes back more than the others' amount.
    """
    found = {part.invoice.invoice_id: NOTHING for part in period.parts}
    before: list[tuple[Part, Decimal]] = []
    for part in period.parts:
        taken_back, quantity = _taken_back(part, prices), part.quantity
        if taken_back:
            of_live = sum(line.amount for each, _ in before if not each.invoice.is_void for line in each.lines)
            quantity -= sum(share for each, share in before if not each.invoice.is_void or taken_back > of_live)
        if not part.invoice.is_void:
            found[part.invoice.invoice_id] = quantity
        if not part.invoice.is_void or part.is_threshold:
            before.append((part, quantity))
    return found


def _taken_back(part: Part, prices: Mapping[str, Price]) -> int:
    return -sum(
        line.amount
        for line in part.lines
        if line.amount < 0 and not line.quantity and prices[line.price_id or ""].tiers_mode is TiersMode.VOLUME
    )
