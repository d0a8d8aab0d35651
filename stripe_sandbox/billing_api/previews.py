"""``POST /v1/invoices/create_preview``: the next invoice as it would be now."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from stripe_sandbox.billing.subscriptions import PREVIEWABLE, Subscription
from stripe_sandbox.billing_api.lookup import customer_of, found, time_for
from stripe_sandbox.calls import Call
from stripe_sandbox.cycle.changing import last_bill
from stripe_sandbox.cycle.drafting import Bill, new_id, prepared
from stripe_sandbox.cycle.period_end import period_bill
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import Form, StripeError, no_such, wrong_parameter


def create_preview(sandbox: Sandbox, call: Call) -> StripeObject:
    """The usage so far (as late as summaries are) and what is pending; ``recurring`` leaves out what is pending.

    Only its first lines can be seen. Raises ``StripeError`` (404) where no invoice will come.
    """
    form = call.form
    form.allow_only("customer", "subscription", "preview_mode", "subscription_details")
    subscription = _subscription(sandbox, call)
    now = time_for(sandbox, call, subscription.test_clock)
    recurring = form.optional_choice("preview_mode", ("next", "recurring")) == "recurring"
    bill = replace(_bill(sandbox, subscription, form, now), with_pending=not recurring)
    lag = sandbox.settings.lag_seconds if subscription.test_clock is None else 0.0
    invoice, _ = prepared(sandbox, subscription, bill, call.now - lag if lag else inf)
    if not invoice.lines and subscription.status not in PREVIEWABLE:
        raise _none_comes(subscription.customer)
    shown = invoice.changed(id=new_id("upcoming_in"), reason="upcoming", finalizes_at=None)
    return shown.as_stripe()


def _bill(sandbox: Sandbox, subscription: Subscription, form: Form, now: int) -> Bill:
    details = form.optional_group("subscription_details")
    if details is not None:
        details.allow_only("cancel_now", "cancel_at_period_end")
        if details.optional_boolean("cancel_now"):
            return last_bill(sandbox, subscription, now)
        at_end = details.optional_boolean("cancel_at_period_end")
        if at_end is not None:
            subscription = subscription.changed(cancel_at_period_end=at_end)
    moment = subscription.due_at
    if moment is None or subscription.status not in PREVIEWABLE:
        raise _none_comes(subscription.customer)
    return period_bill(sandbox, subscription, moment, moment)[1]


def _subscription(sandbox: Sandbox, call: Call) -> Subscription:
    form, subscriptions = call.form, sandbox.books.billing.subscriptions
    named, customer = form.optional_text("subscription"), form.optional_text("customer")
    if named is not None:
        subscription = found(subscriptions, named, "subscription", "subscription", 400)
        if customer not in (None, subscription.customer):
            raise no_such("subscription", named, "subscription", status=400)
        return subscription
    if customer is None:
        raise wrong_parameter("Give a subscription or a customer.", "subscription")
    customer_of(sandbox, customer, call.now)
    for subscription in subscriptions.values():
        if subscription.customer == customer and subscription.status in PREVIEWABLE:
            return subscription
    raise _none_comes(customer)


def _none_comes(customer: str) -> StripeError:
    return StripeError(404, f"No upcoming invoices for customer: {customer}", code="invoice_upcoming_none", kept=True)
