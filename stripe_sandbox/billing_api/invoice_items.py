"""Invoice items: made, read, listed, changed and deleted."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from stripe_sandbox.account import Customer, read_metadata
from stripe_sandbox.billing.charges import charges
from stripe_sandbox.billing.invoice_items import InvoiceItem
from stripe_sandbox.billing.invoices import Invoice
from stripe_sandbox.billing.ledger import Gone
from stripe_sandbox.billing.money import cents, read_decimal, times, whole_amount
from stripe_sandbox.billing.price_forms import read_currency, read_price_data
from stripe_sandbox.billing_api.lookup import customer_of, found, price_named, time_for
from stripe_sandbox.calls import Call
from stripe_sandbox.cycle.drafting import new_id, record_and_tell
from stripe_sandbox.lists import CURSORS, newest_first, page_of, within
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import Form, refused, wrong_parameter

MOST_ITEMS = 250  # of one invoice


def create_invoice_item(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/invoiceitems``: on the draft that is named, or pending for the customer's next invoice."""
    form = call.form
    form.allow_only(
        *("amount", "currency", "customer", "description", "discountable", "invoice", "metadata", "period"),
        *("price_data", "pricing", "quantity", "quantity_decimal", "subscription", "unit_amount_decimal"),
    )
    customer = customer_of(sandbox, form.text("customer"), call.now)
    now = time_for(sandbox, call, customer.test_clock)
    invoice = _draft(sandbox, form, customer)
    item = read_invoice_item(sandbox, form, customer, now)
    if invoice is not None:
        if invoice.currency != item.currency:
            raise refused(f"The invoice {invoice.id} is in {invoice.currency}, not {item.currency}.", "currency")
        item = item.on(invoice.id)
        changed = invoice.changed(lines=(*invoice.lines, item.as_line()))
        record_and_tell(sandbox, "invoice.updated", changed, now)
    sandbox.record(item)
    return item.as_stripe()


