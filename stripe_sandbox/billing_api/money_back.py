"""Money that goes back to a customer without a credit note: refunds of payments, and credits of the balance."""

from __future__ import annotations

from dataclasses import replace

from stripe_sandbox.account import Adjustment
from stripe_sandbox.billing.invoices import Invoice, Refund
from stripe_sandbox.billing_api.lookup import customer_of, found, time_for
from stripe_sandbox.calls import Call
from stripe_sandbox.cycle.drafting import new_id
from stripe_sandbox.lists import CURSORS, newest_first, page_of
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import no_such, refused


def list_invoice_payments(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/invoice_payments`` of an invoice: the one by which it was paid."""
    call.form.allow_only("invoice", *CURSORS)
    invoice = found(sandbox.books.billing.invoices, call.form.text("invoice"), "invoice", "invoice", 400)
    paid = [invoice] if invoice.paid > 0 else []
    return page_of(paid, call.form, call.path, _payment)


def create_refund(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/refunds`` of a payment, or a part of it."""
    call.form.allow_only("amount", "payment_intent")
    invoice = _paid_by(sandbox, call.form.text("payment_intent"))
    left = invoice.unrefunded
    amount = call.form.optional_integer("amount") or left
    if not 0 < amount <= left:
        raise refused(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).", "amount")
    refund = Refund(new_id("re"), invoice.id, invoice.currency, amount, time_for(sandbox, call, invoice.test_clock))
    sandbox.record(invoice.changed(refunds=(*invoice.refunds, refund)))
    return refund.as_stripe()


def list_refunds(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/refunds`` of a payment, newest first."""
    call.form.allow_only("payment_intent", *CURSORS)
    invoice = _paid_by(sandbox, call.form.text("payment_intent"))
    return page_of(newest_first(invoice.refunds), call.form, call.path, Refund.as_stripe)


def retrieve_refund(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/refunds/{refund}``."""
    call.form.allow_only()
    refunds = (each for invoice in sandbox.books.billing.invoices.values() for each in invoice.refunds)
    return found({each.id: each for each in refunds}, call.names["refund"], "refund", "refund").as_stripe()


def adjust_balance(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/customers/{customer}/balance_transactions``; below 0 the customer has something to his credit."""
    call.form.allow_only("amount", "currency", "description")
    customer = customer_of(sandbox, call.names["customer"], call.now)
    amount = call.form.optional_integer("amount") or 0
    now = time_for(sandbox, call, customer.test_clock)
    made = Adjustment(new_id("cbtxn"), customer.id, call.form.text("currency"), amount, now)
    sandbox.record(replace(customer, adjustments=(*customer.adjustments, made)))
    return made.as_stripe()


def list_balance(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/customers/{customer}/balance_transactions``, newest first; nothing else moves a balance here."""
    call.form.allow_only(*CURSORS)
    customer = customer_of(sandbox, call.names["customer"], call.now)
    return page_of(newest_first(customer.adjustments), call.form, call.path, Adjustment.as_stripe)


def _paid_by(sandbox: Sandbox, payment_intent: str) -> Invoice:
    invoice = sandbox.books.billing.invoices.get(payment_intent.replace("pi_", "in_", 1))
    if invoice is None or invoice.paid_at is None:
        raise no_such("payment_intent", payment_intent, "payment_intent", 400)
    return invoice


def _payment(invoice: Invoice) -> StripeObject:
    return {
        "id": invoice.id.replace("in_", "inpay_", 1),
        "object": "invoice_payment",
        "amount_paid": invoice.paid,
        "amount_requested": invoice.paid,
        "created": invoice.paid_at,
        "currency": invoice.currency,
        "invoice": invoice.id,
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": invoice.id.replace("in_", "pi_", 1), "type": "payment_intent"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": invoice.paid_at},
    }
