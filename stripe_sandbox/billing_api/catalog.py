"""Products and prices."""

from __future__ import annotations

from collections.abc import Callable

from stripe_sandbox.account import read_metadata
from stripe_sandbox.billing.price_forms import INTERVALS, read_price, read_product
from stripe_sandbox.billing.prices import Price, Product
from stripe_sandbox.billing_api.lookup import found
from stripe_sandbox.calls import Call
from stripe_sandbox.lists import CURSORS, newest_first, page_of, within
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import Form, no_such, refused, wrong_parameter


def create_product(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/products``; an id may be chosen."""
    product = read_product(call.form, int(call.now))
    if product.id in sandbox.books.billing.products:
        raise refused(f"Product already exists: {product.id}.", "id")
    sandbox.record(product)
    return product.as_stripe()


def retrieve_product(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/products/{id}``."""
    call.form.allow_only()
    return found(sandbox.books.billing.products, call.names["id"], "product", "id").as_stripe()


def list_products(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/products``, newest first."""
    call.form.allow_only("active", "created", *CURSORS)
    active, created = call.form.optional_boolean("active"), within(call.form, "created")
    products = newest_first(sandbox.books.billing.products.values())
    wanted = [each for each in products if active in (None, each.active) and created(each.created)]
    return page_of(wanted, call.form, call.path, Product.as_stripe)


def create_price(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/prices``, for a product that exists or is made with it; a metered one for an active meter."""
    now, form = int(call.now), call.form
    made = form.optional_group("product_data")
    product = read_product(made, now) if made is not None else None
    price = read_price(form, product.id if product is not None else form.text("product"), now)
    _check_meter(sandbox, price)
    if product is not None:
        sandbox.record(product)
    elif price.product not in sandbox.books.billing.products:
        raise no_such("product", price.product, "product", status=400)
    sandbox.record(price)
    return price.as_stripe()


def retrieve_price(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/prices/{price}``: also inline ones."""
    call.form.allow_only()
    return found(sandbox.books.billing.prices, call.names["price"], "price", "price").as_stripe()


def update_price(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/prices/{price}``: whether it is active, its names; never what it costs."""
    form = call.form
    form.allow_only("active", "metadata", "nickname", "lookup_key")
    price = found(sandbox.books.billing.prices, call.names["price"], "price", "price")
    active = form.optional_boolean("active")
    price = price.changed(
        active=price.active if active is None else active,
        nickname=form.optional_text("nickname") or price.nickname,
        lookup_key=form.optional_text("lookup_key", 200) or price.lookup_key,
        metadata=read_metadata(form, price.metadata),
    )
    sandbox.record(price)
    return price.as_stripe()


def list_prices(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/prices``, newest first; inline prices do not stand in it."""
    form = call.form
    form.allow_only("active", "created", "currency", "lookup_keys", "product", "recurring", "type", *CURSORS)
    active, created, recurring = form.optional_boolean("active"), within(form, "created"), _recurring(form)
    currency, product = form.optional_text("currency"), form.optional_text("product")
    kind = form.optional_choice("type", ("one_time", "recurring"))
    keys = form.optional_group("lookup_keys")
    names = None if keys is None else set(keys.flat(200).values())
    wanted = [
        each
        for each in newest_first(sandbox.books.billing.prices.values())
        if not each.inline
        and active in (None, each.active)
        and created(each.created)
        and currency in (None, each.currency)
        and product in (None, each.product)
        and kind in (None, "recurring" if each.recurring else "one_time")
        and (names is None or each.lookup_key in names)
        and recurring(each)
    ]
    return page_of(wanted, form, call.path, Price.as_stripe)


def _recurring(form: Form) -> Callable[[Price], bool]:
    group = form.optional_group("recurring")
    if group is None:
        return lambda _: True
    group.allow_only("interval", "meter", "usage_type")
    interval = group.optional_choice("interval", INTERVALS)
    usage_type = group.optional_choice("usage_type", ("licensed", "metered"))
    meter = group.optional_text("meter")

    def wants(price: Price) -> bool:
        recurring = price.recurring
        return (
            recurring is not None
            and interval in (None, recurring.interval)
            and usage_type in (None, recurring.usage_type)
            and meter in (None, recurring.meter)
        )

    return wants


def _check_meter(sandbox: Sandbox, price: Price) -> None:
    if price.meter is None:
        return
    meter = sandbox.books.meters.get(price.meter)
    if meter is None:
        raise no_such("meter", price.meter, "recurring[meter]", status=400)
    if not meter.active:
        raise wrong_parameter(f"The meter {meter.id} is inactive: a price needs an active one.", "recurring[meter]")
