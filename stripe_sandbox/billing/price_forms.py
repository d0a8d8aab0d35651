"""Products and prices as requests describe them."""

from __future__ import annotations

import secrets
from itertools import pairwise

from stripe_sandbox.account import read_metadata
from stripe_sandbox.billing.money import CURRENCIES, read_amount
from stripe_sandbox.billing.prices import Package, Price, Product, Rates, Recurring, Tier
from stripe_sandbox.stripe_shapes import Form, refused, wrong_parameter

INTERVALS = ("day", "week", "month", "year")


def read_product(form: Form, now: int) -> Product:
    """The product that ``POST /v1/products`` asks for. Raises ``StripeError`` (400)."""
    form.allow_only("id", "name", "active", "description", "unit_label", "metadata")
    return Product(
        id=form.optional_text("id") or f"prod_{secrets.token_hex(7)}",
        created=now,
        updated=now,
        name=form.text("name"),
        active=form.optional_boolean("active") is not False,
        description=form.optional_text("description"),
        unit_label=form.optional_text("unit_label", 12),
        metadata=read_metadata(form),
    )


def read_price(form: Form, product: str, now: int) -> Price:
    """The price that ``POST /v1/prices`` asks for; its meter is not yet looked up. Raises ``StripeError`` (400)."""
    form.allow_only(
        *("active", "billing_scheme", "currency", "currency_options", "lookup_key", "metadata", "nickname", "product"),
        *("product_data", "recurring", "tiers", "tiers_mode", "transform_quantity", "unit_amount"),
        *("unit_amount_decimal", "tax_behavior"),
    )
    tiered = form.optional_choice("billing_scheme", ("per_unit", "tiered")) == "tiered"
    package = _package(form)
    if tiered and package is not None:
        raise refused("transform_quantity cannot be combined with tiers.", "transform_quantity")
    options = form.optional_group("currency_options")
    return Price(
        id=f"price_{secrets.token_hex(12)}",
        created=now,
        product=product,
        currency=read_currency(form),
        rates=_rates(form, tiered=tiered),
        recurring=_recurring(form),
        tiers_mode=form.choice("tiers_mode", ("graduated", "volume")) if tiered else None,
        package=package,
        options={name: _rates(options.group(name), tiered=tiered) for name in options.fields} if options else {},
        active=form.optional_boolean("active") is not False,
        nickname=form.optional_text("nickname"),
        lookup_key=form.optional_text("lookup_key", 200),
        metadata=read_metadata(form),
    )


def read_price_data(form: Form, now: int, *, recurring: bool) -> Price:
    """An inline price of a subscription item or an invoice item: per unit, and in no list."""
    form.allow_only("currency", "product", "recurring", "tax_behavior", "unit_amount", "unit_amount_decimal")
    return Price(
        id=f"price_{secrets.token_hex(12)}",
        created=now,
        product=form.text("product"),
        currency=read_currency(form),
        rates=_rates(form, tiered=False),
        recurring=_read_recurring(form.group("recurring")) if recurring else None,
        active=False,  # inline prices are not meant to be used again
        inline=True,
    )


def read_currency(form: Form) -> str:
    """A currency code in lower case. Raises ``StripeError`` (400)."""
    currency = form.text("currency", 3).lower()
    if currency not in CURRENCIES:
        name = form.full_name("currency")
        raise wrong_parameter(f"Invalid currency: {currency}. {name} has to be one that Stripe charges in.", name)
    return currency


def _recurring(form: Form) -> Recurring | None:
    group = form.optional_group("recurring")
    return None if group is None else _read_recurring(group)


def _read_recurring(group: Form) -> Recurring:
    group.allow_only("interval", "interval_count", "meter", "usage_type")
    usage_type = group.optional_choice("usage_type", ("licensed", "metered")) or "licensed"
    meter = group.optional_text("meter")
    if (usage_type == "metered") != (meter is not None):
        text = "Metered prices must be backed by a meter: give recurring[usage_type]=metered and recurring[meter]."
        raise refused(text, "recurring[meter]")
    count = group.optional_integer("interval_count")
    return Recurring(group.choice("interval", INTERVALS), 1 if count is None else count, meter)


def _package(form: Form) -> Package | None:
    group = form.optional_group("transform_quantity")
    if group is None:
        return None
    group.allow_only("divide_by", "round")
    divide_by = group.integer("divide_by")
    if divide_by < 1:
        raise wrong_parameter("transform_quantity[divide_by] has to be at least 1.", "transform_quantity[divide_by]")
    return Package(divide_by, group.choice("round", ("down", "up")))


def _rates(form: Form, *, tiered: bool) -> Rates:
    unit, tiers = read_amount(form, "unit_amount"), form.rows("tiers")
    if not tiered:
        if tiers:
            raise refused("tiers need billing_scheme=tiered.", form.full_name("tiers"))
        if unit is None or unit < 0:
            name = form.full_name("unit_amount")
            raise wrong_parameter(f"Give {name} or {name}_decimal: minor units, not negative.", name)
        return Rates(unit)
    if unit is not None or not tiers:
        raise refused("billing_scheme=tiered takes tiers and no unit_amount.", form.full_name("tiers"))
    read = tuple(_tier(row) for row in tiers)
    bounds = [tier.up_to for tier in read]
    rising = all(b is not None and (a is None or a < b) for a, b in pairwise([0, *bounds[:-1]]))
    if bounds[-1] is not None or not rising:
        text = "tiers have to rise by up_to, and the last one has to be up_to=inf."
        raise refused(text, form.full_name("tiers"))
    return Rates(None, read)


def _tier(row: Form) -> Tier:
    row.allow_only("up_to", "unit_amount", "unit_amount_decimal", "flat_amount", "flat_amount_decimal")
    unit, flat = read_amount(row, "unit_amount"), read_amount(row, "flat_amount")
    if unit is None and flat is None:
        raise refused("Each tier needs a unit_amount or a flat_amount.", row.full_name("unit_amount"))
    up_to = None if row.text("up_to") == "inf" else row.integer("up_to")
    return Tier(up_to, unit, flat)
