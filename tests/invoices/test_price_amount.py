"""What quantities cost: tier by tier it is what each unit costs by itself, and money is never a float."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.invoices.rules.money import cost, cost_of_change, packages
from fridge_pipeline.stripe.rules.invoice import Price, Tier, TiersMode
from tests.invoices.shapes import PRICES

AMOUNTS = st.decimals(0, 100, places=4)
QUANTITIES = st.integers(0, 60)


@st.composite
def tiered(draw: st.DrawFn, mode: TiersMode) -> Price:
    """A price of up to four tiers, the last one open."""
    tops = sorted(draw(st.sets(st.integers(1, 50), max_size=3)))
    tiers = [Tier(None if top is None else Decimal(top), draw(AMOUNTS), draw(AMOUNTS)) for top in [*tops, None]]
    return Price("p", "m", "usd", None, mode, tuple(tiers))


def tier_of(unit: int, price: Price) -> Tier:
    """The tier in which the n-th unit lies."""
    return next(tier for tier in price.tiers if tier.up_to is None or unit <= tier.up_to)


@given(tiered(TiersMode.GRADUATED), QUANTITIES)
def test_a_graduated_price_charges_each_unit_in_its_own_tier_and_the_flat_fee_of_every_tier_used(
    price: Price, quantity: int
) -> None:
    used = [tier_of(unit, price) for unit in range(1, quantity + 1)]
    flat = sum((tier.flat_amount for tier in price.tiers if tier in used), Decimal(0))
    assert cost(Decimal(quantity), price) == sum((tier.unit_amount for tier in used), flat)


@given(tiered(TiersMode.VOLUME), st.integers(1, 60))
def test_a_volume_price_charges_all_units_in_the_tier_of_the_last_one(price: Price, quantity: int) -> None:
    tier = tier_of(quantity, price)
    assert cost(Decimal(quantity), price) == quantity * tier.unit_amount + tier.flat_amount


@given(tiered(TiersMode.GRADUATED), QUANTITIES, QUANTITIES)
def test_a_change_costs_the_difference_of_both_totals_rounded_once_and_its_undoing_gives_the_same_back(
    price: Price, old: int, new: int
) -> None:
    there = cost_of_change(Decimal(old), Decimal(new), price)
    before, after = cost(Decimal(old), price), cost(Decimal(new), price)
    assert there is not None
    assert before is not None
    assert after is not None
    assert abs(Decimal(there) - (after - before)) <= Decimal("0.5")
    assert cost_of_change(Decimal(new), Decimal(old), price) == -there


def test_packages_are_rounded_as_the_price_says_and_from_the_total_of_the_period() -> None:
    assert [packages(Decimal(n), PRICES["up"]) for n in (0, 1, 60, 61, 150)] == [0, 1, 1, 2, 3]
    assert [packages(Decimal(n), PRICES["down"]) for n in (0, 1, 60, 119, 150)] == [0, 0, 1, 1, 2]
    assert cost(Decimal(150), PRICES["up"]) == 90


def test_a_price_without_an_amount_costs_nobody_knows_what() -> None:
    unknown = Price("p", "m", "usd")
    assert cost(Decimal(5), unknown) is None
    assert cost_of_change(Decimal(0), Decimal(5), unknown) is None
    assert cost_of_change(Decimal(1), Decimal(2), PRICES["unit"]) == 1  # half a cent is one, and so is half of minus
    assert cost_of_change(Decimal(2), Decimal(1), PRICES["unit"]) == -1
