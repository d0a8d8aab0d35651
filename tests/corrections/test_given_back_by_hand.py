"""What somebody has given back in Stripe's dashboard without a credit note is not credited once more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fridge_pipeline.corrections.propose import CorrectionRefusedError
from fridge_pipeline.reason_terms import How
from fridge_pipeline.stripe.gateway import StripeCallError
from fridge_pipeline.stripe.rules.api_key import ApiKey
from tests.corrections.test_invoice_corrections import approve, notes, of_readings, owed, propose, settle, taken_out
from tests.corrections.test_made_by_hand import by_hand
from tests.invoices.account import InvoicedTenant
from tests.pipeline import gateway_to


def payment(tenant: InvoicedTenant) -> str:
    """By what the first day's invoice was paid."""
    invoice = tenant.pipeline.one("select invoice_id from fridge.invoices order by created_at limit 1")
    (paid,) = tenant.client.v1.invoice_payments.list({"invoice": invoice}).data
    return str(paid.payment.payment_intent)


def refunded(tenant: InvoicedTenant, amount: int) -> str:
    """A part of the first day's invoice is refunded, as with the button beside its payment."""
    made: Any = {"payment_intent": payment(tenant), "amount": amount}
    return str(tenant.client.v1.refunds.create(made).id)


def to_the_balance(tenant: InvoicedTenant, amount: int) -> str:
    """The customer has so much to his credit."""
    made: Any = {"amount": -amount, "currency": "usd"}
    return str(tenant.client.v1.customers.balance_transactions.create(tenant.customer, made).id)


def off_the_next_invoice(tenant: InvoicedTenant, amount: int) -> str:
    """An invoice item that gives back."""
    return by_hand(tenant, -amount)


@pytest.mark.parametrize("way", [refunded, to_the_balance, off_the_next_invoice])
def test_what_was_given_back_by_hand_since_it_was_told_is_settled_by_that_and_credited_once(
    tenant: InvoicedTenant, way: Any
) -> None:
    taken_out(tenant, 20, 2)
    found = of_readings(propose(tenant))
    made = way(tenant, 90)
    refused = rf"there is {made} over 0.90 USD.*fridge settle \d+ --how credited --document {made}"
    with pytest.raises(CorrectionRefusedError, match=refused):
        approve(tenant, found.proposal_id)
    assert notes(tenant) == []
    assert (settle(tenant, How.CREDITED, document=made).quantity, owed(tenant)) == (-30, [])
    taken_out(tenant, 3, 1)
    rest = of_readings(propose(tenant))
    assert approve(tenant, rest.proposal_id).state == "written", "it is settled, and hinders nothing more"


def test_what_was_given_to_the_customer_before_it_was_told_hinders_no_credit(tenant: InvoicedTenant) -> None:
    to_the_balance(tenant, 500)
    off_the_next_invoice(tenant, 500)
    tenant.go(tenant.pipeline.clock() + timedelta(minutes=1))
    taken_out(tenant, 20, 2)
    assert approve(tenant, of_readings(propose(tenant)).proposal_id).state == "written"


def test_without_the_permission_to_read_refunds_nothing_is_credited(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 2)
    found = of_readings(propose(tenant))
    tenant.pipeline.sandbox.settings(key_may_not={"rk_test_reader": ["rak_charge_read"]})
    tenant.pipeline.gateway = gateway_to(tenant.pipeline.sandbox.url, ApiKey("rk_test_reader"))
    with pytest.raises(StripeCallError, match="rak_charge_read"):
        approve(tenant, found.proposal_id)
    assert (notes(tenant), tenant.pipeline.rows("select * from fridge.correction_approvals")) == ([], [])
