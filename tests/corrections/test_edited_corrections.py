"""An invoice item of ours that somebody edits in Stripe: what is there was billed, and only the rest is owed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg.rows import dict_row

from fridge_pipeline.corrections.propose import CorrectionRefusedError
from fridge_pipeline.corrections.settle import approve_settlements
from fridge_pipeline.database.queries import statement
from fridge_pipeline.reason_terms import How
from fridge_pipeline.stripe.rules.correction import DocumentKind
from tests.corrections.test_invoice_corrections import (
    approve,
    items,
    late_file,
    notes,
    of_readings,
    owed,
    propose,
    settle,
    taken_out,
)
from tests.corrections.test_lost_corrections import corrected, lost, on_the_next_invoice, told
from tests.invoices.account import InvoicedTenant, with_120_readings
from tests.people import signed_in
from tests.pipeline import Pipeline

EDITS = "select amount, answer from fridge.correction_edits order by edit_id"


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant whose invoice of the first day has 120 readings, and who pays no invoice by itself."""
    pipeline.sandbox.settings(payment="open", void_bills_again=False)
    return with_120_readings(pipeline)


def edit(tenant: InvoicedTenant, item_id: str | None, amount: int) -> None:
    """Somebody gives an invoice item another amount."""
    changed: Any = {"amount": amount}
    tenant.client.v1.invoice_items.update(str(item_id), changed)


def last_told(tenant: InvoicedTenant) -> str:
    """The open exception about the invoice's readings."""
    return str(
        tenant.pipeline.one(
            "select detail from fridge.open_exceptions where kind in ('not_invoiced', 'invoiced_too_much')"
            " and subject = 'temperature_readings'"
        )
    )


@pytest.mark.parametrize("when", ["while it waits", "on a draft", "read when the invoice is paid"])
def test_what_was_edited_to_less_is_told_with_what_is_there_and_the_rest_is_billed_once(
    tenant: InvoicedTenant, when: str
) -> None:
    first = corrected(tenant)
    if when == "on a draft":
        tenant.go(tenant.start + timedelta(hours=48, minutes=30))
    edit(tenant, first.document, 10)
    if when == "read when the invoice is paid":
        tenant.pipeline.sandbox.settings(payment="paid")
        on_the_next_invoice(tenant)
    assert (lost(tenant), owed(tenant)) == (0, [("not_invoiced",)])
    assert tenant.pipeline.rows(EDITS) == [(10, f"{first.document} is 0.10 USD in Stripe, and was 0.30 USD")]
    detail = last_told(tenant)
    assert f"corrected before: +30 by {first.document}; {first.document} is 0.10 USD in Stripe, and was 0.30" in detail
    assert ": too little, 0.20 USD. Set it back in Stripe" in detail
    second = of_readings(propose(tenant))
    what = second.what
    assert (what.old_quantity, what.new_quantity, what.amount) == (Decimal(150), Decimal(150), 20)
    assert what.kind is DocumentKind.INVOICE_ITEM
    made = approve(tenant, second.proposal_id)
    assert (made.state, owed(tenant), lost(tenant), owed(tenant)) == ("written", [], 0, [])
    assert sorted(item.amount for item in items(tenant)) == [10, 20]
    settled = "select how, quantity, document from fridge.settlements order by settlement_id"
    assert tenant.pipeline.rows(settled)[1:] == [("invoiced_by_hand", 0, made.document)]
    late_file(tenant, 5)
    assert of_readings(propose(tenant)).what.amount == 5, "and what comes after it costs no more than itself"


def test_the_console_has_what_stripe_has_now_beside_what_was_approved(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)
    edit(tenant, first.document, 10)
    lost(tenant)
    propose(tenant)
    with tenant.pipeline.database.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("console_corrections"), {"tenant": None}).fetchall()
    of_readings_only = [row for row in rows if row["meter"] == "temperature_readings"]
    assert [(row["amount_minor_units"], row["in_stripe_minor_units"]) for row in of_readings_only] == [
        (20, None),
        (30, 10),
    ]