def retrieve_invoice_item(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/invoiceitems/{invoiceitem}``."""
    call.form.allow_only()
    return _item(sandbox, call).as_stripe()


def list_invoice_items(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/invoiceitems``, newest first."""
    form = call.form
    form.allow_only("created", "customer", "invoice", "pending", *CURSORS)
    customer, invoice = form.optional_text("customer"), form.optional_text("invoice")
    pending, created = form.optional_boolean("pending"), within(form, "created")

    def wants(item: InvoiceItem) -> bool:
        return (
            created(item.created)
            and customer in (None, item.customer)
            and invoice in (None, item.invoice)
            and pending in (None, item.invoice is None)
        )

    everything = newest_first(sandbox.books.billing.invoice_items.values())
    return page_of(everything, form, call.path, InvoiceItem.as_stripe, wants)


def update_invoice_item(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/invoiceitems/{invoiceitem}``: while it pends or stands on a draft, whose line is changed with it."""
    form = call.form
    form.allow_only("amount", "description", "discountable", "metadata")
    item = _item(sandbox, call)
    amount, discountable = form.optional_integer("amount"), form.optional_boolean("discountable")
    if amount is not None:
        item = item.costing(
            whole_amount(amount, item.currency, "amount"), item.currency, Decimal(amount) / item.quantity
        )
    item = replace(
        item,
        description=form.optional_text("description") or item.description,
        discountable=item.discountable if discountable is None else discountable,
        metadata={**item.metadata, **read_metadata(form)},
    )
    invoice = sandbox.books.billing.invoices.get(item.invoice or "")
    if invoice is not None:
        if invoice.status != "draft":
            raise refused(f"The invoice {invoice.id} is {invoice.status}: its items cannot be changed.", "invoiceitem")
        lines = (item.as_line() if line.invoice_item == item.id else line for line in invoice.lines)
        changed = invoice.changed(lines=tuple(lines))
        record_and_tell(sandbox, "invoice.updated", changed, time_for(sandbox, call, invoice.test_clock))
    sandbox.record(item)
    return item.as_stripe()


def delete_invoice_item(sandbox: Sandbox, call: Call) -> StripeObject:
    """``DELETE /v1/invoiceitems/{invoiceitem}``: while it pends or stands on a draft."""
    call.form.allow_only()
    item = _item(sandbox, call)
    invoice = sandbox.books.billing.invoices.get(item.invoice or "")
    if invoice is not None:
        if invoice.status != "draft":
            raise refused(f"The invoice {invoice.id} is {invoice.status}: its items cannot be deleted.", "invoiceitem")
        changed = invoice.changed(lines=tuple(line for line in invoice.lines if line.invoice_item != item.id))
        record_and_tell(sandbox, "invoice.updated", changed, time_for(sandbox, call, invoice.test_clock))
    sandbox.record(Gone(item.id))
    return {"id": item.id, "object": "invoiceitem", "deleted": True}


def read_invoice_item(sandbox: Sandbox, form: Form, customer: Customer, now: int) -> InvoiceItem:
    """The item that a request describes: by amount, by unit amount or by price. Raises ``StripeError`` (400)."""
    subscription = form.optional_text("subscription")
    if subscription is not None:
        found(sandbox.books.billing.subscriptions, subscription, "subscription", "subscription", 400)
    start, end = _period(form, now)
    quantity = _quantity(form)
    base = InvoiceItem(
        id=new_id("ii"),
        customer=customer.id,
        created=now,
        amount=0,
        currency="",
        quantity=quantity,
        start=start,
        end=end,
        description=form.optional_text("description"),
        subscription=subscription,
        discountable=form.optional_boolean("discountable") is not False,
        metadata=read_metadata(form),
        test_clock=customer.test_clock,
    )
    return _costing(sandbox, form, base, now)


def _costing(sandbox: Sandbox, form: Form, base: InvoiceItem, now: int) -> InvoiceItem:
    ways = [name for name in ("amount", "pricing", "price_data", "unit_amount_decimal") if name in form.fields]
    if len(ways) != 1:
        text = f"Give one of amount, pricing[price], price_data and unit_amount_decimal; received {ways or 'none'}."
        raise wrong_parameter(text, ways[-1] if ways else "amount")
    if ways == ["amount"]:
        amount = whole_amount(form.integer("amount"), read_currency(form), "amount")
        return base.costing(amount, read_currency(form), Decimal(amount))
    if ways == ["unit_amount_decimal"]:
        unit = read_decimal(form, "unit_amount_decimal") or Decimal(0)
        return base.costing(cents(times(base.quantity, unit)), read_currency(form), unit)
    if ways == ["price_data"]:
        price = read_price_data(form.group("price_data"), now, recurring=False)
        found(sandbox.books.billing.products, price.product, "product", "price_data[product]", 400)
        sandbox.record(price)
    else:
        price = price_named(sandbox, form.group("pricing").text("price"), "pricing[price]")
        if price.recurring is not None:
            raise refused(f"The price {price.id} is recurring: an invoice item takes a one-time price.", "pricing")
    (charge,) = charges(price, price.currency, base.quantity, sandbox.settings)
    priced = base.costing(charge.amount, price.currency, charge.unit)
    return priced.of_price(price.id, price.product)


def _quantity(form: Form) -> Decimal:
    number, exact = form.optional_integer("quantity"), read_decimal(form, "quantity_decimal")
    if number is not None and exact is not None:
        text = "You may only specify one of these parameters: quantity, quantity_decimal."
        raise wrong_parameter(text, "quantity")
    if exact is not None:
        return exact
    return Decimal(1 if number is None else number)


def _period(form: Form, now: int) -> tuple[int, int]:
    group = form.optional_group("period")
    if group is None:
        return now, now
    group.allow_only("start", "end")
    start, end = group.integer("start"), group.integer("end")
    if start > end:
        raise wrong_parameter("period[start] cannot be later than period[end].", "period[start]")
    return start, end


def _draft(sandbox: Sandbox, form: Form, customer: Customer) -> Invoice | None:
    named = form.optional_text("invoice")
    if named is None:
        return None
    invoice = found(sandbox.books.billing.invoices, named, "invoice", "invoice", 400)
    if invoice.status != "draft" or invoice.customer != customer.id:
        text = f"The invoice {invoice.id} is {invoice.status}: items can be added to drafts of their own customer only."
        raise refused(text, "invoice")
    if sum(line.invoice_item is not None for line in invoice.lines) >= MOST_ITEMS:
        raise refused(
            f"The invoice {invoice.id} has {MOST_ITEMS} invoice items already, the most that it can.", "invoice"
        )
    return invoice


def _item(sandbox: Sandbox, call: Call) -> InvoiceItem:
    return found(sandbox.books.billing.invoice_items, call.names["invoiceitem"], "invoice item", "invoiceitem")
