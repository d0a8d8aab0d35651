"""``POST /v1/subscriptions/{subscription}``: what can be changed inside a period."""

from __future__ import annotations

from stripe_sandbox.account import read_metadata
from stripe_sandbox.billing.charges import NOTHING_BILLED
from stripe_sandbox.billing.subscription_forms import (
    COLLECTION,
    PRORATION,
    read_amount_gte,
    read_days_until_due,
    read_usage_gte,
)
from stripe_sandbox.billing.subscriptions import Item, Subscription
from stripe_sandbox.billing_api.lookup import show_subscription
from stripe_sandbox.billing_api.subscriptions import caught_up, check_prices, new_item, read_item_price
from stripe_sandbox.calls import Call
from stripe_sandbox.cycle.changing import begin_anew, bill_pending, pause, resume, usage_so_far
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import Form, refused

PAUSES = ("keep_as_draft", "mark_uncollectible", "void")


def update_subscription(sandbox: Sandbox, call: Call) -> StripeObject:
    """Change items, cancellation, thresholds, pause and texts; a draft that waits for its time is made first."""
    form = call.form
    form.allow_only(
        *("billing_cycle_anchor", "billing_thresholds", "cancel_at", "cancel_at_period_end", "collection_method"),
        *("days_until_due", "description", "items", "metadata", "pause_collection", "proration_behavior"),
        *("payment_behavior", "trial_end", "off_session"),
    )
    subscription, now = caught_up(sandbox, call)
    proration = form.optional_choice("proration_behavior", PRORATION) or "create_prorations"
    changed = _with_texts(_with_cancellation(_with_pause(subscription, form), form, now), form)
    for row in form.rows("items"):
        changed = _with_item(sandbox, changed, row, now, bill_usage=proration != "none")
    sandbox.record(changed)
    if proration == "always_invoice":
        bill_pending(sandbox, changed, now)
    anchor = form.optional_choice("billing_cycle_anchor", ("now", "unchanged"))
    if anchor == "now" or (form.optional_text("trial_end") == "now" and changed.status == "trialing"):
        begin_anew(sandbox, sandbox.books.billing.subscriptions[changed.id], now)
    return show_subscription(sandbox, sandbox.books.billing.subscriptions[changed.id])


