"""``expand``: ids replaced by the objects that they name, and what prices show on demand only."""

from __future__ import annotations

from functools import wraps

from stripe_sandbox.billing_api.lookup import show_invoice, show_subscription
from stripe_sandbox.calls import Call
from stripe_sandbox.permissions import require
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import Endpoint, StripeObject
from stripe_sandbox.stripe_shapes import wrong_parameter

DEEPEST = 4  # docs.stripe.com/api/expanding_objects
_ON_DEMAND = ("tiers", "currency_options")
_PERMISSIONS = {
    "cus": "rak_customer_read",
    "in": "rak_invoice_read",
    "price": "rak_plan_read",
    "prod": "rak_product_read",
    "sub": "rak_subscription_read",
    "clock": "rak_billing_clock_read",
}


def expanding(endpoint: Endpoint) -> Endpoint:
    """The endpoint, its answer with what the request wants to see expanded."""

    @wraps(endpoint)
    def do(sandbox: Sandbox, call: Call) -> StripeObject:
        paths = _paths(call)
        answer = endpoint(sandbox, call)
        for path in paths:
            _expand(sandbox, call, answer, path.split("."), path)
        return answer

    return do


def _paths(call: Call) -> list[str]:
    asked = call.form.optional_group("expand")
    paths = [] if asked is None else list(asked.flat(500).values())
    for path in paths:
        if path.count(".") + 1 > DEEPEST + path.startswith("data."):
            raise wrong_parameter(f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}", None)
    return paths


def _expand(sandbox: Sandbox, call: Call, node: object, names: list[str], path: str) -> None:
    if isinstance(node, list):
        for each in node:
            _expand(sandbox, call, each, names, path)
        return
    if node is None or not names:
        return
    name, *rest = names
    if not isinstance(node, dict):
        raise _cannot(path)
    if name in _ON_DEMAND and node.get("object") == "price":
        node[name] = sandbox.books.billing.prices[node["id"]].shown_on_demand(name)
    if name not in node:
        raise _cannot(path)
    if isinstance(node[name], str):
        node[name] = _shown(sandbox, call, node[name], path)
    _expand(sandbox, call, node[name], rest, path)


def _shown(sandbox: Sandbox, call: Call, identity: str, path: str) -> StripeObject:
    billing, prefix = sandbox.books.billing, identity.partition("_")[0]
    if prefix not in _PERMISSIONS:
        raise _cannot(path)
    require(_PERMISSIONS[prefix], call.lacking)
    match prefix:
        case "cus":
            return sandbox.books.customers[identity].as_stripe()
        case "in":
            return show_invoice(sandbox, billing.invoices[identity])
        case "price":
            return billing.prices[identity].as_stripe()
        case "prod":
            return billing.products[identity].as_stripe()
        case "sub":
            return show_subscription(sandbox, billing.subscriptions[identity])
    return billing.test_clocks[identity].as_stripe()


def _cannot(path: str) -> Exception:
    return wrong_parameter(f"This property cannot be expanded ({path}).", "expand")
