"""A subscription that changes inside its period: items added, swapped and removed, and the end before the time."""

from __future__ import annotations

from stripe_sandbox.billing.invoice_items import InvoiceItem
from stripe_sandbox.billing.money import ZERO
from stripe_sandbox.billing.subscriptions import Item, Subscription
from stripe_sandbox.cycle.drafting import Bill, new_id, open_draft, stretch
from stripe_sandbox.cycle.period_end import end_period
from stripe_sandbox.cycle.usage import charges_of
from stripe_sandbox.sandbox import Sandbox


def usage_so_far(sandbox: Sandbox, subscription: Subscription, item: Item, now: int) -> list[InvoiceItem]:
    """The invoice items that bill a metered item's usage until now, which flexible mode does when its price goes.

    In classic mode that usage is never billed.
    """
    price = sandbox.books.billing.prices[item.price]
    if price.meter is None or subscription.mode == "classic":
        return []
    usage = stretch(subscription, item, now)
    product = sandbox.books.billing.products[price.product]
    return [
        InvoiceItem(
            id=new_id("ii"),
            customer=subscription.customer,
            created=now,
            amount=charge.amount,
            currency=subscription.currency,
            quantity=charge.quantity or ZERO,
            start=usage.start,
            end=usage.end,
            unit=charge.unit,
            price=price.id,
            product=product.id,
            description=f"{charge.words} {product.name}",
            subscription=subscription.id,
            item=item.id,
            metadata=subscription.metadata,
            test_clock=subscription.test_clock,
        )
        for charge in charges_of(sandbox, usage)
    ]


def bill_pending(sandbox: Sandbox, subscription: Subscription, now: int) -> None:
    """A draft of the invoice items that wait for this subscription, as ``always_invoice`` wants it."""
    start = min((item.period_start for item in subscription.items), default=now)
    draft = open_draft(sandbox, subscription, Bill("subscription_update", now, start, now, _grace(sandbox)))
    if draft is not None:
        sandbox.record(subscription.changed(latest_invoice=draft.id))


def begin_anew(sandbox: Sandbox, subscription: Subscription, now: int) -> None:
    """Anchor the periods now: those that run end, and their usage is billed."""
    shortened = subscription.changed(anchor=now, anchor_config=None, trial_end=now if subscription.trial_end else None)
    for item in shortened.items:
        shortened = shortened.with_item(item.changed(period_end=now))
    end_period(sandbox, shortened, now, now)


def cancel(sandbox: Sandbox, subscription: Subscription, now: int, *, bill_usage: bool) -> Subscription:
    """End a subscription at once; usage that no invoice holds yet is billed by a last draft, or discarded."""
    ended = subscription.changed(status="canceled", ended_at=now, canceled_at=subscription.canceled_at or now)
    sandbox.record(ended)
    if not bill_usage:
        return ended
    draft = open_draft(sandbox, ended, last_bill(sandbox, subscription, now))
    if draft is not None:
        ended = ended.changed(latest_invoice=draft.id, owed=())
        sandbox.record(ended)
    return ended


def last_bill(sandbox: Sandbox, subscription: Subscription, now: int) -> Bill:
    """The bill of a subscription that ends now: the usage of its items until now, and nothing in advance."""
    prices = sandbox.books.billing.prices
    metered = [stretch(subscription, item, now) for item in subscription.items if prices[item.price].meter is not None]
    start = min((item.period_start for item in subscription.items), default=now)
    return Bill("subscription_update", now, start, now, _grace(sandbox), tuple(metered), subscription.owed)


def _grace(sandbox: Sandbox) -> int:
    return sandbox.settings.finalization_grace_seconds
