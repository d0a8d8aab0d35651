"""Billing thresholds: an invoice inside a period, once enough was used."""

from __future__ import annotations

from stripe_sandbox.billing.charges import Billed, Charge
from stripe_sandbox.billing.lines import Metered
from stripe_sandbox.billing.money import ZERO
from stripe_sandbox.billing.subscriptions import Item, Subscription
from stripe_sandbox.cycle.drafting import AT_ONCE, Bill, open_draft, stretch
from stripe_sandbox.cycle.finalizing import finalize
from stripe_sandbox.cycle.usage import charges_of, quantity_of
from stripe_sandbox.sandbox import Sandbox


def bill_thresholds(sandbox: Sandbox, now: float) -> None:
    """Bill the subscriptions whose thresholds were reached by usage that came since the last look."""
    billing = sandbox.books.billing
    while billing.touched:
        customer = billing.touched.pop()
        for identity in sorted(billing.with_thresholds.get(customer, ())):
            subscription = billing.subscriptions[identity]
            _look_at(sandbox, subscription, int(sandbox.time_of(subscription.test_clock, now)))


def _look_at(sandbox: Sandbox, subscription: Subscription, now: int) -> None:
    stretches = [(item, stretch(subscription, item, item.period_end)) for item in _metered(sandbox, subscription)]
    unbilled = [(item, usage, charges_of(sandbox, usage)) for item, usage in stretches]
    reached = {
        item.id: item.usage_gte
        for item, usage, _ in unbilled
        if item.usage_gte is not None and quantity_of(sandbox, usage) - item.billed.quantity >= item.usage_gte
    }
    amount = sum(_sum(told) for _, _, told in unbilled)
    by_amount = subscription.amount_gte is not None and amount >= subscription.amount_gte
    if not reached and not by_amount:
        return
    billed = [(item, usage, told) for item, usage, told in unbilled if _sum(told) or quantity_of(sandbox, usage) > ZERO]
    after = subscription
    for item, usage, told in billed:
        after = after.with_item(_billed(sandbox, item, usage, told))
    start = min(item.period_start for item in subscription.items)
    bill = Bill("subscription_threshold", now, start, now, AT_ONCE, tuple(usage for _, usage, _ in billed))
    draft = open_draft(sandbox, subscription, bill)
    if draft is None:
        return
    if subscription.threshold_resets_anchor:
        after = _begun_anew(sandbox, after, now)
    sandbox.record(after.changed(latest_invoice=draft.id))
    amount_gte = subscription.amount_gte if by_amount else None
    finalize(sandbox, draft.changed(usage_gte=reached, amount_gte=amount_gte), now, collect=True)


def _metered(sandbox: Sandbox, subscription: Subscription) -> list[Item]:
    return [item for item in subscription.items if sandbox.books.billing.prices[item.price].meter is not None]


def _billed(sandbox: Sandbox, item: Item, usage: Metered, told: list[Charge]) -> Item:
    quantity = quantity_of(sandbox, usage)
    return item.changed(billed=Billed(quantity, item.billed.amount + _sum(told)))


def _sum(told: list[Charge]) -> int:
    return sum(charge.amount for charge in told)


def _begun_anew(sandbox: Sandbox, subscription: Subscription, now: int) -> Subscription:
    """The subscription with its anchor, and so its periods, at the moment of the threshold invoice."""
    anew = subscription.changed(anchor=now, anchor_config=None)
    for item in subscription.items:
        recurring = sandbox.books.billing.prices[item.price].recurring
        if recurring is not None:
            end = anew.period_end_after(recurring, now)
            anew = anew.with_item(item.changed(period_end=now).in_next_period(end))
    return anew
