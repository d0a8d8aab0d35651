"""What a quantity costs at a price, in minor units. Decimals only: a float never holds money."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from fridge_pipeline.stripe.rules.invoice import Price, TiersMode

#: Stripe's currencies without and with three decimals (docs.stripe.com/currencies); all others have two, among them isk
#: and ugx, whose amounts are multiples of 100 there.
NO_DECIMALS = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])

#: What can be paid are whole units of the first two, and ten of the smallest of the others; of the rest every amount.
SMALLEST = {"isk": 100, "ugx": 100, **dict.fromkeys(THREE_DECIMALS, 10)}


def payable(amount: Decimal | int, currency: str) -> int:
    """An amount that can be paid in its currency, in minor units: rounded once, halves up in size."""
    step = SMALLEST.get(currency, 1)
    return int((Decimal(amount) / step).to_integral_value(ROUND_HALF_UP)) * step


def money(minor_units: int | Decimal, currency: str, sign: str = "") -> str:
    """An amount in the currency's own unit, ``0.05 USD``; with ``sign="+"`` also ``+0.05 USD``.

    What was not rounded to whole minor units keeps its decimals: ``0.0525 USD``.
    """
    decimals = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    amount = Decimal(minor_units).scaleb(-decimals)
    places = max(decimals, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:{sign},.{places}f} {currency.upper()}"


def edited_text(document: str, was: int, now: int | None, currency: str) -> str:
    """That a document is another in Stripe than it was; without an amount it is there no more."""
    is_now = "deleted" if now is None else money(now, currency)
    return f"{document} is {is_now} in Stripe, and was {money(was, currency)}"


NOTHING = Decimal(0)


def packages(quantity: Decimal, price: Price) -> Decimal:
    """What ``transform_quantity`` makes of a period's total; the quantity itself at a price without it."""
    if price.divide_by is None:
        return quantity
    rounding = ROUND_CEILING if price.rounds_up else ROUND_FLOOR
    return (quantity / price.divide_by).to_integral_value(rounding)


def cost(quantity: Decimal, price: Price) -> Decimal | None:
    """What a period's quantity costs, not rounded; ``None`` when Stripe gives no amount. Nothing costs nothing."""
    if quantity <= 0:
        return NOTHING
    if price.tiers_mode is None:
        return None if price.unit_amount is None else packages(quantity, price) * price.unit_amount
    return _volume(quantity, price) if price.tiers_mode is TiersMode.VOLUME else _graduated(quantity, price)


def cost_of_change(old: Decimal, new: Decimal, price: Price) -> int | None:
    """What a change of a period's quantity costs, ``cost(new) - cost(old)``, rounded once to what can be paid."""
    before, after = cost(old, price), cost(new, price)
    if before is None or after is None:
        return None
    return payable(after - before, price.currency)


def _graduated(quantity: Decimal, price: Price) -> Decimal:
    """Each tier its own units, and its flat amount once one of them is used."""
    total, below = NOTHING, NOTHING
    for tier in price.tiers:
        if quantity <= below:
            break
        top = quantity if tier.up_to is None else min(quantity, tier.up_to)
        total += (top - below) * tier.unit_amount + tier.flat_amount
        below = top if tier.up_to is None else tier.up_to
    return total


def _volume(quantity: Decimal, price: Price) -> Decimal | None:
    """The one tier that holds the quantity, for all of it."""
    for tier in price.tiers:
        if tier.up_to is None or quantity <= tier.up_to:
            return quantity * tier.unit_amount + tier.flat_amount
    return None
