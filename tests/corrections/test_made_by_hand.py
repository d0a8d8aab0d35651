"""What somebody has billed or credited by hand in Stripe's dashboard is not billed or credited once more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.corrections.propose import CorrectionRefusedError
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
from tests.invoices.account import InvoicedTenant, with_120_readings
from tests.pipeline import Pipeline


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant whose invoice of the first day has 120 readings, and who pays no invoice by itself."""
    pipeline.sandbox.settings(payment="open", void_bills_again=False)
    return with_120_readings(pipeline)


def made_void(tenant: InvoicedTenant) -> None:
    """The first day's invoice is void, and read so."""
    tenant.client.v1.invoices.void_invoice(_invoice(tenant))
    tenant.read()


def _invoice(tenant: InvoicedTenant) -> str:
    return str(tenant.pipeline.one("select invoice_id from fridge.invoices order by created_at limit 1"))


def one_off(tenant: InvoicedTenant, amount: int) -> str:
    """An invoice of one sum without a price, as somebody makes it in the dashboard; its id."""
    api = tenant.client.v1
    made = api.invoices.create({"customer": tenant.customer, "collection_method": "send_invoice", "days_until_due": 30})
    line: Any = {"customer": tenant.customer, "invoice": made.id, "amount": amount, "currency": "usd"}
    api.invoice_items.create(line)
    api.invoices.finalize_invoice(made.id)
    return str(made.id)


def note(tenant: InvoicedTenant, amount: int, **how: int) -> Any:
    """A credit note of the first day's invoice, as support makes it."""
    line = max(tenant.client.v1.invoices.retrieve(_invoice(tenant)).lines.data, key=lambda each: each.amount)
    credited: Any = {"type": "invoice_line_item", "invoice_line_item": line.id, "amount": amount}
    made: Any = {"invoice": _invoice(tenant), "lines": [credited], **how}
    return tenant.client.v1.credit_notes.create(made)


def test_usage_of_a_void_invoice_that_was_made_again_by_hand_is_settled_by_it_and_billed_once(
    tenant: InvoicedTenant,
) -> None:
    made_void(tenant)
    copy = one_off(tenant, 270)
    found = of_readings(propose(tenant))
    assert (found.what.amount, found.what.cause) == (270, "voided")
    refused = rf"{copy} \(open\) over 2.70 USD.*fridge settle \d+ --how invoiced_by_hand --document {copy}"
    with pytest.raises(CorrectionRefusedError, match=refused):
        approve(tenant, found.proposal_id)
    assert [each.amount for each in items(tenant)] == [270], "that of the copy"
    assert (settle(tenant, How.INVOICED_BY_HAND, document=copy).quantity, owed(tenant)) == (120, [])
    late_file(tenant, 7)
    rest = of_readings(propose(tenant))
    assert (rest.what.cause, rest.what.amount) == ("voided", 7)
    assert approve(tenant, rest.proposal_id).state == "written", "the copy is settled, and hinders nothing more"


def test_the_rest_after_a_threshold_whose_invoice_was_made_again_by_hand_is_billed_once(pipeline: Pipeline) -> None:
    """A day later the difference has another cause, and is told of the invoice that was made at the threshold."""
    pipeline.sandbox.settings(payment="open", void_bills_again=False)
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price(), billing_thresholds={"amount_gte": 80})
    tenant.use(3, 90)
    tenant.use(20, 30)
    tenant.settled()
    rest = tenant.client.v1.invoices.list({"customer": tenant.customer}).data[0]
    assert (rest.billing_reason, rest.total) == ("subscription_cycle", 30)
    tenant.client.v1.invoices.void_invoice(rest.id)
    tenant.read()
    copy = one_off(tenant, 30)
    tenant.go(tenant.start + timedelta(hours=49))
    found = of_readings(propose(tenant))
    assert (found.what.amount, found.what.cause) == (30, "after_finalization")
    with pytest.raises(CorrectionRefusedError, match=copy):
        approve(tenant, found.proposal_id)


def test_a_copy_that_is_void_and_invoices_of_subscriptions_hinder_no_correction(tenant: InvoicedTenant) -> None:
    made_void(tenant)
    tenant.client.v1.invoices.void_invoice(one_off(tenant, 270))
    flat = tenant.client.v1.prices.create(
        {"currency": "usd", "product": tenant.product, "unit_amount": 900, "recurring": {"interval": "day"}}
    )
    tenant.subscribe(flat.id)
    newest = tenant.client.v1.invoices.list({"customer": tenant.customer}).data[0]
    assert newest.billing_reason == "subscription_create"
    tenant.read()
    assert approve(tenant, of_readings(propose(tenant)).proposal_id).state == "written"


def test_what_stripe_itself_has_invoiced_of_a_changed_subscription_hinders_no_correction(
    tenant: InvoicedTenant,
) -> None:
    seats: Any = {"currency": "usd", "product": tenant.product, "unit_amount": 900, "recurring": {"interval": "month"}}
    other = tenant.subscribe(tenant.client.v1.prices.create(seats).id)
    by_hand(tenant, 900)  # before anything was owed
    tenant.go(tenant.pipeline.clock() + timedelta(minutes=1))
    late_file(tenant)
    found = of_readings(propose(tenant))
    tenant.go(tenant.pipeline.clock() + timedelta(minutes=1))
    update: Any = {
        "items": [{"price": tenant.client.v1.prices.create(seats).id}],
        "proration_behavior": "always_invoice",
    }
    tenant.client.v1.subscriptions.update(other, update)
    reasons = {each.billing_reason for each in tenant.client.v1.invoices.list({"customer": tenant.customer}).data}
    assert "subscription_update" in reasons
    assert approve(tenant, found.proposal_id).state == "written"


