"""The end of a billing period: its usage becomes a draft, and the items go into their next period."""

from __future__ import annotations

from decimal import Decimal

from stripe_sandbox.billing.charges import charges
from stripe_sandbox.billing.lines import Line, Metered
from stripe_sandbox.billing.subscriptions import Item, Subscription
from stripe_sandbox.cycle.drafting import AT_ONCE, Bill, new_id, open_draft, stretch
from stripe_sandbox.sandbox import Sandbox


def end_period(sandbox: Sandbox, subscription: Subscription, moment: int, now: int) -> None:
    """End the periods that end at ``moment``; the draft is created ``now``, which is a little later.

    The last period of a subscription is billed like any other, and nothing after it.
    """
    after, bill = period_bill(sandbox, subscription, moment, now)
    sandbox.record(after)
    draft = open_draft(sandbox, subscription, bill)
    if draft is not None:
        sandbox.record(after.changed(latest_invoice=draft.id))


def period_bill(sandbox: Sandbox, subscription: Subscription, moment: int, now: int) -> tuple[Subscription, Bill]:
    """The subscription after the periods that end at ``moment``, and the bill of these; nothing is recorded."""
    last = subscription.cancel_at_period_end or (subscription.cancel_at or moment + 1) <= moment
    ending = [item for item in subscription.items if last or item.period_end <= moment]
    after = subscription.changed(owed=(), status="canceled" if last else "active")
    metered, lines = [], list(subscription.owed)
    for item in ending:
        price = sandbox.books.billing.prices[item.price]
        if price.meter is not None:
            metered.append(_usage(sandbox, subscription, item, moment))
        if not last:
            following = item.in_next_period(after.period_end_after(price.subscribed, item.period_end))
            after = after.with_item(following)
            if price.meter is None:
                lines += advance_lines(sandbox, subscription, following, Decimal(1))
    if last:
        after = after.changed(ended_at=moment, canceled_at=subscription.canceled_at or moment)
    at_once = last and not sandbox.settings.final_invoice_grace
    grace = AT_ONCE if at_once else sandbox.settings.finalization_grace_seconds
    start = min((item.period_start for item in ending), default=moment)
    return after, Bill("subscription_cycle", now, start, moment, grace, tuple(metered), tuple(lines))


def advance_lines(sandbox: Sandbox, subscription: Subscription, item: Item, share: Decimal) -> list[Line]:
    """The lines that bill a licensed item for its current period in advance (``share`` of it where it is short)."""
    billing = sandbox.books.billing
    price = billing.prices[item.price]
    product = billing.products[price.product]
    told = charges(price, subscription.currency, Decimal(item.quantity or 1), sandbox.settings)
    return [
        Line(
            id=new_id("il"),
            amount=int((charge.amount * share).to_integral_value()),
            currency=subscription.currency,
            description=f"{charge.words} {product.name}",
            start=item.period_start,
            end=item.period_end,
            price=price.id,
            product=product.id,
            unit=charge.unit,
            quantity=charge.quantity,
            item=item.id,
            subscription=subscription.id,
            proration=share != 1,
            metadata=subscription.metadata,
        )
        for charge in told
    ]


def _usage(sandbox: Sandbox, subscription: Subscription, item: Item, end: int) -> Metered:
    whole = sandbox.settings.swap_line_period == "whole"
    free = subscription.status == "trialing" and sandbox.settings.trial_usage == "free"
    return stretch(subscription, item, end, whole=whole, free=free)
