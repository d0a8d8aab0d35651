"""A customer with a discount is not charged, or given back, what the price says without it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fridge_pipeline.corrections.propose import CorrectionRefusedError
from tests.corrections.test_invoice_corrections import approve, items, late_file, of_readings, owed, propose, taken_out
from tests.corrections.test_trials_and_pauses import why_not
from tests.invoices.account import InvoicedTenant, with_120_readings
from tests.pipeline import Pipeline


def test_what_missed_an_invoice_with_a_discount_is_told_with_its_price_and_proposed_by_nobody(
    pipeline: Pipeline,
) -> None:
    pipeline.sandbox.settings(percent_off=20)
    tenant = with_120_readings(pipeline)
    newest = tenant.client.v1.invoices.list({"customer": tenant.customer}).data[0]
    assert (newest.subtotal, newest.total) == (270, 216)
    late_file(tenant)
    (why,) = why_not(tenant).values()
    assert "has a discount, and +0.30 USD is without it" in why
    taken_out(tenant, 3, 1)
    (why,) = why_not(tenant).values()
    assert "has a discount, and -1.50 USD is without it" in why
    assert (owed(tenant), items(tenant)) == ([("invoiced_too_much",)], [])


@pytest.mark.parametrize("zero", ["line", "absent"])
def test_a_discount_that_no_line_has_had_an_amount_to_show_is_seen(pipeline: Pipeline, zero: str) -> None:
    """The invoice has a line of 0, or there is none: then the subscription says it."""
    pipeline.sandbox.settings(percent_off=20, zero_usage_line=zero)
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price())
    tenant.go(tenant.start + timedelta(hours=26))
    late_file(tenant)
    tenant.go(tenant.start + timedelta(hours=74))
    tenant.read()
    (why,) = why_not(tenant).values()
    assert "+0.30 USD is without it" in why


def test_a_discount_that_came_after_the_invoice_lowers_no_correction_of_it(pipeline: Pipeline) -> None:
    tenant = with_120_readings(pipeline)
    pipeline.sandbox.settings(percent_off=20)
    tenant.use(27, 50)
    late_file(tenant)
    approve(tenant, of_readings(propose(tenant)).proposal_id)
    tenant.go(tenant.start + timedelta(hours=51))
    newest = tenant.client.v1.invoices.list({"customer": tenant.customer}).data[0]
    assert (newest.subtotal, newest.total) == (130, 110)


def test_a_discount_that_only_the_customer_has_is_seen_before_an_item_is_made(pipeline: Pipeline) -> None:
    """Of usage on no invoice neither an invoice nor the subscription says it."""
    pipeline.sandbox.settings(percent_off=20, discount_on="customer", zero_usage_line="absent")
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price())
    tenant.go(tenant.start + timedelta(hours=26))
    late_file(tenant)
    tenant.go(tenant.start + timedelta(hours=74))
    tenant.read()
    found = of_readings(propose(tenant))
    with pytest.raises(CorrectionRefusedError, match=r"has a discount, and \+0.30 USD is without it"):
        approve(tenant, found.proposal_id)
    assert items(tenant) == []
    pipeline.sandbox.settings(percent_off=0)
    assert approve(tenant, found.proposal_id).state == "written"
