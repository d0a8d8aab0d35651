"""What was corrected, or settled by hand, is accrued no more: of an invoice as of usage that is on none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fridge_pipeline.reason_terms import How
from tests.corrections.test_invoice_corrections import approve, late_file, of_readings, propose, settle
from tests.invoices.account import InvoicedTenant, with_120_readings
from tests.pipeline import Pipeline


def accrued(tenant: InvoicedTenant) -> list[tuple[Any, ...]]:
    """(cause, quantity, amount) of readings."""
    tenant.pipeline.run_models(tenant.hour(3), tenant.hour(26))
    return tenant.pipeline.rows(
        "select cause, sum(quantity)::int, sum(amount_minor_units)::int from fridge.unbilled_accrual"
        " where meter = 'temperature_readings' group by cause order by cause"
    )


def test_what_is_settled_by_hand_is_accrued_no_more_also_beside_what_comes_after_it(pipeline: Pipeline) -> None:
    tenant = with_120_readings(pipeline)
    late_file(tenant)
    tenant.compare()
    assert accrued(tenant) == [("after_finalization", 30, 30)]
    settle(tenant, How.INVOICED_BY_HAND)
    assert accrued(tenant) == []
    late_file(tenant, 7)
    tenant.compare()
    assert accrued(tenant) == [("after_finalization", 7, 7)]


@pytest.mark.parametrize("way", ["by hand", "by a correction"])
def test_usage_of_a_void_invoice_that_was_corrected_is_accrued_no_more(pipeline: Pipeline, way: str) -> None:
    pipeline.sandbox.settings(payment="open", void_bills_again=False)
    tenant = with_120_readings(pipeline)
    tenant.client.v1.invoices.void_invoice(pipeline.one("select invoice_id from fridge.invoices order by created_at"))
    tenant.read()
    tenant.compare()
    assert accrued(tenant) == [("voided", 120, 270)]
    if way == "by hand":
        settle(tenant, How.INVOICED_BY_HAND)
    else:
        approve(tenant, of_readings(propose(tenant)).proposal_id)
    assert accrued(tenant) == []


def test_usage_on_no_invoice_that_was_corrected_is_accrued_no_more(pipeline: Pipeline) -> None:
    pipeline.sandbox.settings(zero_usage_line="absent")
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price())
    tenant.go(tenant.start + timedelta(hours=26))
    late_file(tenant)
    tenant.go(tenant.start + timedelta(hours=74))
    tenant.read()
    tenant.compare()
    assert accrued(tenant) == [("no_line", 30, 30)]
    approve(tenant, of_readings(propose(tenant)).proposal_id)
    assert accrued(tenant) == []
