"""Usage that no invoice carries: which time is left between what invoices bill, and why."""

from __future__ import annotations

from collections.abc import Sequence
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
from fridge_pipeline.stripe.rules.invoice import Price, SubscriptionItem, Times


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


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What a customer had of a meter: items, ended ones too, and the periods whose invoices are drafts still.

    Without ``is_priced`` the meter has no price at all.
    """

    items: Sequence[SubscriptionItem]
    drafts: Sequence[Span] = ()
    is_priced: bool = True


def uncovered_times(
    account: tuple[str, str], covered: Sequence[Span], subscribed: Subscribed, looked_at: Sequence[Span]
) -> list[Uncovered]:
    """The times of a customer and meter that are on no invoice and should be, in order.

    ``looked_at`` is the time of which every invoice was read, the last of it until now. What lies in the open period of
    an item is still to come.
    """
    customer_id, event_name = account
    now = looked_at[-1].end
    until = min([now, *(item.period_start for item in subscribed.items if item.goes_on)])
    seen = [Span(span.start, min(span.end, until)) for span in looked_at if span.start < until]
    found = []
    for gap in without(seen, covered):
        work = _Gap(gap, covered, subscribed, now)
        for span in work.cut():
            cause = work.why(span) if subscribed.is_priced else InvoiceCause.NO_PRICE
            found.append(Uncovered(customer_id, event_name, span, cause))
    return found


@dataclass(frozen=True, slots=True)
class _Gap:
    """A time between what invoices bill."""

    span: Span
    covered: Sequence[Span]
    subscribed: Subscribed
    now: datetime

    def cut(self) -> list[Span]:
        """Cut where months end, and where items, their trials and pauses began and ended: each piece has one cause."""
        start, end = self.span.start, self.span.end
        edges = {self._awaited(each) for each in self.subscribed.items}
        for each in self.subscribed.items:
            times = [*each.trials, *each.pauses, (each.created_at, self._billed_until(each))]
            edges |= {edge for time in times for edge in time}
        month = Month.containing(start)
        while month.end < end:
            edges.add(month.end)
            month = month.after
        cuts = [start, *sorted(edge for edge in edges if start < edge < end), end]
        return [Span(*piece) for piece in pairwise(cuts)]

    def why(self, span: Span) -> InvoiceCause:
        """The cause of one piece."""
        there = [
            item
            for item in self.subscribed.items
            if item.created_at <= span.start and span.end <= self._billed_until(item) and not _pause(item, span)
        ]
        if not there:
            comes = any(self._comes_after(item, span) for item in self.subscribed.items)
            return InvoiceCause.INVOICE_AWAITED if comes else InvoiceCause.NOT_ON_SUBSCRIPTION
        if any(self._awaited(item) <= span.start for item in there):
            return InvoiceCause.INVOICE_AWAITED
        if all(item.was_on_trial(span.start, span.end) for item in there):
            return InvoiceCause.FREE_TRIAL
        return InvoiceCause.NO_LINE if any(item.goes_on for item in there) else InvoiceCause.SUBSCRIPTION_ENDED

    def _billed_until(self, item: SubscriptionItem) -> datetime:
        """When an item ended; a pause has no time of its own, but it ends a period."""
        if item.ended_at is not None or item.goes_on:
            return item.ended_at or self.span.end
        return item.period_end if item.period_end <= self.now else item.period_start

    def _awaited(self, item: SubscriptionItem) -> datetime:
        """From when on an item's invoice may still come: its last period, for a day after that."""
        end = min(self._billed_until(item), self.span.end)
        if self.now - end >= INVOICE_COMES_WITHIN:
            return end
        return (item.period_before if item.goes_on else item.period_start) or self.span.start

    def _comes_after(self, item: SubscriptionItem, span: Span) -> bool:
        """Whether the invoice after a pause is still to come: nobody knows whether that bills the pause's usage."""
        if _pause(item, span) is None or not item.goes_on:
            return False
        after = self.span.end
        if any(each.start == after for each in self.covered):
            return any(each.start == after for each in self.subscribed.drafts)
        return item.period_start <= after or self.now - item.period_start < INVOICE_COMES_WITHIN


def _pause(item: SubscriptionItem, span: Span) -> Times | None:
    return next((each for each in item.pauses if each[0] <= span.start and span.end <= each[1]), None)


def compare_uncovered(time: Uncovered, booked: Booked, price: Price | None, *, is_period: bool) -> Comparison:
    """Usage that no invoice carries; ``price`` is what it would cost at, ``None`` when that is not known.

    Tiers and packages say so only of a billing period.
    """
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
        amount=cost_of_change(NOTHING, owed, price) if price and (is_period or not price.is_by_period) else None,
        currency=price.currency if price else None,
        price_id=price.price_id if price else None,
        settled=settled,
    )
