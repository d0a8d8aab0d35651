"""A proposal whose basis changes before it is approved is refused with what changed, and hinders nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.corrections.correction_record import CorrectionRecord
from fridge_pipeline.corrections.propose import CorrectionRefusedError, documents_for
from fridge_pipeline.corrections.rules.proposal import NotProposedError
from fridge_pipeline.corrections.rules.proposal import propose as proposed
from fridge_pipeline.invoices.rules.corrected import Corrected
from fridge_pipeline.stripe.rules.correction import DocumentKind
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
from tests.corrections.test_made_by_hand import note
from tests.corrections.test_proposal import differing
from tests.invoices.account import InvoicedTenant, with_120_readings
from tests.invoices.shapes import END, PRICES, START
from tests.pipeline import Pipeline


def test_a_customer_that_was_handed_over_since_the_proposal_is_named_in_the_refusal(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    found = of_readings(propose(tenant))
    line = tenant.pipeline
    with line.database.connect() as connection:
        moved = [Tenant("cohoes", None, None), Tenant("troy", None, tenant.customer)]
        import_tenants(connection, moved, line.clock(), reason="sold")
    with pytest.raises(CorrectionRefusedError, match=r"120 to 150, 0.30 USD .*; the tenant was cohoes and is troy\. "):
        approve(tenant, found.proposal_id)
    assert items(tenant) == []


def test_one_correction_that_nobody_finished_does_not_keep_others_from_being_proposed() -> None:
    """It was of usage on no invoice, and an invoice of that time has come since; the database takes no second one."""
    first = differing(PRICES["other_unit"], 100, 150)
    what = replace(proposed(first, Corrected()), invoice_id=None)
    waiting = CorrectionRecord(7, "key", what, "approved", "ada", "grace", None, None, None, what.amount)
    second = replace(first, customer_id="cus_2")
    later = replace(first, period_start=END, period_end=END + timedelta(days=30))
    wanted, ((of, why),) = documents_for([(each, Corrected()) for each in (first, second, later)], [waiting])
    assert [(each.customer_id, each.period_start) for each in wanted] == [("cus_2", START), ("cus_1", END)]
    assert (of, "correction 7 of the same usage is approved and not in Stripe yet" in why) == (first, True)
    same = replace(waiting, what=proposed(first, Corrected()))
    assert len(documents_for([(first, Corrected())], [same])[0]) == 1, "it is shown as it stands"


def test_no_more_is_proposed_to_be_credited_than_is_left_of_the_invoice(pipeline: Pipeline) -> None:
    pipeline.sandbox.settings(payment="open")
    tenant = with_120_readings(pipeline)
    taken_out(tenant, 20, 2)
    tenant.compare()
    note(tenant, 190)
    tenant.read()
    (why,) = [why for each, why in propose(tenant).not_proposed if each.event_name == "temperature_readings"]
    assert "0.90 USD are to be credited, and of the invoice in_" in why
    assert "no more than 0.80 USD is left to credit" in why
    assert owed(tenant) == [("invoiced_too_much",)]


def test_what_is_left_of_an_invoice_bounds_its_credit_notes() -> None:
    found = replace(differing(PRICES["other_unit"], 100, 0), creditable=100)
    assert proposed(found, Corrected()).kind is DocumentKind.CREDIT_NOTE
    for left, text in ((99, "0.99"), (0, "0.00"), (-50, "0.00")):
        with pytest.raises(NotProposedError, match=f"no more than {text} USD is left to credit"):
            proposed(replace(found, creditable=left), Corrected())


def test_what_stripe_will_not_credit_is_refused_before_anybody_has_approved_it(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 2)
    found = of_readings(propose(tenant))
    made = note(tenant, 190, credit_amount=190)
    with pytest.raises(CorrectionRefusedError, match=r"fits no more.*Stripe refuses it, so credit it by hand: .*left"):
        approve(tenant, found.proposal_id)
    assert [each.id for each in notes(tenant)] == [made.id]
    assert tenant.pipeline.rows("select * from fridge.correction_approvals") == []
