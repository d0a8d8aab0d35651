"""Subscriptions: made, read, listed and cancelled."""

from __future__ import annotations

from stripe_sandbox.account import read_metadata
from stripe_sandbox.billing.price_forms import read_price_data
from stripe_sandbox.billing.prices import Price
from stripe_sandbox.billing.subscription_forms import (
    COLLECTION,
    read_amount_gte,
    read_beginning,
    read_days_until_due,
    read_mode,
    read_usage_gte,
)
from stripe_sandbox.billing.subscriptions import ENDED, Item, Subscription
from stripe_sandbox.billing_api.lookup import (
    customer_of,
    found,
    price_named,
    show_subscription,
    subscription_named,
    time_for,
)
from stripe_sandbox.calls import Call
from stripe_sandbox.cycle.beginning import bill_beginning, first_period
from stripe_sandbox.cycle.changing import cancel
from stripe_sandbox.cycle.drafting import new_id
from stripe_sandbox.cycle.due import end_periods_until
from stripe_sandbox.lists import CURSORS, newest_first, page, page_of, within
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import Form, no_such, refused

MOST_ITEMS = 20
STATES = ("active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due", "paused", "trialing")


def create_subscription(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/subscriptions``: its first period begins, and what is billed in advance is invoiced."""
    form = call.form
    form.allow_only(
        *("backdate_start_date", "billing_cycle_anchor", "billing_cycle_anchor_config", "billing_mode"),
        *("billing_thresholds", "cancel_at", "cancel_at_period_end", "collection_method", "currency", "customer"),
        *("days_until_due", "description", "items", "metadata", "payment_behavior", "proration_behavior"),
        *("trial_end", "trial_period_days", "off_session"),
    )
    customer = customer_of(sandbox, form.text("customer"), call.now)
    now = time_for(sandbox, call, customer.test_clock)
    begins = read_beginning(form, now)
    prices, rows = _priced(sandbox, form, now)
    method = form.optional_choice("collection_method", COLLECTION) or COLLECTION[0]
    amount_gte, resets = read_amount_gte(form)
    subscription = Subscription(
        id=new_id("sub"),
        customer=customer.id,
        created=now,
        start_date=begins.start,
        anchor=begins.anchor,
        anchor_config=begins.anchor_config,
        currency=(form.optional_text("currency", 3) or prices[0].currency).lower(),
        mode=read_mode(form),
        items=(),
        status="active" if begins.trial_end is None else "trialing",
        collection_method=method,
        days_until_due=read_days_until_due(form, method),
        description=form.optional_text("description", 500),
        metadata=read_metadata(form),
        cancel_at=form.optional_integer("cancel_at"),
        cancel_at_period_end=bool(form.optional_boolean("cancel_at_period_end")),
        trial_start=None if begins.trial_end is None else now,
        trial_end=begins.trial_end,
        amount_gte=amount_gte,
        threshold_resets_anchor=resets,
        test_clock=customer.test_clock,
    )
    check_prices(subscription, prices)
    _check_anchor(subscription, prices, now)
    for each in prices:
        if each.id not in sandbox.books.billing.prices:
            sandbox.record(each)
    items = tuple(new_item(subscription, each, row, now) for each, row in zip(prices, rows, strict=True))
    bill_beginning(sandbox, subscription.changed(items=items), now)
    return show_subscription(sandbox, sandbox.books.billing.subscriptions[subscription.id])


def retrieve_subscription(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/subscriptions/{subscription}``."""
    call.form.allow_only()
    return show_subscription(sandbox, subscription_named(sandbox, call))


def list_subscriptions(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/subscriptions``, newest first: without ended ones unless ``status`` asks for them.

    Those of test clocks only where a customer or a test clock is named.
    """
    form = call.form
    form.allow_only("collection_method", "created", "customer", "price", "status", "test_clock", *CURSORS)
    customer, clock = form.optional_text("customer"), form.optional_text("test_clock")
    method, price = form.optional_choice("collection_method", COLLECTION), form.optional_text("price")
    status, created = form.optional_choice("status", (*STATES, "unpaid")), within(form, "created")

    def wants(each: Subscription) -> bool:
        return (
            _of_status(each, status)
            and customer in (None, each.customer)
            and (clock == each.test_clock or (clock is None and customer is not None))
            and method in (None, each.collection_method)
            and (price is None or any(item.price == price for item in each.items))
            and created(each.created)
        )

    everything = newest_first(sandbox.books.billing.subscriptions.values())
    return page_of(everything, form, call.path, lambda each: show_subscription(sandbox, each), wants)


def list_subscription_items(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/subscription_items`` of one subscription."""
    call.form.allow_only("subscription", *CURSORS)
    identity = call.form.text("subscription")
    subscription = found(sandbox.books.billing.subscriptions, identity, "subscription", "subscription")
    prices = sandbox.books.billing.prices
    shown = [item.as_stripe(subscription.id, prices[item.price]) for item in subscription.items]
    return page(shown, call.form, call.path)


def cancel_subscription(sandbox: Sandbox, call: Call) -> StripeObject:
    """``DELETE /v1/subscriptions/{subscription}``: usage that is on no invoice is lost unless ``invoice_now``."""
    call.form.allow_only("invoice_now", "prorate", "cancellation_details")
    subscription, now = caught_up(sandbox, call)
    bill_usage = bool(call.form.optional_boolean("invoice_now"))
    return show_subscription(sandbox, cancel(sandbox, subscription, now, bill_usage=bill_usage))


def caught_up(sandbox: Sandbox, call: Call) -> tuple[Subscription, int]:
    """The subscription in the path, its ended periods billed, and what time it is for it.

    Raises ``StripeError``: 404 for one that has ended, as Stripe does.
    """
    subscription = subscription_named(sandbox, call)
    now = time_for(sandbox, call, subscription.test_clock)
    end_periods_until(sandbox, subscription.id, now)
    subscription = sandbox.books.billing.subscriptions[subscription.id]
    if subscription.status in ENDED:
        raise no_such("subscription", subscription.id, "id")
    return subscription, now


def check_prices(subscription: Subscription, prices: list[Price]) -> None:
    """Raises ``StripeError`` (400) for prices that cannot stand on one subscription."""
    for price in prices:
        if price.recurring is None:
            raise refused(f"The price {price.id} is a one-time price: it cannot be subscribed to.", "items")
        if subscription.currency not in {price.currency, *price.options}:
            raise refused(f"The price {price.id} has no currency {subscription.currency}.", "currency")
    intervals = {(p.recurring.interval, p.recurring.interval_count) for p in prices if p.recurring is not None}
    if subscription.mode == "classic" and len(intervals) > 1:
        text = "Prices of different intervals need billing_mode[type]=flexible."
        raise refused(text, "items")


def read_item_price(sandbox: Sandbox, row: Form, now: int) -> Price:
    """The price that an item names or describes inline. Raises ``StripeError`` (400)."""
    inline = row.optional_group("price_data")
    if inline is None:
        price = price_named(sandbox, row.text("price"), row.full_name("price"))
        if not price.active and not price.inline:
            raise refused(f"The price {price.id} is inactive.", row.full_name("price"))
        return price
    price = read_price_data(inline, now, recurring=True)
    found(sandbox.books.billing.products, price.product, "product", inline.full_name("product"), 400)
    return price


def new_item(subscription: Subscription, price: Price, row: Form, now: int) -> Item:
    """An item in its first period. Raises ``StripeError`` (400)."""
    quantity = row.optional_integer("quantity")
    if price.meter is not None and quantity is not None:
        text = f"The price {price.id} is metered: its item takes no quantity."
        raise refused(text, row.full_name("quantity"))
    start, end, usage_from = first_period(subscription, price, now)
    return Item(
        id=new_id("si"),
        created=now,
        price=price.id,
        period_start=start,
        period_end=end,
        usage_from=usage_from,
        quantity=(1 if quantity is None else quantity) if price.meter is None else None,
        metadata=read_metadata(row),
        usage_gte=read_usage_gte(row),
    )


def _priced(sandbox: Sandbox, form: Form, now: int) -> tuple[list[Price], list[Form]]:
    rows = form.rows("items")
    if not 1 <= len(rows) <= MOST_ITEMS:
        raise refused(f"A subscription has 1 to {MOST_ITEMS} items; received {len(rows)}.", "items")
    for row in rows:
        row.allow_only("price", "price_data", "quantity", "metadata", "billing_thresholds")
    prices = [read_item_price(sandbox, row, now) for row in rows]
    if len({price.id for price in prices}) < len(prices):
        raise refused("Each price can stand on a subscription only once.", "items")
    return prices, rows


def _check_anchor(subscription: Subscription, prices: list[Price], now: int) -> None:
    for price in prices:
        if price.recurring is not None and subscription.trial_end is None:
            first = subscription.changed(anchor=now, anchor_config=None).period_end_after(price.recurring, now)
            if subscription.anchor_config is None and subscription.anchor > first:
                text = "billing_cycle_anchor cannot be later than the end of the first period (one interval from now)."
                raise refused(text, "billing_cycle_anchor")


def _of_status(subscription: Subscription, status: str | None) -> bool:
    if status is None:
        return subscription.status not in ENDED
    return status == "all" or (status == "ended" and subscription.status in ENDED) or subscription.status == status
