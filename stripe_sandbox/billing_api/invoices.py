"""Invoices: made one by one, read, listed, their lines, held back, made final and voided."""

from __future__ import annotations

from stripe_sandbox.account import read_metadata
from stripe_sandbox.billing.invoices import Invoice
from stripe_sandbox.billing.ledger import Gone
from stripe_sandbox.billing.subscription_forms import COLLECTION, read_days_until_due
from stripe_sandbox.billing_api.lookup import customer_of, found, invoice_named, show_invoice, time_for
from stripe_sandbox.calls import Call
from stripe_sandbox.cycle.drafting import as_shown, new_id, record_and_tell, tell
from stripe_sandbox.cycle.finalizing import finalize, give_up, pay, void
from stripe_sandbox.lists import CURSORS, newest_first, page_of, within
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import Form, refused, wrong_parameter

STATES = ("draft", "open", "paid", "uncollectible", "void")
FARTHEST = 5 * 366 * 86_400  # seconds ahead that a draft can be scheduled for


def retrieve_invoice(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/invoices/{invoice}``."""
    call.form.allow_only()
    return show_invoice(sandbox, invoice_named(sandbox, call))


def list_invoices(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/invoices`` of the whole account, newest first."""
    form = call.form
    form.allow_only("collection_method", "created", "customer", "due_date", "status", "subscription", *CURSORS)
    customer, subscription = form.optional_text("customer"), form.optional_text("subscription")
    method, status = form.optional_choice("collection_method", COLLECTION), form.optional_choice("status", STATES)
    created, due = within(form, "created"), within(form, "due_date")
    named = customer is not None or subscription is not None or sandbox.settings.clock_invoices_listed

    def wants(invoice: Invoice) -> bool:
        return (
            created(invoice.created)
            and status in (None, invoice.status)
            and customer in (None, invoice.customer)
            and subscription in (None, invoice.subscription)
            and method in (None, invoice.collection_method)
            and ("due_date" not in form.fields or (invoice.due_date is not None and due(invoice.due_date)))
            and (named or invoice.test_clock is None)
        )

    everything = newest_first(sandbox.books.billing.invoices.values())
    return page_of(everything, form, call.path, lambda each: show_invoice(sandbox, each), wants)


def list_lines(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/invoices/{invoice}/lines``: all of them, over pages."""
    call.form.allow_only(*CURSORS)
    invoice = as_shown(sandbox, invoice_named(sandbox, call))
    return page_of(invoice.lines, call.form, call.path, lambda line: line.as_stripe(invoice.id))


def update_invoice(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/invoices/{invoice}``: when a draft becomes final, and its texts."""
    call.form.allow_only(
        *("auto_advance", "automatically_finalizes_at", "description", "metadata", "effective_at"),
        *("collection_method", "days_until_due"),
    )
    invoice = invoice_named(sandbox, call)
    now = time_for(sandbox, call, invoice.test_clock)
    changed = _rescheduled(sandbox, invoice, call.form, now)
    changed = changed.changed(
        description=call.form.optional_text("description") or invoice.description,
        metadata=read_metadata(call.form, invoice.metadata),
        effective_at=call.form.optional_integer("effective_at") or invoice.effective_at,
        collection_method=call.form.optional_choice("collection_method", COLLECTION) or invoice.collection_method,
        days_until_due=call.form.optional_integer("days_until_due") or invoice.days_until_due,
    )
    if changed != invoice:
        before = {name: value for name, value in invoice.as_stripe().items() if changed.as_stripe()[name] != value}
        record_and_tell(sandbox, "invoice.updated", changed, now, before)
    return show_invoice(sandbox, changed)


def finalize_invoice(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/invoices/{invoice}/finalize``: at once, with the usage that is known by now."""
    call.form.allow_only("auto_advance")
    invoice = invoice_named(sandbox, call)
    if invoice.status != "draft":
        raise refused("This invoice is already finalized, you can't re-finalize a non-draft invoice.", "invoice")
    if not as_shown(sandbox, invoice).lines:
        raise refused("You cannot finalize an invoice without lines.", "invoice")
    advance = call.form.optional_boolean("auto_advance")
    if advance is not None:
        invoice = invoice.changed(auto_advance=advance)
    now = time_for(sandbox, call, invoice.test_clock)
    return finalize(sandbox, invoice, now, collect=invoice.auto_advance).as_stripe()


def void_invoice(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/invoices/{invoice}/void``: only what is final and not paid."""
    call.form.allow_only()
    invoice = invoice_named(sandbox, call)
    if invoice.status not in {"open", "uncollectible"}:
        raise refused(f"You can only void open or uncollectible invoices; this one is {invoice.status}.", "invoice")
    return void(sandbox, invoice, time_for(sandbox, call, invoice.test_clock)).as_stripe()


def pay_invoice(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/invoices/{invoice}/pay``: the customer has paid what was open."""
    call.form.allow_only("paid_out_of_band", "forgive", "off_session")
    invoice = invoice_named(sandbox, call)
    if invoice.status not in {"open", "uncollectible"}:
        raise refused(f"Only open invoices can be paid; this one is {invoice.status}.", "invoice")
    return pay(sandbox, invoice, time_for(sandbox, call, invoice.test_clock)).as_stripe()


def mark_uncollectible(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/invoices/{invoice}/mark_uncollectible``: nobody expects it to be paid any more."""
    call.form.allow_only()
    invoice = invoice_named(sandbox, call)
    if invoice.status != "open":
        raise refused(f"Only open invoices can be marked uncollectible; this one is {invoice.status}.", "invoice")
    return give_up(sandbox, invoice, time_for(sandbox, call, invoice.test_clock)).as_stripe()


def _rescheduled(sandbox: Sandbox, invoice: Invoice, form: Form, now: int) -> Invoice:
    """The invoice with the automatic finalization that the request wants. Raises ``StripeError`` (400)."""
    advance, moment = form.optional_boolean("auto_advance"), form.optional_integer("automatically_finalizes_at")
    if moment is not None:
        check_schedule(sandbox, invoice, moment, now)
        return invoice.changed(
            auto_advance=invoice.auto_advance if advance is None else advance, finalizes_at=moment, scheduled=True
        )
    if advance is None or advance == invoice.auto_advance:
        return invoice
    if not advance or invoice.status != "draft":
        return invoice.changed(auto_advance=advance, finalizes_at=None, scheduled=False)
    due = max(now, invoice.created + sandbox.settings.finalization_grace_seconds)
    return invoice.changed(auto_advance=True, finalizes_at=due, scheduled=False)


def check_schedule(sandbox: Sandbox, invoice: Invoice, moment: int, now: int) -> None:
    """Raises ``StripeError`` (400) for a time at which this invoice cannot become final by itself."""
    param = "automatically_finalizes_at"
    if invoice.status != "draft":
        raise refused(f"{param} can only be set on draft invoices; this one is {invoice.status}.", param)
    shortest = sandbox.settings.shortest_schedule_seconds
    if moment <= now or moment < now + shortest:
        text = f"{param} has to be in the future, at least {shortest} seconds from now ({now}). Received {moment}."
        raise wrong_parameter(text, param)
    if moment > now + FARTHEST:
        raise wrong_parameter(f"{param} can be at most 5 years ahead.", param)


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
    record_and_tell(sandbox, "invoice.created", invoice, now)
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