def test_what_was_edited_to_more_is_credited_down_to_what_was_used(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)
    edit(tenant, first.document, 100)
    assert (lost(tenant), owed(tenant)) == (0, [("invoiced_too_much",)])
    assert ": too much, 0.70 USD. Set it back in Stripe" in last_told(tenant)
    second = of_readings(propose(tenant))
    assert (second.what.delta, second.what.amount, second.what.kind) == (Decimal(0), -70, DocumentKind.CREDIT_NOTE)
    assert approve(tenant, second.proposal_id).state == "written"
    assert ([note.amount for note in notes(tenant)], owed(tenant)) == ([70], [])
    assert (lost(tenant), owed(tenant)) == (0, [])


def test_an_item_that_is_set_back_is_owed_no_more_and_with_a_second_one_too_much(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)
    edit(tenant, first.document, 10)
    assert (lost(tenant), owed(tenant)) == (0, [("not_invoiced",)])
    edit(tenant, first.document, 30)
    assert (lost(tenant), owed(tenant)) == (0, [])
    edit(tenant, first.document, 10)
    lost(tenant)
    second = of_readings(propose(tenant))
    edit(tenant, first.document, 30)
    with pytest.raises(
        CorrectionRefusedError, match=rf"{first.document} is 0.30 USD in Stripe, and was 0.10 USD: read"
    ):
        approve(tenant, second.proposal_id)
    edit(tenant, first.document, 10)
    approve(tenant, second.proposal_id)
    edit(tenant, first.document, 30)
    assert (lost(tenant), owed(tenant)) == (0, [("invoiced_too_much",)])
    assert ": too much, 0.20 USD" in last_told(tenant)


def test_usage_that_comes_after_an_edit_is_billed_with_what_the_edit_left_out(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)
    edit(tenant, first.document, 10)
    late_file(tenant, 7)
    tenant.compare()
    assert "7 too little, 0.27 USD" in last_told(tenant)
    second = of_readings(propose(tenant))
    assert (second.what.delta, second.what.amount) == (Decimal(7), 27)
    approve(tenant, second.proposal_id)
    assert (lost(tenant), owed(tenant)) == (0, [])


def test_an_item_of_the_time_that_was_deleted_or_edited_since_it_was_read_hinders_another_correction(
    tenant: InvoicedTenant,
) -> None:
    first = corrected(tenant)
    late_file(tenant, 7)
    second = of_readings(propose(tenant))
    tenant.client.v1.invoice_items.delete(str(first.document))
    with pytest.raises(CorrectionRefusedError, match=f"{first.document} is deleted in Stripe, and was 0.30 USD"):
        approve(tenant, second.proposal_id)


def test_money_that_an_edit_left_out_is_written_off_by_two_people(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)
    edit(tenant, first.document, 10)
    lost(tenant)
    done = settle(tenant, How.WRITTEN_OFF)
    assert (done.quantity, done.waits, owed(tenant)) == (0, True, [("not_invoiced",)])
    run = replace(tenant.pipeline.as_run(), database=signed_in(tenant.pipeline.database, "grace"))
    approve_settlements(run, [done.settlement_id])
    assert (lost(tenant), owed(tenant)) == (0, [])
    assert [each.state for each in propose(tenant).corrections] == ["written"]
    taken_out(tenant, 20, 2)
    what = of_readings(propose(tenant)).what
    assert (what.delta, what.amount) == (Decimal(-30), -10), "what was written off was never paid"


def test_an_item_on_a_draft_that_nothing_makes_final_is_told(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)
    made = tenant.client.v1.invoices.create(
        {"customer": tenant.customer, "pending_invoice_items_behavior": "include", "auto_advance": False}
    )
    assert told(tenant) == []
    tenant.go(tenant.pipeline.clock() + timedelta(days=5))
    (detail,) = told(tenant)
    assert f"{first.document} is on no invoice: nothing makes {made.id} final, a draft that has it" in detail
    tenant.client.v1.invoices.finalize_invoice(str(made.id))
    assert told(tenant) == []
