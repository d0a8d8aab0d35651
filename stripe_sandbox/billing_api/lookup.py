"""Finding what a request names, and what time it is for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from stripe_sandbox.account import Customer
from stripe_sandbox.billing.invoices import Invoice
from stripe_sandbox.billing.lines import DISCOUNT
from stripe_sandbox.billing.prices import Price
from stripe_sandbox.billing.subscriptions import Subscription
from stripe_sandbox.calls import Call
from stripe_sandbox.cycle.drafting import as_shown
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import no_such

Found = TypeVar("Found")


def found(things: Mapping[str, Found], identity: str, thing: str, param: str, status: int = 404) -> Found:
    """The object with this id. Raises ``StripeError``: 404, which fits one in the path, or another ``status``."""
    if identity not in things:
        raise no_such(thing, identity, param, status)
    return things[identity]


def customer_of(sandbox: Sandbox, identity: str, now: float) -> Customer:
    """The customer with this id, noted from now on where every ``cus_…`` exists. Raises ``StripeError`` (400)."""
    known = sandbox.books.customers.get(identity)
    if known is None and sandbox.exists_unsigned(identity):
        known = Customer(identity, created=int(now))
        sandbox.record(known)
    if known is None or known.deleted:
        raise no_such("customer", identity, "customer", status=400)
    return known


def time_for(sandbox: Sandbox, call: Call, clock: str | None) -> int:
    """What time it is in this call for objects on that test clock, or on the account's own clock."""
    return int(sandbox.time_of(clock, call.now))


def invoice_named(sandbox: Sandbox, call: Call) -> Invoice:
    """The invoice in the path. Raises ``StripeError`` (404)."""
    return found(sandbox.books.billing.invoices, call.names["invoice"], "invoice", "invoice")


def price_named(sandbox: Sandbox, identity: str, param: str) -> Price:
    """The price in a parameter. Raises ``StripeError`` (400)."""
    return found(sandbox.books.billing.prices, identity, "price", param, status=400)


def subscription_named(sandbox: Sandbox, call: Call) -> Subscription:
    """The subscription in the path. Raises ``StripeError`` (404)."""
    identity = call.names["subscription"]
    return found(sandbox.books.billing.subscriptions, identity, "subscription", "subscription")


def show_subscription(sandbox: Sandbox, subscription: Subscription) -> StripeObject:
    """The ``subscription`` object."""
    shown = subscription.as_stripe(lambda price: sandbox.books.billing.prices[price])
    is_its_own = sandbox.settings.percent_off and sandbox.settings.discount_on == "subscription"
    return {**shown, "discounts": [DISCOUNT] if is_its_own else []}


def show_invoice(sandbox: Sandbox, invoice: Invoice) -> StripeObject:
    """The ``invoice`` object, a draft with the usage that it shows by now."""
    return as_shown(sandbox, invoice).as_stripe()
