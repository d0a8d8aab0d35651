"""What may be credited on an invoice, line by line and in all."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from decimal import Decimal

from stripe_sandbox.account import read_metadata
from stripe_sandbox.billing.credit_notes import CreditLine, CreditNote
from stripe_sandbox.billing.invoices import Invoice
from stripe_sandbox.billing.lines import Line
from stripe_sandbox.billing.money import EXACT, cents, read_amount, times, whole_amount
from stripe_sandbox.stripe_shapes import Form, no_such, refused, wrong_parameter

REASONS = ("duplicate", "fraudulent", "order_change", "product_unsatisfactory")


def read_credit_note(form: Form, invoice: Invoice, earlier: Sequence[CreditNote], now: int) -> CreditNote:
    """The credit note that a request asks for, or asks to preview. Raises ``StripeError`` (400)."""
    form.allow_only(
        *("invoice", "lines", "amount", "credit_amount", "refund_amount", "out_of_band_amount", "email_type", "memo"),
        *("reason", "metadata", "effective_at"),
    )
    if invoice.status not in {"open", "paid"}:
        raise refused(
            f"Credit notes can only be made on open or paid invoices; this one is {invoice.status}.", "invoice"
        )
    lines = tuple(_line(row, invoice, earlier) for row in form.rows("lines"))
    amount = form.optional_integer("amount")
    if not lines and amount is None:
        raise wrong_parameter("Give lines or an amount.", "amount")
    total = sum(line.amount for line in lines) if lines else amount or 0
    if amount not in (None, total) or total < 1:
        raise refused(
            f"The lines amount to {total}, which has to be positive and equal to amount ({amount}).", "amount"
        )
    whole_amount(total, invoice.currency, "amount")
    left = invoice.total - sum(note.amount for note in earlier)
    if total > left:
        raise refused(
            f"The credit note's amount {total} is more than the {left} left to credit on the invoice.", "amount"
        )
    before = min(total, invoice.amount_remaining)
    destinations = [form.optional_integer(f"{name}_amount") or 0 for name in ("credit", "refund", "out_of_band")]
    if sum(destinations) != total - before:
        text = (
            f"The sum of credit amount, refund amount and out of band amount ({sum(destinations)}) must equal the post "
            f"payment amount of the credit note ({total - before})."
        )
        raise refused(text, "credit_amount")
    return CreditNote(
        id=f"cn_{secrets.token_hex(12)}",
        number=f"{invoice.number}-CN-{len(earlier) + 1:02d}",
        invoice=invoice.id,
        customer=invoice.customer,
        currency=invoice.currency,
        created=now,
        amount=total,
        before_payment=before,
        credited=destinations[0],
        refunded=destinations[1],
        out_of_band=destinations[2],
        lines=lines or (CreditLine(f"cnli_{secrets.token_hex(12)}", total),),
        memo=form.optional_text("memo"),
        reason=form.optional_choice("reason", REASONS),
        email_type=form.optional_choice("email_type", ("credit_note", "none")) or "credit_note",
        effective_at=form.optional_integer("effective_at"),
        metadata=read_metadata(form),
    )


def _line(row: Form, invoice: Invoice, earlier: Sequence[CreditNote]) -> CreditLine:
    row.allow_only(
        *("type", "amount", "quantity", "invoice_line_item", "description", "metadata"),
        *("unit_amount", "unit_amount_decimal"),
    )
    identity, metadata = f"cnli_{secrets.token_hex(12)}", read_metadata(row)
    if row.choice("type", ("custom_line_item", "invoice_line_item")) == "custom_line_item":
        unit, quantity = read_amount(row, "unit_amount"), row.optional_integer("quantity") or 1
        if unit is None:
            raise wrong_parameter("A custom line needs a unit_amount.", row.full_name("unit_amount"))
        amount = cents(times(Decimal(quantity), unit))
        return CreditLine(identity, amount, None, quantity, row.text("description"), metadata)
    named = row.text("invoice_line_item")
    line = next((each for each in invoice.lines if each.id == named), None)
    if line is None:
        raise no_such("invoice line item", named, row.full_name("invoice_line_item"), status=400)
    before = [each for note in earlier for each in note.lines if each.invoice_line == line.id]
    by_quantity = "quantity" in row.fields
    if by_quantity == ("amount" in row.fields):
        raise wrong_parameter("Give an amount or a quantity of the line, not both.", row.full_name("amount"))
    if any((each.quantity is not None) != by_quantity for each in before):
        words = ("quantity", "amount") if not by_quantity else ("amount", "quantity")
        text = f"The line {line.id} was credited by {words[0]} before, so it cannot be credited by {words[1]}."
        raise refused(text, row.full_name("quantity" if by_quantity else "amount"))
    amount, count = _of_line(row, line, by_quantity=by_quantity)
    left = line.amount - sum(each.amount for each in before)
    if not 0 < amount <= left:
        raise refused(f"{amount} is not between 1 and the {left} left to credit on the line {line.id}.", row.prefix)
    return CreditLine(identity, amount, line.id, count, line.description, metadata)


def _of_line(row: Form, line: Line, *, by_quantity: bool) -> tuple[int, int | None]:
    if not by_quantity:
        return row.integer("amount"), None
    count = row.integer("quantity")
    if not line.quantity:
        raise refused(f"The line {line.id} has no quantity to credit: credit it by amount.", row.full_name("quantity"))
    return cents(EXACT.divide(times(Decimal(count), Decimal(line.amount)), line.quantity)), count
