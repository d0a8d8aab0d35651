"""What a quantity costs: the charges of one price for the usage of one period, as Stripe splits them into lines.

    per unit    one line
    package     one line; the total of the period is divided, then rounded
    graduated   one line per tier with the units that fall into it, each flat fee a line of its own with quantity 0
    volume      the tier of the whole quantity prices all of it

A threshold invoice inside a period leaves a rest: tiers continue where it stopped; a volume price states the full
quantity again and takes off what was billed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from stripe_sandbox.billing.money import ZERO, cents, plain, step_of, times
from stripe_sandbox.billing.prices import Price, Rates, Tier
from stripe_sandbox.billing.switches import BillingSettings


@dataclass(frozen=True)
class Charge:
    """One line to be: ``amount`` in minor units, rounded once; ``quantity`` in units of usage, or nothing."""

    amount: int
    quantity: Decimal | None
    unit: Decimal | None
    words: str


@dataclass(frozen=True)
class Billed:
    """What earlier invoices of the same period billed already: a quantity, and minor units."""

    quantity: Decimal = ZERO
    amount: int = 0


NOTHING_BILLED = Billed()


def charges(
    price: Price, currency: str, quantity: Decimal, settings: BillingSettings, before: Billed = NOTHING_BILLED
) -> list[Charge]:
    """The charges of ``quantity`` (the period's total so far, not negative) less what was billed ``before``."""
    rates = price.rates_in(currency)
    step = step_of(currency) if settings.line_amounts == "payable" else 1
    if price.tiers_mode == "graduated":
        return _graduated(rates, quantity, before.quantity, settings, step)
    if price.tiers_mode == "volume":
        return _volume(rates, quantity, before, settings, step)
    unit = rates.unit or ZERO
    if price.package is None:
        rest = quantity - before.quantity
        return [Charge(cents(times(rest, unit), step), rest, unit, f"{plain(rest)} x")]
    packages = price.package.packages(quantity) - price.package.packages(before.quantity)
    shown = packages if settings.package_line_quantity == "packages" else quantity - before.quantity
    return [Charge(cents(times(packages, unit), step), shown, unit, f"{plain(packages)} packages x")]


def _graduated(rates: Rates, quantity: Decimal, before: Decimal, settings: BillingSettings, step: int) -> list[Charge]:
    found, lower = [], ZERO
    for number, tier in enumerate(rates.tiers, start=1):
        top = quantity if tier.up_to is None else min(quantity, Decimal(tier.up_to))
        units = top - max(before, lower)
        nothing_yet = number == 1 and before == 0
        if units > 0 or (nothing_yet and quantity == 0):
            found.append(_units(max(units, ZERO), tier, f"(Tier {number})", step))
        entered = quantity > lower or (nothing_yet and settings.flat_fee_at_zero)
        if tier.flat and entered and before <= lower:
            found.append(Charge(cents(tier.flat, step), ZERO, tier.flat, f"flat fee (Tier {number})"))
        if tier.up_to is None or quantity <= tier.up_to:
            break
        lower = Decimal(tier.up_to)
    return found


def _volume(rates: Rates, quantity: Decimal, before: Billed, settings: BillingSettings, step: int) -> list[Charge]:
    reached = (each for each in enumerate(rates.tiers, start=1) if each[1].up_to is None or quantity <= each[1].up_to)
    number, tier = next(reached)
    flat = tier.flat if tier.flat and (quantity > 0 or settings.flat_fee_at_zero) else None
    words = f"(Volume tier {number})"
    if flat is None:
        found = [_units(quantity, tier, words, step)]
    elif settings.volume_lines == "one":
        found = [Charge(cents(times(quantity, tier.unit or ZERO) + flat, step), quantity, None, words)]
    else:
        fee = Charge(cents(flat, step), ZERO, flat, f"flat fee {words}")
        found = [_units(quantity, tier, words, step), fee]
    if before.quantity > 0:
        found.append(Charge(-before.amount, None, None, "previously billed"))
    return found


def _units(units: Decimal, tier: Tier, words: str, step: int) -> Charge:
    unit = tier.unit or ZERO
    return Charge(cents(times(units, unit), step), units, unit, f"{plain(units)} x {words}")
