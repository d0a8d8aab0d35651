"""Invoices that somebody makes, with what is pending for a customer, and drafts that somebody deletes."""

from __future__ import annotations

from stripe_sandbox.account import read_metadata
from stripe_sandbox.billing.invoices import Invoice
from stripe_sandbox.billing.ledger import Gone
from stripe_sandbox.billing.subscription_forms import COLLECTION, read_days_until_due
from stripe_sandbox.billing_api.invoices import check_schedule
from stripe_sandbox.billing_api.lookup import customer_of, found, invoice_named, show_invoice, time_for
from stripe_sandbox.calls import Call
from stripe_sandbox.cycle.drafting import new_id, tell
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import refused


def create_invoice(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/invoices``: a draft without a period's usage, empty unless pending items are to be included.

    It does not become final by itself unless ``auto_advance`` is given.
    """
    form = call.form
    form.allow_only(
        *("auto_advance", "automatically_finalizes_at", "collection_method", "currency", "customer"),
        *("days_until_due", "description", "metadata", "pending_invoice_items_behavior", "subscription"),
    )
    customer = customer_of(sandbox, form.text("customer"), call.now)
    now = time_for(sandbox, call, customer.test_clock)
    method = form.optional_choice("collection_method", COLLECTION) or COLLECTION[0]
    include = form.optional_choice("pending_invoice_items_behavior", ("exclude", "include")) == "include"
    named, wanted = form.optional_text("subscription"), form.optional_text("currency", 3)
    if named is not None:
        found(sandbox.books.billing.subscriptions, named, "subscription", "subscription", 400)
    pending = sandbox.books.billing.pending_items(customer.id) if include else []
    currency = (wanted or (pending[0].currency if pending else "usd")).lower()
    items = [each for each in pending if each.currency == currency and named in (None, each.subscription)]
    advance, moment = bool(form.optional_boolean("auto_advance")), form.optional_integer("automatically_finalizes_at")
    grace = sandbox.settings.finalization_grace_seconds
    invoice = Invoice(
        id=new_id("in"),
        number=f"{customer.id[-8:].upper()}-{len(sandbox.books.billing.invoices) + 1:04d}",
        customer=customer.id,
        currency=currency,
        created=now,
        reason="manual" if named is None else "subscription_update",
        period_start=now,
        period_end=now,
        subscription=named,
        collection_method=method,
        days_until_due=read_days_until_due(form, method),
        auto_advance=advance,
        finalizes_at=moment or (now + grace if advance else None),
        scheduled=moment is not None,
        lines=tuple(item.as_line() for item in items),
        metadata=read_metadata(form),
        description=form.optional_text("description"),
        test_clock=customer.test_clock,
    )
    if moment is not None:
        check_schedule(sandbox, invoice, moment, now)
    for item in items:
        sandbox.record(item.on(invoice.id))
    sandbox.record(invoice)
    tell(sandbox, "invoice.created", invoice, now)
    return show_invoice(sandbox, invoice)


def delete_invoice(sandbox: Sandbox, call: Call) -> StripeObject:
    """``DELETE /v1/invoices/{invoice}``: a one-off draft; its items pend again."""
    call.form.allow_only()
    invoice = invoice_named(sandbox, call)
    if invoice.status != "draft" or invoice.subscription is not None:
        raise refused("You can only delete draft invoices that belong to no subscription.", "invoice")
    for item in list(sandbox.books.billing.invoice_items.values()):
        if item.invoice == invoice.id:
            sandbox.record(item.on(None))
    sandbox.record(Gone(invoice.id))
    tell(sandbox, "invoice.deleted", invoice, time_for(sandbox, call, invoice.test_clock))
    return {"id": invoice.id, "object": "invoice", "deleted": True}
