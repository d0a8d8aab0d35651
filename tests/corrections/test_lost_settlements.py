"""What people have settled by a document of Stripe's is owed again when Stripe has that document no more."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from fridge_pipeline.corrections.propose import CorrectionRefusedError
from fridge_pipeline.reason_terms import How
from fridge_pipeline.stripe.rules.api_key import ApiKey
from tests.corrections.test_given_back_by_hand import payment, refunded
from tests.corrections.test_invoice_corrections import (
    approve,
    edit_invoice,
    late_file,
    of_readings,
    owed,
    propose,
    settle,
    taken_out,
)
from tests.corrections.test_lost_corrections import lost
from tests.corrections.test_made_by_hand import by_hand, made_void, note, one_off
from tests.invoices.account import InvoicedTenant, with_120_readings
from tests.pipeline import Pipeline, gateway_to

OUTCOMES = "select fate, answer from fridge.settlement_outcomes order by settlement_id"


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant whose invoice of the first day has 120 readings, and who pays no invoice by itself."""
    pipeline.sandbox.settings(payment="open", void_bills_again=False)
    return with_120_readings(pipeline)


@pytest.mark.parametrize("named_by", ["id", "number"])
def test_usage_that_was_settled_by_an_invoice_by_hand_is_owed_again_once_that_is_void(
    tenant: InvoicedTenant, named_by: str
) -> None:
    made_void(tenant)
    tenant.compare()
    copy = tenant.client.v1.invoices.retrieve(one_off(tenant, 270))
    settle(tenant, How.INVOICED_BY_HAND, document=str(copy.id if named_by == "id" else copy.number))
    assert (lost(tenant), owed(tenant), tenant.pipeline.rows(OUTCOMES)) == (0, [], [])
    tenant.client.v1.invoices.void_invoice(copy.id)
    assert (lost(tenant), owed(tenant)) == (1, [("not_invoiced",)])
    assert tenant.pipeline.rows(OUTCOMES) == [("lost", f"{copy.id} is void")]
    assert tenant.pipeline.rows("select * from fridge.settlements") == []
    found = of_readings(propose(tenant))
    assert (found.what.amount, approve(tenant, found.proposal_id).state, lost(tenant)) == (270, "written", 0)


def test_what_was_settled_by_an_item_by_hand_is_owed_again_once_that_is_deleted(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    tenant.compare()
    made = by_hand(tenant, 30)
    settle(tenant, How.INVOICED_BY_HAND, document=made)
    tenant.client.v1.invoice_items.delete(made)
    assert (lost(tenant), owed(tenant)) == (1, [("not_invoiced",)])


@pytest.mark.parametrize("named_by", ["id", "number"])
def test_what_was_settled_by_a_credit_note_by_hand_is_owed_again_once_that_is_void(
    tenant: InvoicedTenant, named_by: str
) -> None:
    taken_out(tenant, 20, 2)
    tenant.compare()
    made = note(tenant, 90)
    settle(tenant, How.CREDITED, document=made.id if named_by == "id" else made.number)
    assert (lost(tenant), owed(tenant)) == (0, [])
    tenant.client.v1.credit_notes.void_credit_note(made.id)
    assert (lost(tenant), owed(tenant)) == (1, [("invoiced_too_much",)])


@pytest.mark.parametrize("status", ["failed", "canceled"])
@pytest.mark.parametrize("way", ["a refund", "a credit note that refunds"])
def test_what_was_settled_by_a_refund_is_owed_again_once_that_has_failed(
    pipeline: Pipeline, way: str, status: str
) -> None:
    tenant = with_120_readings(pipeline)
    taken_out(tenant, 20, 2)
    tenant.compare()
    made = refunded(tenant, 90) if way == "a refund" else note(tenant, 90, refund_amount=90).id
    settle(tenant, How.CREDITED, document=made)
    assert (lost(tenant), owed(tenant), tenant.pipeline.rows(OUTCOMES)) == (0, [], [])
    tenant.go(tenant.pipeline.clock() + timedelta(days=20))
    (refund,) = tenant.client.v1.refunds.list({"payment_intent": payment(tenant)}).data
    edit_invoice(tenant, refunds={refund.id: status})
    assert (lost(tenant), owed(tenant)) == (1, [("invoiced_too_much",)])
    ((fate, answer),) = tenant.pipeline.rows(OUTCOMES)
    assert (fate, answer.endswith(f"{refund.id} is {status}")) == ("lost", True)
    found = of_readings(propose(tenant))
    assert found.what.amount == -90
    if way == "a refund":
        assert approve(tenant, found.proposal_id).state == "written"
    else:
        with pytest.raises(CorrectionRefusedError, match=rf"may be made by hand already: there is {made}"):
            approve(tenant, found.proposal_id)


def test_a_refund_is_looked_up_for_95_days_and_a_key_that_may_not_is_said(pipeline: Pipeline) -> None:
    tenant = with_120_readings(pipeline)
    taken_out(tenant, 20, 2)
    tenant.compare()
    settle(tenant, How.CREDITED, document=refunded(tenant, 90))
    tenant.pipeline.sandbox.settings(key_may_not={"rk_test_reader": ["rak_charge_read"]})
    usual, tenant.pipeline.gateway = tenant.pipeline.gateway, gateway_to(pipeline.sandbox.url, ApiKey("rk_test_reader"))
    report = tenant.read()
    assert ("rak_charge_read" in str(report.not_read), report.is_refused, report.lost) == (True, False, 0)
    tenant.pipeline.gateway = usual
    assert (lost(tenant), owed(tenant), tenant.pipeline.rows(OUTCOMES)) == (0, [], [])


def test_a_document_that_stripe_never_had_settles_nothing(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 2)
    tenant.compare()
    settle(tenant, How.CREDITED, document="cn_mistyped")
    assert (lost(tenant), owed(tenant)) == (1, [("invoiced_too_much",)])


def test_a_document_is_looked_up_until_it_is_paid_and_any_other_text_never(tenant: InvoicedTenant) -> None:
    made_void(tenant)
    tenant.compare()
    copy = one_off(tenant, 270)
    settle(tenant, How.INVOICED_BY_HAND, document=copy)
    late_file(tenant, 7)
    tenant.compare()
    settle(tenant, How.INVOICED_BY_HAND)
    tenant.client.v1.invoices.pay(copy)
    assert (lost(tenant), tenant.pipeline.rows(OUTCOMES)) == (0, [("arrived", f"{copy} is paid")])
    before = tenant.invoice_reads()
    assert lost(tenant) == 0
    assert [each["path"] for each in tenant.pipeline.sandbox.requests()][-(tenant.invoice_reads() - before) :].count(
        f"/v1/invoices/{copy}"
    ) == 0
    for act in ("update fridge.settlement_outcomes set fate = 'lost'", "delete from fridge.settlement_outcomes"):
        with (
            pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.InsufficientPrivilege)),
            tenant.pipeline.database.owned.connect() as connection,
        ):
            connection.execute(act.encode())