def test_what_support_has_credited_by_hand_is_settled_by_its_note_and_credited_once(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 2)
    made = note(tenant, 90)
    found = of_readings(propose(tenant))
    assert (found.what.amount, found.what.kind) == (-90, DocumentKind.CREDIT_NOTE)
    refused = rf"{made.id} \({made.number}\) over 0.90 USD.*fridge settle \d+ --how credited --document {made.id}"
    with pytest.raises(CorrectionRefusedError, match=refused):
        approve(tenant, found.proposal_id)
    assert [each.id for each in notes(tenant)] == [made.id]
    assert (settle(tenant, How.CREDITED, document=made.number).quantity, owed(tenant)) == (-30, [])
    taken_out(tenant, 3, 1)
    rest = of_readings(propose(tenant))
    assert approve(tenant, rest.proposal_id).state == "written", "the note is settled, and hinders nothing more"


def test_a_note_by_hand_that_is_void_gives_nothing_back(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 2)
    tenant.client.v1.credit_notes.void_credit_note(note(tenant, 90).id)
    assert approve(tenant, of_readings(propose(tenant)).proposal_id).state == "written"


def by_hand(tenant: InvoicedTenant, amount: int, **wish: Any) -> str:
    """An invoice item without a price, as somebody adds it in the dashboard; its id."""
    told: Any = {"customer": tenant.customer, "amount": amount, "currency": "usd", **wish}
    return str(tenant.client.v1.invoice_items.create(told).id)


def test_what_somebody_has_put_on_the_next_invoice_since_it_was_told_is_billed_once(tenant: InvoicedTenant) -> None:
    by_hand(tenant, 900)  # a sensor that was sold, before anything was owed
    tenant.go(tenant.pipeline.clock() + timedelta(minutes=1))
    late_file(tenant)
    found = of_readings(propose(tenant))
    by_hand(tenant, 40, currency="eur")
    made = by_hand(tenant, 30)
    refused = rf"there is {made} over 0.30 USD\. .*fridge settle \d+ --how invoiced_by_hand --document {made}"
    with pytest.raises(CorrectionRefusedError, match=refused):
        approve(tenant, found.proposal_id)
    assert (settle(tenant, How.INVOICED_BY_HAND, document=made).quantity, owed(tenant)) == (30, [])
    late_file(tenant, 7)
    assert approve(tenant, of_readings(propose(tenant)).proposal_id).state == "written"


def test_what_was_made_by_hand_when_the_same_was_told_before_is_seen_also_after_it_was_over(
    tenant: InvoicedTenant,
) -> None:
    """The late file is taken out, and another one comes."""
    late_file(tenant)
    tenant.compare()
    made = by_hand(tenant, 30)
    tenant.go(tenant.pipeline.clock() + timedelta(minutes=1))
    taken_out(tenant, 20, 3)
    tenant.compare()
    assert owed(tenant) == []
    late_file(tenant, 31)
    with pytest.raises(CorrectionRefusedError, match=f"there is {made} over 0.30 USD"):
        approve(tenant, of_readings(propose(tenant)).proposal_id)


def test_what_was_made_by_hand_before_the_customer_got_another_tenant_is_seen_after_it(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    tenant.compare()
    made = by_hand(tenant, 30)
    tenant.go(tenant.pipeline.clock() + timedelta(minutes=1))
    line = tenant.pipeline
    with line.database.connect() as connection:
        moved = [Tenant("cohoes", None, None), Tenant("troy", None, tenant.customer)]
        import_tenants(connection, moved, line.clock(), reason="sold")
    found = of_readings(propose(tenant))
    assert found.what.tenant_id == "troy"
    with pytest.raises(CorrectionRefusedError, match=f"there is {made} over 0.30 USD"):
        approve(tenant, found.proposal_id)


def test_usage_of_a_subscription_that_has_ended_and_was_invoiced_by_hand_is_billed_once(pipeline: Pipeline) -> None:
    """Another subscription goes on, so that an invoice item could be made."""
    pipeline.sandbox.settings(payment="open")
    tenant = InvoicedTenant(pipeline)
    ended = tenant.subscribe(tenant.price())
    tenant.use(3, 90)
    tenant.go(tenant.hour(10).start)
    tenant.client.v1.subscriptions.cancel(ended)
    copy = one_off(tenant, 90)
    flat: Any = {"currency": "usd", "product": tenant.product, "unit_amount": 900, "recurring": {"interval": "day"}}
    tenant.subscribe(tenant.client.v1.prices.create(flat).id, tenant.price("active_sensors"))
    tenant.go(tenant.hour(40).start)
    tenant.read()
    found = of_readings(propose(tenant))
    assert (found.what.amount, found.what.cause) == (90, "subscription_ended")
    with pytest.raises(CorrectionRefusedError, match=rf"{copy} \(open\) over 0.90 USD"):
        approve(tenant, found.proposal_id)


def test_an_invoice_that_came_since_invoices_were_read_bills_the_usage_once(tenant: InvoicedTenant) -> None:
    """Stripe bills usage of a void invoice again, which nobody has read yet."""
    tenant.pipeline.sandbox.settings(void_bills_again=True)
    made_void(tenant)
    found = of_readings(propose(tenant))
    assert (found.what.amount, found.what.cause) == (270, "voided")
    tenant.go(tenant.start + timedelta(hours=50))
    newest = tenant.client.v1.invoices.list({"customer": tenant.customer}).data[0]
    with pytest.raises(CorrectionRefusedError, match=f"{newest.id} bills of the same time in Stripe"):
        approve(tenant, found.proposal_id)
    assert items(tenant) == []
