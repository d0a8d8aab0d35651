"""What corrects an invoice: invoice items, one-off invoices and credit notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
import stripe

from tests.stripe_sandbox.billing_account import CUSTOMER, HOUR, at

if TYPE_CHECKING:
    from tests.stripe_sandbox.billing_account import BillingAccount

MARCH = at("2026-03-01")
BY_AMOUNT: dict[str, Any] = {"type": "invoice_line_item", "amount": 30}


@pytest.fixture
def billed(billing: BillingAccount) -> Any:
    """A final invoice of 100 units at 1 cent, not yet paid."""
    billing.sandbox.settings(payment="open")
    billing.subscription(billing.price())
    billing.use(100, billing.start)
    return billing.after_grace()


def note(billing: BillingAccount, invoice: Any, *lines: dict[str, Any], **more: Any) -> Any:
    """A credit note on the first line of an invoice."""
    first = billing.all_lines(invoice)[0].id
    told: Any = {"invoice": invoice.id, "email_type": "none", **more}
    if lines:
        told["lines"] = [{"invoice_line_item": first, **line} for line in lines]
    return billing.stripe.v1.credit_notes.create(told)


def test_an_invoice_item_waits_for_the_next_invoice_or_goes_on_the_draft_that_is_named(
    billing: BillingAccount,
) -> None:
    subscription = billing.subscription(billing.price())
    create: Any = billing.stripe.v1.invoice_items.create
    told: Any = {"customer": CUSTOMER, "subscription": subscription.id, "currency": "usd", "discountable": False}
    waits = create(
        {
            **told,
            "unit_amount_decimal": "0.7",
            "quantity_decimal": "2.5",
            "metadata": {"proposal": "7"},
            "period": {"start": billing.start, "end": MARCH},
        }
    )
    assert (waits.amount, waits.quantity, waits.invoice) == (2, 2, None)
    billing.go(MARCH + 900)
    draft = billing.newest()
    put = create({**told, "invoice": draft.id, "amount": -50})
    assert put.invoice == draft.id
    billing.use(100, MARCH - HOUR)
    assert billing.lines(billing.newest()) == [(100, "100"), (2, "2.5"), (-50, "1")]
    (line,) = [line for line in billing.all_lines(draft) if line.amount == 2]
    assert (line.metadata.to_dict(), line.period.start) == ({"proposal": "7"}, billing.start)
    assert line.parent.invoice_item_details.invoice_item == waits.id
    billing.stripe.v1.invoice_items.delete(put.id)
    assert billing.after_grace().total == 102
    with pytest.raises(stripe.InvalidRequestError, match="cannot be deleted"):
        billing.stripe.v1.invoice_items.delete(waits.id)
    with pytest.raises(stripe.InvalidRequestError, match="drafts"):
        create({**told, "invoice": draft.id, "amount": 1})
    assert [item.id for item in billing.stripe.v1.invoice_items.list({"invoice": draft.id}).data] == [waits.id]


def test_an_invoice_item_is_changed_with_its_line_until_its_invoice_is_final(billing: BillingAccount) -> None:
    billing.subscription(billing.price())
    api = billing.stripe.v1.invoice_items
    told: Any = {"customer": CUSTOMER, "currency": "usd", "amount": 30, "metadata": {"proposal": "7"}}
    waits = api.create(told)
    changed: Any = {"amount": 20, "description": "less", "metadata": {"by": "ada"}}
    assert api.update(waits.id, changed).amount == 20
    billing.go(MARCH + 900)
    (line,) = [each for each in billing.all_lines(billing.newest()) if each.amount == 20]
    assert (line.description, line.metadata.to_dict()) == ("less", {"proposal": "7", "by": "ada"})
    last: Any = {"amount": 10}
    api.update(waits.id, last)
    assert billing.after_grace().total == 10
    with pytest.raises(stripe.InvalidRequestError, match="cannot be changed"):
        api.update(waits.id, last)
    assert api.retrieve(waits.id).amount == 10


def test_a_refund_of_a_credit_note_may_fail_later_and_gives_nothing_back_then(billing: BillingAccount) -> None:
    billing.subscription(billing.price())
    billing.use(100, billing.start)
    invoice = billing.after_grace()
    made = note(billing, invoice, BY_AMOUNT, refund_amount=30)
    (given,) = made.refunds
    api = billing.sandbox.client().v1  # no description of refunds stands beside the tests
    assert api.refunds.retrieve(str(given.refund)).status == "succeeded"
    url, wish = f"{billing.sandbox.url}/_sandbox/invoices", {"invoice": invoice.id, "refunds": {given.refund: "failed"}}
    requests.post(url, json=wish, timeout=20).raise_for_status()
    assert api.refunds.retrieve(str(given.refund)).status == "failed"
    assert billing.stripe.v1.credit_notes.retrieve(made.id).status == "issued"
    (payment,) = api.invoice_payments.list({"invoice": invoice.id}).data
    whole: Any = {"payment_intent": payment.payment.payment_intent}
    assert api.refunds.create(whole).amount == 100


@pytest.mark.parametrize(
    ("wish", "amount"),
    [
        ({"amount": 7, "currency": "usd"}, 7),
        ({"unit_amount_decimal": "1.5", "quantity": 3, "currency": "usd"}, 5),  # 4.5 → 5
        ({"price_data": {"currency": "usd", "unit_amount": 4}, "quantity": 3}, 12),
        ({"pricing": {}, "quantity_decimal": "2.5"}, 10),
    ],
)
def test_an_invoice_item_costs_its_amount_or_quantity_times_unit_amount_rounded_once(
    billing: BillingAccount, wish: dict[str, Any], amount: int
) -> None:
    told: Any = {"customer": CUSTOMER, **wish}
    if "price_data" in told:
        told["price_data"]["product"] = billing.product.id
    if "pricing" in told:
        one_time = {"currency": "usd", "product": billing.product.id, "unit_amount": 4}
        told["pricing"] = {"price": billing.stripe.v1.prices.create(one_time).id}  # type: ignore[arg-type]
    assert billing.stripe.v1.invoice_items.create(told).amount == amount


def test_after_the_end_of_a_subscription_a_one_off_invoice_bills_what_is_pending(billing: BillingAccount) -> None:
    billing.stripe.v1.invoice_items.create({"customer": CUSTOMER, "amount": 250, "currency": "usd"})
    create = billing.stripe.v1.invoices.create
    empty = create({"customer": CUSTOMER})
    assert (empty.total, empty.parent, empty.billing_reason) == (0, None, "manual")
    full = create({"customer": CUSTOMER, "pending_invoice_items_behavior": "include"})
    assert (full.total, full.auto_advance, full.automatically_finalizes_at) == (250, False, None)
    with pytest.raises(stripe.InvalidRequestError, match="without lines"):
        billing.stripe.v1.invoices.finalize_invoice(empty.id)
    billing.stripe.v1.invoices.delete(empty.id)
    billing.go(billing.start + 9 * HOUR)
    assert [invoice.status for invoice in billing.invoices()] == ["draft"]
    assert billing.stripe.v1.invoices.finalize_invoice(full.id).status == "open"


def test_a_credit_note_first_cuts_what_remains_to_be_paid(billing: BillingAccount, billed: Any) -> None:
    first = note(billing, billed, BY_AMOUNT, metadata={"proposal": "8"})
    assert (first.type, first.pre_payment_amount, first.post_payment_amount) == ("pre_payment", 30, 0)
    assert (first.lines.data[0].amount, first.metadata.to_dict()) == (30, {"proposal": "8"})
    invoice = billing.newest()
    assert (invoice.amount_remaining, invoice.pre_payment_credit_notes_amount, invoice.total) == (70, 30, 100)
    billing.stripe.v1.invoices.pay(billed.id)
    assert billing.newest().amount_paid == 70
    with pytest.raises(stripe.InvalidRequestError, match="must equal"):
        note(billing, billed, BY_AMOUNT)
    later = note(billing, billed, BY_AMOUNT, credit_amount=20, out_of_band_amount=10)
    assert (later.type, later.post_payment_amount, later.out_of_band_amount) == ("post_payment", 30, 10)
    assert billing.newest().post_payment_credit_notes_amount == 30
    listed = billing.stripe.v1.credit_notes.list({"invoice": billed.id}).data
    assert [each.id for each in listed] == [later.id, first.id]
    assert billing.stripe.v1.credit_notes.line_items.list(first.id).data[0].amount == 30
    events = billing.stripe.v1.events.list({"type": "credit_note.*"}).data
    assert len(events) == 2


def test_an_invoice_of_which_nothing_remains_is_paid(billing: BillingAccount, billed: Any) -> None:
    note(billing, billed, amount=100)
    assert billing.newest().status == "paid"


def test_a_line_is_credited_by_amount_or_by_quantity_and_never_by_both(billing: BillingAccount, billed: Any) -> None:
    note(billing, billed, {"type": "invoice_line_item", "quantity": 25})
    with pytest.raises(stripe.InvalidRequestError, match="credited by quantity before"):
        note(billing, billed, BY_AMOUNT)
    assert note(billing, billed, {"type": "invoice_line_item", "quantity": 5}).amount == 5
    with pytest.raises(stripe.InvalidRequestError, match="70 left to credit"):
        note(billing, billed, {"type": "invoice_line_item", "quantity": 71})


@pytest.mark.parametrize(
    ("lines", "more", "says"),
    [
        ([{"type": "invoice_line_item", "amount": 101}], {}, "100 left to credit on the line"),
        ([], {"amount": 101}, "100 left to credit on the invoice"),
        ([BY_AMOUNT], {"amount": 29}, "equal to amount"),
        ([BY_AMOUNT], {"credit_amount": 30}, "must equal"),
        ([{"type": "invoice_line_item", "amount": 1, "invoice_line_item": "il_foreign"}], {}, "No such invoice line"),
        ([], {}, "lines or an amount"),
    ],
)
def test_a_credit_note_that_stripe_refuses_is_refused_and_changes_nothing(
    billing: BillingAccount, billed: Any, lines: list[Any], more: dict[str, Any], says: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=says):
        note(billing, billed, *lines, **more)
    assert billing.newest().amount_remaining == 100
    assert billing.stripe.v1.credit_notes.list().data == []


def test_a_voided_credit_note_gives_back_what_it_took_off_an_open_invoice(billing: BillingAccount, billed: Any) -> None:
    first = note(billing, billed, BY_AMOUNT)
    assert billing.stripe.v1.credit_notes.void_credit_note(first.id).status == "void"
    assert billing.newest().amount_remaining == 100
    assert note(billing, billed, amount=100).amount == 100
    with pytest.raises(stripe.InvalidRequestError, match="the invoice is paid"):
        billing.stripe.v1.credit_notes.void_credit_note(first.id)


def test_a_preview_of_a_credit_note_is_a_reading(billing: BillingAccount, billed: Any) -> None:
    line = billing.all_lines(billed)[0].id
    told: Any = {"invoice": billed.id, "lines": [{**BY_AMOUNT, "invoice_line_item": line}], "email_type": "none"}
    preview = billing.stripe.v1.credit_notes.preview(told)
    assert (preview.amount, preview.pre_payment_amount) == (30, 30)
    assert billing.stripe.v1.credit_notes.list().data == []
    assert billing.sandbox.requests(limit=2)[0]["method"] == "GET"


def test_drafts_and_void_invoices_take_no_credit_note(billing: BillingAccount, billed: Any) -> None:
    billing.stripe.v1.invoices.void_invoice(billed.id)
    with pytest.raises(stripe.InvalidRequestError, match="void"):
        note(billing, billed, amount=1)
