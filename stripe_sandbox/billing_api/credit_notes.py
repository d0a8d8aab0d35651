"""Credit notes: previewed, issued, read and listed."""

from __future__ import annotations

from dataclasses import replace

from stripe_sandbox.billing.credit_forms import read_credit_note
from stripe_sandbox.billing.credit_notes import CreditLine, CreditNote
from stripe_sandbox.billing.happenings import Happening
from stripe_sandbox.billing.invoices import Refund
from stripe_sandbox.billing_api.lookup import found, time_for
from stripe_sandbox.calls import Call
from stripe_sandbox.cycle.drafting import new_id, tell
from stripe_sandbox.cycle.finalizing import pay
from stripe_sandbox.lists import CURSORS, newest_first, page_of, within
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import refused


def create_credit_note(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/credit_notes``: first cuts what remains to be paid; an invoice of which nothing remains is paid."""
    note = _read(sandbox, call)
    invoice = sandbox.books.billing.invoices[note.invoice]
    if note.refunded:
        refund = Refund(new_id("re"), invoice.id, invoice.currency, note.refunded, note.created)
        note, invoice = replace(note, refund=refund.id), invoice.changed(refunds=(*invoice.refunds, refund))
    sandbox.record(note)
    credited = invoice.changed(
        credited_before_payment=invoice.credited_before_payment + note.before_payment,
        credited_after_payment=invoice.credited_after_payment + note.after_payment,
    )
    sandbox.record(credited)
    sandbox.record(Happening(new_id("evt"), "credit_note.created", note.created, note.as_stripe()))
    tell(sandbox, "invoice.updated", credited, note.created)
    if credited.status == "open" and credited.amount_remaining == 0:
        pay(sandbox, credited, note.created)
    return note.as_stripe()


def preview_credit_note(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/credit_notes/preview``: the same, and nothing happens."""
    return _read(sandbox, call).as_stripe()


def retrieve_credit_note(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/credit_notes/{id}``."""
    call.form.allow_only()
    return _note(sandbox, call, "id").as_stripe()


def void_credit_note(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/credit_notes/{id}/void``: while its invoice is open, what it took off is to be paid again."""
    call.form.allow_only()
    note = _note(sandbox, call, "id")
    invoice = sandbox.books.billing.invoices[note.invoice]
    if note.voided_at is not None or invoice.status != "open":
        text = f"Only issued credit notes on open invoices can be voided; the invoice is {invoice.status}."
        raise refused(text, "id")
    now = time_for(sandbox, call, invoice.test_clock)
    voided = replace(note, voided_at=now)
    sandbox.record(voided)
    sandbox.record(invoice.changed(credited_before_payment=invoice.credited_before_payment - note.before_payment))
    sandbox.record(Happening(new_id("evt"), "credit_note.voided", now, voided.as_stripe()))
    return voided.as_stripe()


def list_credit_notes(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/credit_notes``, newest first."""
    form = call.form
    form.allow_only("created", "customer", "invoice", *CURSORS)
    customer, invoice, created = form.optional_text("customer"), form.optional_text("invoice"), within(form, "created")
    wanted = [
        each
        for each in newest_first(sandbox.books.billing.credit_notes.values())
        if created(each.created) and customer in (None, each.customer) and invoice in (None, each.invoice)
    ]
    return page_of(wanted, form, call.path, CreditNote.as_stripe)


def list_credit_note_lines(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/credit_notes/{credit_note}/lines``."""
    call.form.allow_only(*CURSORS)
    return page_of(_note(sandbox, call, "credit_note").lines, call.form, call.path, CreditLine.as_stripe)


def _note(sandbox: Sandbox, call: Call, name: str) -> CreditNote:
    return found(sandbox.books.billing.credit_notes, call.names[name], "credit note", name)


def _read(sandbox: Sandbox, call: Call) -> CreditNote:
    billing = sandbox.books.billing
    invoice = found(billing.invoices, call.form.text("invoice"), "invoice", "invoice", 400)
    now = time_for(sandbox, call, invoice.test_clock)
    return read_credit_note(call.form, invoice, billing.notes_of(invoice.id), now)
