"""What a quantity costs, against amounts computed by hand; and how Stripe lays the lines out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from stripe_sandbox.billing.charges import Billed, charges
from stripe_sandbox.billing.prices import Package, Price, Rates, Tier
from stripe_sandbox.billing.switches import BillingSettings

if TYPE_CHECKING:
    from tests.stripe_sandbox.billing_account import BillingAccount

GRADUATED: dict[str, Any] = {
    "tiers_mode": "graduated",
    "tiers": [
        {"up_to": 100, "unit_amount": 0, "flat_amount": 900},
        {"up_to": 1000, "unit_amount_decimal": "1.5"},
        {"up_to": "inf", "unit_amount_decimal": "0.333", "flat_amount": 500},
    ],
}
VOLUME: dict[str, Any] = {
    "tiers_mode": "volume",
    "tiers": [{"up_to": 100, "unit_amount": 5}, {"up_to": "inf", "unit_amount": 3, "flat_amount": 700}],
}


@pytest.mark.parametrize(
    ("price", "used", "lines"),
    [
        ({"unit_amount": 2}, ["7"], [(14, "7")]),
        ({"unit_amount_decimal": "0.5"}, ["3"], [(2, "3")]),  # 1.5 → 2
        ({"unit_amount_decimal": "0.18"}, ["620"], [(112, "620")]),  # 111.6 → 112
        ({"unit_amount_decimal": "0.000001"}, ["499999"], [(0, "499999")]),
        ({"unit_amount": 10}, ["1.25", "2.5"], [(38, "3.75")]),  # 37.5 → 38
        ({"unit_amount": 100, "transform_quantity": {"divide_by": 60, "round": "up"}}, ["150"], [(300, "150")]),
        ({"unit_amount": 100, "transform_quantity": {"divide_by": 60, "round": "down"}}, ["150"], [(200, "150")]),
        # the period's total is divided, not each event: 20 + 20 + 20 is one package
        ({"unit_amount": 100, "transform_quantity": {"divide_by": 60, "round": "up"}}, ["20"] * 3, [(100, "60")]),
        (GRADUATED, [], [(0, "0"), (900, "0")]),
        (GRADUATED, ["100"], [(0, "100"), (900, "0")]),
        (GRADUATED, ["101"], [(0, "100"), (900, "0"), (2, "1")]),
        (GRADUATED, ["1000"], [(0, "100"), (900, "0"), (1350, "900")]),
        (GRADUATED, ["1000.5"], [(0, "100"), (900, "0"), (1350, "900"), (0, "0.5"), (500, "0")]),
        (GRADUATED, ["4000"], [(0, "100"), (900, "0"), (1350, "900"), (999, "3000"), (500, "0")]),
        (VOLUME, ["100"], [(500, "100")]),
        (VOLUME, ["101"], [(303, "101"), (700, "0")]),
        (VOLUME, [], [(0, "0")]),
        ({"unit_amount": 2}, ["-7"], [(0, "0")]),  # a negative total is none
    ],
)
def test_the_lines_of_a_price_are_those_computed_by_hand(
    billing: BillingAccount, price: dict[str, Any], used: list[str], lines: list[tuple[int, str]]
) -> None:
    billing.subscription(billing.price(**price))
    for number, value in enumerate(used):
        billing.use(value, billing.start + 3_600 * number)
    invoice = billing.after_grace()
    assert billing.lines(invoice) == lines
    assert invoice.total == sum(amount for amount, _ in lines)
    assert {line.pricing.price_details.price for line in billing.all_lines(invoice)} == {
        item.price.id for item in billing.stripe.v1.subscriptions.list().data[0]["items"].data
    }


@pytest.mark.parametrize(
    ("switch", "price", "used", "lines"),
    [
        ({"volume_lines": "one"}, VOLUME, "101", [(1003, "101")]),
        ({"flat_fee_at_zero": False}, GRADUATED, "0", [(0, "0")]),
        ({"flat_fee_at_zero": True}, GRADUATED, "0", [(0, "0"), (900, "0")]),
        (
            {"package_line_quantity": "packages"},
            {"unit_amount": 100, "transform_quantity": {"divide_by": 60, "round": "up"}},
            "150",
            [(300, "3")],
        ),
        ({"zero_usage_line": "line"}, {"unit_amount": 2}, "0", [(0, "0")]),
    ],
)
def test_a_layout_that_is_not_known_can_be_chosen(
    billing: BillingAccount, switch: dict[str, Any], price: dict[str, Any], used: str, lines: list[tuple[int, str]]
) -> None:
    billing.sandbox.settings(**switch)
    billing.subscription(billing.price(**price))
    billing.use(used, billing.start)
    assert billing.lines(billing.after_grace()) == lines


def test_quantity_cuts_the_decimals_off_and_quantity_decimal_keeps_them(billing: BillingAccount) -> None:
    billing.subscription(billing.price(unit_amount=10))
    billing.use("7.999", billing.start)
    (line,) = billing.all_lines(billing.after_grace())
    assert (line.quantity, line.quantity_decimal, line.amount) == (7, Decimal("7.999"), 80)


TIERS = st.lists(st.integers(1, 400), max_size=4, unique=True).map(sorted)
AMOUNTS = st.decimals(0, 9, places=3)


@given(TIERS, st.lists(AMOUNTS, min_size=10, max_size=10), st.integers(0, 2000), st.integers(0, 2000))
def test_graduated_tiers_bill_each_unit_once_however_the_period_is_cut(
    bounds: list[int], amounts: list[Decimal], first: int, more: int
) -> None:
    tiers = tuple(
        Tier(up_to, unit, flat) for up_to, unit, flat in zip([*bounds, None], amounts[:5], amounts[5:], strict=False)
    )
    price = Price("price_x", 0, "prod_x", "usd", Rates(None, tiers), tiers_mode="graduated")
    settings, total = BillingSettings(), Decimal(first + more)
    whole = charges(price, "usd", total, settings)
    begun = charges(price, "usd", Decimal(first), settings) if first else []
    rest = charges(price, "usd", total, settings, Billed(Decimal(first)))
    assert sum(charge.quantity or 0 for charge in whole) == total
    assert sum(charge.quantity or 0 for charge in [*begun, *rest]) == total
    exact, lower = Decimal(0), 0
    for number, tier in enumerate(tiers):
        units = max(0, min(first + more, tier.up_to or first + more) - lower)
        exact += units * (tier.unit or 0) + ((tier.flat or 0) if units or number == 0 else 0)
        lower = tier.up_to or 0
    assert abs(sum(charge.amount for charge in whole) - exact) <= Decimal(len(whole)) / 2
    assert abs(sum(charge.amount for charge in [*begun, *rest]) - exact) <= Decimal(len(begun) + len(rest)) / 2


@given(st.integers(1, 500), st.sampled_from(["up", "down"]), st.integers(0, 5000), st.integers(0, 5000))
def test_packages_are_rounded_once_for_the_whole_period(size: int, way: str, first: int, more: int) -> None:
    price = Price("price_x", 0, "prod_x", "usd", Rates(Decimal(7)), package=Package(size, way))
    settings, total = BillingSettings(), Decimal(first + more)
    (whole,) = charges(price, "usd", total, settings)
    (rest,) = charges(price, "usd", total, settings, Billed(Decimal(first)))
    (begun,) = charges(price, "usd", Decimal(first), settings)
    packages = -(-(first + more) // size) if way == "up" else (first + more) // size
    assert whole.amount == begun.amount + rest.amount == 7 * packages


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"unit_amount": 1, "recurring": {"interval": "month", "usage_type": "metered"}}, "backed by a meter"),
        ({"tiers": [{"up_to": 5, "unit_amount": 1}], "tiers_mode": "volume"}, "up_to=inf"),
        ({"tiers": [{"up_to": 9, "unit_amount": 1}, {"up_to": 5, "unit_amount": 1}], "tiers_mode": "volume"}, "rise"),
        ({**VOLUME, "transform_quantity": {"divide_by": 2, "round": "up"}}, "cannot be combined"),
        ({"unit_amount": 1, "unit_amount_decimal": "1"}, "only specify one"),
        ({"unit_amount_decimal": "0.1234567890123"}, "12 decimal places"),
        ({"unit_amount": -1}, "not negative"),
    ],
)
def test_a_price_that_stripe_refuses_is_refused(billing: BillingAccount, wish: dict[str, Any], says: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=says):
        billing.price(**wish)


def test_prices_are_listed_by_meter_and_activity_and_show_tiers_on_demand_only(billing: BillingAccount) -> None:
    volume = billing.price(**VOLUME, currency_options={"eur": {"tiers": [{"up_to": "inf", "unit_amount": 9}]}})
    plain = billing.price()
    billing.stripe.v1.prices.create({"currency": "usd", "product": billing.product.id, "unit_amount": 5})
    billing.stripe.v1.prices.update(plain.id, {"active": False})
    of_meter: Any = {"recurring": {"meter": billing.readings.id}}
    listed: Any = billing.stripe.v1.prices.list
    assert [price.id for price in listed({**of_meter, "active": True}).data] == [volume.id]
    assert [price.id for price in listed({**of_meter, "active": False}).data] == [plain.id]
    assert "tiers" not in listed(of_meter).data[1].to_dict()
    shown = listed({**of_meter, "active": True, "expand": ["data.tiers", "data.currency_options"]}).data[0].to_dict()
    assert [tier["up_to"] for tier in shown["tiers"]] == [100, None]
    assert shown["currency_options"]["eur"]["tiers"][0]["unit_amount"] == 9
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        listed({"expand": ["data.billing_scheme"]})


def test_a_subscription_in_another_currency_pays_that_currencys_tiers(billing: BillingAccount) -> None:
    price = billing.price(**VOLUME, currency_options={"eur": {"tiers": [{"up_to": "inf", "unit_amount": 9}]}})
    billing.subscription(price, currency="eur")
    billing.use(11, billing.start)
    invoice = billing.after_grace()
    assert (invoice.currency, billing.lines(invoice)) == ("eur", [(99, "11")])
