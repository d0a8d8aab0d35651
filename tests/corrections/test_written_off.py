"""What was written off of an invoice was never paid, so it is never given back either."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fridge_pipeline.reason_terms import How
from tests.corrections.test_accrual_of_corrected import accrued
from tests.corrections.test_invoice_corrections import late_file, of_readings, owed, propose, settle, taken_out
from tests.invoices.account import InvoicedTenant, with_120_readings
from tests.pipeline import Pipeline


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant whose invoice of the first day has 120 readings, and 30 of a late file that were written off."""
    found = with_120_readings(pipeline)
    late_file(found)
    found.compare()
    settle(found, How.WRITTEN_OFF)
    return found


def test_usage_that_was_written_off_and_is_withdrawn_is_not_credited(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 3)
    tenant.compare()
    assert (owed(tenant), propose(tenant).corrections) == ([], [])
    late_file(tenant, 7)
    tenant.compare()
    assert owed(tenant) == [], "so much of it stays written off"
    late_file(tenant, 30)
    what = of_readings(propose(tenant)).what
    assert (what.old_quantity, what.new_quantity, what.amount) == (Decimal(150), Decimal(157), 7)


def test_of_a_withdrawal_only_what_was_invoiced_is_credited(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 3)
    taken_out(tenant, 20, 2)
    what = of_readings(propose(tenant)).what
    assert (what.old_quantity, what.new_quantity, what.amount) == (Decimal(120), Decimal(90), -90)
    assert accrued(tenant) == [("after_finalization", -30, -90)]
