"""Amounts and quantities: exact decimals inside, whole minor units on a line, never a float."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal

from stripe_sandbox.stripe_shapes import Form, refused, wrong_parameter

MOST_PLACES = 12  # of unit amounts and quantities: Stripe's description of the fields
EXACT = Context(prec=200, rounding=ROUND_HALF_UP)
ZERO = Decimal(0)

_DECIMAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]+)?")


def cents(amount: Decimal, step: int = 1) -> int:
    """Minor units of one line: rounded once, after multiplying, halves away from zero (1.5 → 2, 111.6 → 112)."""
    return int(EXACT.divide(amount, Decimal(step)).quantize(Decimal(1), context=EXACT)) * step


#: Currencies whose amounts have to be multiples (docs.stripe.com/currencies, special cases and three decimals).
STEPS = {"isk": 100, "ugx": 100, "bhd": 10, "jod": 10, "kwd": 10, "omr": 10, "tnd": 10}


#: What Stripe charges in (docs.stripe.com/currencies).
_CURRENCIES = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn bzd cad
    cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd
    hnl hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl
    mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar
    ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd
    uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
"""
CURRENCIES = frozenset(_CURRENCIES.split())


def step_of(currency: str) -> int:
    """The smallest amount of a currency that can be paid, in its minor units."""
    return STEPS.get(currency, 1)


def whole_amount(amount: int, currency: str, param: str) -> int:
    """The amount, if it can be paid. Raises ``StripeError`` (400)."""
    step = step_of(currency)
    if amount % step:
        text = f"Invalid amount. Amounts in {currency.upper()} must be evenly divisible by {step}; received {amount}."
        raise refused(text, param)
    return amount


def times(quantity: Decimal, unit: Decimal) -> Decimal:
    """Quantity times unit amount, exactly."""
    return EXACT.multiply(quantity, unit)


def plain(value: Decimal) -> str:
    """The value as Stripe writes decimals: no exponent and no trailing zeros."""
    return format(value.normalize(EXACT), "f") if value else "0"


def whole(value: Decimal | None) -> int | None:
    """The value where it is a whole number; nothing otherwise, as in ``unit_amount`` beside ``unit_amount_decimal``."""
    if value is None or value != value.to_integral_value(context=EXACT):
        return None
    return int(value)


def read_decimal(form: Form, key: str) -> Decimal | None:
    """A decimal parameter of at most 12 places. Raises ``StripeError`` (400)."""
    text = form.optional_text(key, 100)
    if text is None:
        return None
    name = form.full_name(key)
    if not _DECIMAL.fullmatch(text):
        raise wrong_parameter(f"Invalid decimal: {name} has to be a plain decimal. Received {text}.", name)
    if len(text.partition(".")[2]) > MOST_PLACES:
        raise wrong_parameter(f"Invalid decimal: {name} can have at most {MOST_PLACES} decimal places.", name)
    return Decimal(text)


def read_amount(form: Form, key: str) -> Decimal | None:
    """``key`` in whole minor units or ``key_decimal``, not both. Raises ``StripeError`` (400)."""
    number, exact = form.optional_integer(key), read_decimal(form, f"{key}_decimal")
    if number is not None and exact is not None:
        text = f"You may only specify one of these parameters: {form.full_name(key)}, {form.full_name(key)}_decimal."
        raise wrong_parameter(text, form.full_name(key))
    return exact if number is None else Decimal(number)
