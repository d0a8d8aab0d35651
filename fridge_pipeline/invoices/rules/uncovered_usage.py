"""Usage that no invoice carries: which time is left between what invoices bill, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.invoices.rules.billing_periods import NOTHING, Span, without
from fridge_pipeline.invoices.rules.compare_period import (
    INVOICE_COMES_WITHIN,
    Booked,
    Comparison,
    InvoiceCause,
    to_carry_nowhere,
)
from fridge_pipeline.invoices.rules.corrected import Place
from fridge_pipeline.invoices.rules.money import cost_of_change
from fridge_pipeline.stripe.rules.invoice import Price, SubscriptionItem


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A time within one month of which no invoice has a line for this customer and meter, and why."""

    customer_id: str
    event_name: str
    span: Span
    cause: InvoiceCause

    @property
    def place(self) -> Place:
        """As corrections name it."""
        return Place(self.customer_id, self.event_name, None, self.span)


def uncovered_times(
    account: tuple[str, str],
    covered: Iterable[Span],
    items: Sequence[SubscriptionItem],
    looked_at: Sequence[Span],
    *,
    is_priced: bool,
) -> list[Uncovered]:
    """The times of a customer and meter that are on no invoice and should be, in order.

    ``items`` are the customer's subscription items of the meter, ended ones too; ``looked_at`` is the time of which
    every invoice was read, the last of it until now; without ``is_priced`` the meter has no price at all. What lies in
    the open period of an item is still to come.
    """
    customer_id, event_name = account
    now = looked_at[-1].end
    until = min([now, *(item.period_start for item in items if item.goes_on)])
    seen = [Span(span.start, min(span.end, until)) for span in looked_at if span.start < until]
    found = []
    for gap in without(seen, covered):
        for span in _cut(gap, items, now):
            cause = _why(span, items, now) if is_priced else InvoiceCause.NO_PRICE
            found.append(Uncovered(customer_id, event_name, span, cause))
    return found


def _cut(gap: Span, items: Sequence[SubscriptionItem], now: datetime) -> list[Span]:
    """Cut where months end, and where items and their trials began and ended: the cause of each piece is one."""
    every = [(each.created_at, _billed_until(each, now), each.trial_start, each.trial_end) for each in items]
    edges = {edge for of_item in every for edge in of_item if edge is not None}
    month = Month.containing(gap.start)
    while month.end < gap.end:
        edges.add(month.end)
        month = month.after
    cuts = [gap.start, *sorted(edge for edge in edges if gap.start < edge < gap.end), gap.end]
    return [Span(start, end) for start, end in pairwise(cuts)]


def _billed_until(item: SubscriptionItem, now: datetime) -> datetime | None:
    """When an item ended; a pause has no time of its own, but it ends a period."""
    if item.goes_on or item.ended_at is not None:
        return item.ended_at
    return item.period_end if item.period_end <= now else item.period_start


def _why(span: Span, items: Sequence[SubscriptionItem], now: datetime) -> InvoiceCause:
    there = [
        item for item in items if item.created_at <= span.start and span.end <= (_billed_until(item, now) or span.end)
    ]
    if not there:
        return InvoiceCause.NOT_ON_SUBSCRIPTION
    if now - span.end < INVOICE_COMES_WITHIN:
        return InvoiceCause.INVOICE_AWAITED
    if all(item.was_on_trial(span.start, span.end) for item in there):
        return InvoiceCause.FREE_TRIAL
    return InvoiceCause.NO_LINE if any(item.goes_on for item in there) else InvoiceCause.SUBSCRIPTION_ENDED


def compare_uncovered(time: Uncovered, booked: Booked, price: Price | None) -> Comparison:
    """Usage that no invoice carries; ``price`` is what it would cost at, ``None`` when that is not known."""
    settled = to_carry_nowhere(booked, NOTHING)
    owed = NOTHING if time.cause is InvoiceCause.FREE_TRIAL else booked.usage - settled
    return Comparison(
        invoice_id=None,
        customer_id=time.customer_id,
        event_name=time.event_name,
        span=time.span,
        usage=Decimal(booked.usage),
        accepted=Decimal(booked.accepted),
        stripe=booked.stripe,
        invoiced=NOTHING,
        cause=time.cause,
        amount=cost_of_change(NOTHING, owed, price) if price else None,
        currency=price.currency if price else None,
        price_id=price.price_id if price else None,
        settled=settled,
    )