def pause_subscription(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/subscriptions/{subscription}/pause``, in flexible mode."""
    form = call.form
    form.allow_only("bill_for", "invoicing_behavior", "type")
    subscription, now = caught_up(sandbox, call)
    if subscription.mode != "flexible" or subscription.status not in {"active", "trialing"}:
        raise refused("Only active subscriptions with billing_mode[type]=flexible can be paused.", "subscription")
    through = "now"
    bill_for = form.optional_group("bill_for")
    if bill_for is not None:
        bill_for.allow_only("outstanding_usage_through")
        through = bill_for.group("outstanding_usage_through").choice("type", ("none", "now"))
    paused = pause(sandbox, subscription, now, bill_usage=through == "now")
    if form.optional_choice("invoicing_behavior", ("invoice", "pending_invoice_item")) == "invoice":
        bill_pending(sandbox, paused, now)
    return show_subscription(sandbox, sandbox.books.billing.subscriptions[paused.id])


def resume_subscription(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/subscriptions/{subscription}/resume``: a period begins now."""
    call.form.allow_only("billing_cycle_anchor", "proration_behavior")
    subscription, now = caught_up(sandbox, call)
    if subscription.status != "paused":
        raise refused(f"Only paused subscriptions can be resumed; this one is {subscription.status}.", "subscription")
    if call.form.optional_choice("billing_cycle_anchor", ("now", "unchanged")) != "unchanged":  # Stripe's default
        subscription = subscription.changed(anchor=now, anchor_config=None)
    return show_subscription(sandbox, resume(sandbox, subscription, now))


def _with_item(sandbox: Sandbox, subscription: Subscription, row: Form, now: int, *, bill_usage: bool) -> Subscription:
    row.allow_only("id", "price", "price_data", "quantity", "metadata", "billing_thresholds", "deleted", "clear_usage")
    identity = row.optional_text("id")
    if identity is None:
        return _with_added(sandbox, subscription, row, now)
    item = next((each for each in subscription.items if each.id == identity), None)
    if item is None:
        raise refused(f"No such subscription item: '{identity}' on {subscription.id}.", row.full_name("id"))
    if row.optional_boolean("deleted"):
        if bill_usage:
            _bill(sandbox, subscription, item, now)
        rest = tuple(each for each in subscription.items if each.id != identity)
        if not rest:
            raise refused("A subscription has at least one item: cancel it instead.", row.full_name("deleted"))
        return subscription.changed(items=rest)
    if "price" in row.fields or "price_data" in row.fields:
        subscription, item = _swapped(sandbox, subscription, item, row, now, bill_usage=bill_usage)
    quantity = row.optional_integer("quantity")
    thresholds = item.usage_gte if "billing_thresholds" not in row.fields else read_usage_gte(row)
    return subscription.with_item(
        item.changed(
            quantity=item.quantity if quantity is None else quantity,
            metadata=read_metadata(row, item.metadata),
            usage_gte=thresholds,
        )
    )


def _with_added(sandbox: Sandbox, subscription: Subscription, row: Form, now: int) -> Subscription:
    price = read_item_price(sandbox, row, now)
    if any(each.price == price.id for each in subscription.items):
        raise refused(f"The price {price.id} already stands on {subscription.id}.", row.full_name("price"))
    check_prices(subscription, [*(sandbox.books.billing.prices[each.price] for each in subscription.items), price])
    if price.inline:
        sandbox.record(price)
    added = new_item(subscription.changed(start_date=now), price, row, now)
    return subscription.changed(items=(*subscription.items, added))


def _swapped(
    sandbox: Sandbox, subscription: Subscription, item: Item, row: Form, now: int, *, bill_usage: bool
) -> tuple[Subscription, Item]:
    """The item under its new price: usage counts for it from now on, and the draft at the end keeps its quantity."""
    price = read_item_price(sandbox, row, now)
    if price.id == item.price:
        return subscription, item
    others = [sandbox.books.billing.prices[each.price] for each in subscription.items if each.id != item.id]
    check_prices(subscription, [*others, price])
    if bill_usage:
        _bill(sandbox, subscription, item, now)
    if price.inline:
        sandbox.record(price)
    licensed = price.meter is None
    before, old = sandbox.books.billing.prices[item.price].recurring, item
    same_interval = before is not None and price.recurring is not None and before.interval == price.recurring.interval
    if price.recurring is not None and not same_interval:
        item = item.changed(period_start=now, period_end=subscription.period_end_after(price.recurring, now))
    swapped = item.changed(
        price=price.id,
        usage_from=now,
        swapped=True,
        billed=NOTHING_BILLED,
        quantity=(old.quantity or 1) if licensed else None,
    )
    return subscription.with_item(swapped), swapped


def _bill(sandbox: Sandbox, subscription: Subscription, item: Item, now: int) -> None:
    for each in usage_so_far(sandbox, subscription, item, now):
        sandbox.record(each)


def _with_cancellation(subscription: Subscription, form: Form, now: int) -> Subscription:
    at_end, moment = form.optional_boolean("cancel_at_period_end"), form.fields.get("cancel_at")
    if at_end is not None:
        subscription = subscription.changed(cancel_at_period_end=at_end, canceled_at=now if at_end else None)
    if moment == "":
        return subscription.changed(cancel_at=None, canceled_at=None)
    if moment is not None:
        at = form.integer("cancel_at")
        if at <= now:
            raise refused("cancel_at has to be in the future.", "cancel_at")
        return subscription.changed(cancel_at=at, canceled_at=now)
    return subscription


def _with_pause(subscription: Subscription, form: Form) -> Subscription:
    if form.fields.get("pause_collection") == "":
        return subscription.changed(pause_behavior=None, pause_resumes_at=None)
    group = form.optional_group("pause_collection")
    if group is None:
        return subscription
    group.allow_only("behavior", "resumes_at")
    behavior, resumes = group.choice("behavior", PAUSES), group.optional_integer("resumes_at")
    return subscription.changed(pause_behavior=behavior, pause_resumes_at=resumes)


def _with_texts(subscription: Subscription, form: Form) -> Subscription:
    method = form.optional_choice("collection_method", COLLECTION)
    if method is not None:
        days = read_days_until_due(form, method)
        subscription = subscription.changed(collection_method=method, days_until_due=days)
    if "billing_thresholds" in form.fields:
        amount_gte, resets = (None, False) if form.fields["billing_thresholds"] == "" else read_amount_gte(form)
        subscription = subscription.changed(amount_gte=amount_gte, threshold_resets_anchor=resets)
    return subscription.changed(
        description=form.optional_text("description", 500) or subscription.description,
        metadata=read_metadata(form, subscription.metadata),
    )
