"""Amounts that Stripe takes in every currency: multiples of what can be paid, and all of them what the tiers say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.invoices.rules.money import payable
from tests.corrections.test_invoice_corrections import (
    approve,
    items,
    late_file,
    notes,
    of_readings,
    owed,
    propose,
    taken_out,
)
from tests.invoices.account import InvoicedTenant
from tests.pipeline import Pipeline

#: Currency, what a reading costs, what 120 and then 150 readings cost as it can be paid, and that difference in words.
CURRENCIES: list[tuple[str, str, int, int, str]] = [
    ("jpy", "0.5", 15, -15, "15 JPY"),
    ("isk", "5", 200, -200, "2.00 ISK"),
    ("ugx", "33", 1000, -1000, "10.00 UGX"),
    ("kwd", "0.3", 10, -10, "0.010 KWD"),
    ("tnd", "1.2", 40, -40, "0.040 TND"),
    ("eur", "0.3", 9, -9, "0.09 EUR"),
]


def in_currency(pipeline: Pipeline, currency: str, unit: str, **settings: Any) -> InvoicedTenant:
    """One whose invoice of the first day has 120 readings, at so much each."""
    pipeline.sandbox.settings(**settings)
    found = InvoicedTenant(pipeline)
    recurring = {"interval": "day", "usage_type": "metered"}
    recurring["meter"] = pipeline.gateway.known_meter("temperature_readings").meter_id
    wish: Any = {"currency": currency, "product": found.product, "recurring": recurring, "unit_amount_decimal": unit}
    found.subscribe(found.client.v1.prices.create(wish).id)
    found.use(3, 90)
    found.use(20, 30)
    assert found.settled() == [(120, 120, 120, None, None)]
    return found


@pytest.mark.parametrize("line_amounts", ["minor", "payable"])
@pytest.mark.parametrize(("currency", "unit", "more", "less", "words"), CURRENCIES)
def test_what_is_owed_and_credited_can_be_paid_in_every_currency(
    pipeline: Pipeline, currency: str, unit: str, more: int, less: int, words: str, line_amounts: str
) -> None:
    tenant = in_currency(pipeline, currency, unit, line_amounts=line_amounts)
    late_file(tenant)
    found = of_readings(propose(tenant))
    assert (found.what.amount, words in str(tenant.pipeline.one(OPEN))) == (more, True)
    assert approve(tenant, found.proposal_id).state == "written"
    assert ([item.amount for item in items(tenant)], owed(tenant)) == ([more], [])
    taken_out(tenant, 20, 3)
    taken_out(tenant, 20, 2)
    back = of_readings(propose(tenant))
    assert back.what.delta == Decimal(-60)
    assert approve(tenant, back.proposal_id).state == "written"
    assert sum(note.amount for note in notes(tenant)) == -(back.what.amount)
    assert (more + back.what.amount, owed(tenant)) == (less, [])


OPEN = "select detail from fridge.open_exceptions where kind = 'not_invoiced' and subject = 'temperature_readings'"


@given(st.sampled_from(["usd", "jpy", "isk", "ugx", "kwd", "bhd", "tnd", "omr", "jod"]), st.decimals(-5000, 5000))
def test_what_can_be_paid_is_a_multiple_and_never_further_than_half_of_it(currency: str, amount: Decimal) -> None:
    step = {"usd": 1, "jpy": 1, "isk": 100, "ugx": 100}.get(currency, 10)
    found = payable(amount, currency)
    assert found % step == 0
    assert abs(found - amount) <= Decimal(step) / 2
    assert payable(-amount, currency) == -found


@pytest.mark.parametrize(("currency", "amount"), [("isk", 1505), ("ugx", 50), ("kwd", 5), ("bhd", 11), ("tnd", 1)])
def test_the_sandbox_takes_no_amount_that_cannot_be_paid(pipeline: Pipeline, currency: str, amount: int) -> None:
    tenant = InvoicedTenant(pipeline)
    wish: Any = {"customer": tenant.customer, "currency": currency, "amount": amount}
    with pytest.raises(stripe.InvalidRequestError, match="must be evenly divisible by"):
        tenant.client.v1.invoice_items.create(wish)
