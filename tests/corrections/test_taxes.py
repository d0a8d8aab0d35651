"""What an invoice item by amount would be taxed otherwise is not proposed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fridge_pipeline.invoices.invoice_record import Reading, keep_items, known_items
from fridge_pipeline.stripe.invoice_reads import read_item
from tests.corrections.test_invoice_corrections import items, of_readings, propose, taken_out
from tests.corrections.test_trials_and_pauses import why_not
from tests.invoices.account import with_120_readings
from tests.pipeline import Pipeline

AUTOMATIC = {"automatic_tax": {"enabled": True}}


@pytest.mark.parametrize(
    ("item", "subscription", "is_own"),
    [
        ({}, {}, False),
        ({"tax_rates": [{"id": "txr_1"}]}, {}, True),
        ({}, {"default_tax_rates": [{"id": "txr_1"}]}, False),
        ({"price": {"id": "price_1", "tax_behavior": "inclusive"}}, AUTOMATIC, True),
        ({"price": {"id": "price_1", "tax_behavior": "exclusive"}}, AUTOMATIC, False),
        ({"price": {"id": "price_1", "tax_behavior": "inclusive"}}, {}, False),
    ],
)
def test_a_tax_is_of_the_item_alone_where_an_invoice_item_would_not_have_it(
    item: dict[str, Any], subscription: dict[str, Any], *, is_own: bool
) -> None:
    period = {"current_period_start": 0, "current_period_end": 1}
    read = {"id": "si_1", "created": 0, "price": {"id": "price_1"}, **period, **item}
    of = {"id": "sub_1", "customer": "cus_1", "status": "active", "created": 0, "start_date": 0, "currency": "usd"}
    assert read_item(read, {**of, **subscription}).has_own_tax is is_own


def test_what_missed_its_invoice_is_not_put_on_the_next_one_without_its_tax_and_a_credit_is_proposed(
    pipeline: Pipeline,
) -> None:
    tenant = with_120_readings(pipeline)
    with pipeline.database.connect() as connection, connection.transaction():
        known = known_items(connection)
        taxed = [replace(each, has_own_tax=True) for each in known.values()]
        keep_items(connection, taxed, known, Reading(pipeline.clock(), "test"))
    tenant.use(20, 30)
    (why,) = why_not(tenant).values()
    assert "make one of 0.30 USD with the same tax by hand" in why
    assert items(tenant) == []
    taken_out(tenant, 3, 1)
    assert of_readings(propose(tenant)).what.amount == -150
