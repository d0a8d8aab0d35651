"""The start of a subscription: its first periods and its first invoice."""

from __future__ import annotations

from decimal import Decimal

from stripe_sandbox.billing.charges import Charge
from stripe_sandbox.billing.lines import Line, Metered, lines_of
from stripe_sandbox.billing.money import EXACT, ZERO
from stripe_sandbox.billing.prices import Price
from stripe_sandbox.billing.subscriptions import Item, Subscription
from stripe_sandbox.cycle.drafting import AT_ONCE, Bill, open_draft, stretch
from stripe_sandbox.cycle.finalizing import finalize
from stripe_sandbox.cycle.period_end import advance_lines
from stripe_sandbox.sandbox import Sandbox

_NOTHING_YET = Charge(0, ZERO, ZERO, "0 x")


def first_period(subscription: Subscription, price: Price, now: int) -> tuple[int, int, int]:
    """Start and end of an item's first period, and from when its usage counts.

    A backdated start belongs to the first invoice in flexible mode, and to the first period in classic mode.
    """
    start = subscription.start_date if subscription.mode == "classic" else now
    if subscription.trial_end is not None:
        return start, subscription.trial_end, start
    return start, subscription.period_end_after(price.subscribed, now), start


def bill_beginning(sandbox: Sandbox, subscription: Subscription, now: int) -> None:
    """Record a new subscription, and its first invoice where that would hold a line.

    What is licensed is billed in advance. Usage is not, so a metered item has a line of zero in classic mode and none
    in flexible mode, except for usage before a backdated start was known.
    """
    sandbox.record(subscription)
    lines: list[Line] = []
    metered: list[Metered] = []
    for item in subscription.items:
        price = sandbox.books.billing.prices[item.price]
        backdated = subscription.mode == "flexible" and subscription.start_date < now
        if price.meter is None:
            share = ZERO if subscription.trial_end is not None else _share(price, subscription, item, now)
            lines += advance_lines(sandbox, subscription, item, share)
        elif backdated:
            early = item.changed(period_start=subscription.start_date, usage_from=subscription.start_date)
            metered.append(stretch(subscription, early, now))
        elif subscription.mode == "classic":
            lines += _zero_line(sandbox, subscription, item, price)
    by_charge = subscription.collection_method == "charge_automatically"
    grace = AT_ONCE if by_charge else sandbox.settings.finalization_grace_seconds
    bill = Bill("subscription_create", now, subscription.start_date, now, grace, tuple(metered), tuple(lines))
    draft = open_draft(sandbox, subscription, bill)
    if draft is None:
        return
    sandbox.record(subscription.changed(latest_invoice=draft.id))
    if by_charge:
        finalize(sandbox, draft, now, collect=True)


def _share(price: Price, subscription: Subscription, item: Item, now: int) -> Decimal:
    """The part of a whole interval that the first period is; whole where it begins at a boundary."""
    if price.recurring is None or now == subscription.anchor:
        return Decimal(1)
    following = subscription.period_end_after(price.recurring, item.period_end)
    return EXACT.divide(Decimal(item.period_end - now), Decimal(following - item.period_end))


def _zero_line(sandbox: Sandbox, subscription: Subscription, item: Item, price: Price) -> list[Line]:
    product = sandbox.books.billing.products[price.product]
    nothing = stretch(subscription, item, item.period_end, free=True)
    lines = lines_of(nothing, [_NOTHING_YET], subscription.currency, (product.id, product.name))
    return [line.on(metered=None, metadata=subscription.metadata) for line in lines]
