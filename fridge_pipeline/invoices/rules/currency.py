"""Amounts as people read them: Stripe's are whole numbers of a currency's minor unit."""

from __future__ import annotations

from decimal import Decimal

#: Stripe's currencies without and with three decimals (docs.stripe.com/currencies); all others have two, among them isk
#: and ugx, whose amounts are multiples of 100 there.
NO_DECIMALS = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])


def money(minor_units: int | Decimal, currency: str, sign: str = "") -> str:
    """An amount in the currency's own unit, ``0.05 USD``; with ``sign="+"`` also ``+0.05 USD``.

    What was not rounded to whole minor units keeps its decimals: ``0.0525 USD``.
    """
    decimals = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    amount = Decimal(minor_units).scaleb(-decimals)
    places = max(decimals, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:{sign},.{places}f} {currency.upper()}"
