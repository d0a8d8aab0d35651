"""Credit notes: what is taken off an invoice that is final."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CreditLine:
    """One line of a credit note; on a line of the invoice, or ``invoice_line`` is ``None``.

    ``quantity`` says that it was credited by quantity; later credits of that line have to be of the same kind.
    """

    id: str
    amount: int
    invoice_line: str | None = None
    quantity: int | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def as_stripe(self) -> dict[str, object]:
        """The ``credit_note_line_item`` object."""
        shown: dict[str, object] = {
            "id": self.id,
            "object": "credit_note_line_item",
            "amount": self.amount,
            "description": self.description,
            "discount_amount": 0,
            "discount_amounts": [],
            "livemode": False,
            "metadata": self.metadata,
            "pretax_credit_amounts": [],
            "quantity": self.quantity,
            "tax_rates": [],
            "taxes": [],
            "type": "custom_line_item" if self.invoice_line is None else "invoice_line_item",
            "unit_amount": None,
            "unit_amount_decimal": None,
        }
        return shown if self.invoice_line is None else {**shown, "invoice_line_item": self.invoice_line}


@dataclass(frozen=True)
class CreditNote:
    """One credit note as it stands; one kind of journal entry. Amounts are minor units.

    ``before_payment`` cuts what remains to be paid; the rest goes to the customer's balance, back to the payment
    (``refunded``) or outside Stripe.
    """

    id: str
    number: str
    invoice: str
    customer: str
    currency: str
    created: int
    amount: int
    before_payment: int
    credited: int
    refunded: int
    out_of_band: int
    lines: tuple[CreditLine, ...]
    memo: str | None = None
    reason: str | None = None
    email_type: str = "credit_note"
    effective_at: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    voided_at: int | None = None
    refund: str | None = None

    @property
    def after_payment(self) -> int:
        """What it gives back of an amount that was paid."""
        return self.amount - self.before_payment

    @property
    def kind(self) -> str:
        """``pre_payment``, ``post_payment`` or ``mixed``."""
        if self.before_payment and self.after_payment:
            return "mixed"
        return "post_payment" if self.after_payment else "pre_payment"

    def _refunds(self) -> list[dict[str, object]]:
        if self.refund is None:
            return []
        return [
            {"amount_refunded": self.refunded, "payment_record_refund": None, "refund": self.refund, "type": "refund"}
        ]

    def as_stripe(self) -> dict[str, object]:
        """The ``credit_note`` object."""
        return {
            "id": self.id,
            "object": "credit_note",
            "amount": self.amount,
            "amount_shipping": 0,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "customer_account": None,
            "customer_balance_transaction": None,
            "discount_amount": 0,
            "discount_amounts": [],
            "effective_at": self.effective_at or self.created,
            "invoice": self.invoice,
            "lines": {
                "object": "list",
                "data": [line.as_stripe() for line in self.lines[:10]],
                "has_more": len(self.lines) > 10,  # noqa: PLR2004 - as of invoices
                "url": f"/v1/credit_notes/{self.id}/lines",
            },
            "livemode": False,
            "memo": self.memo,
            "metadata": self.metadata,
            "number": self.number,
            "out_of_band_amount": self.out_of_band or None,
            "pdf": f"https://pay.stripe.com/credit_notes/{self.id}/pdf",
            "post_payment_amount": self.after_payment,
            "pre_payment_amount": self.before_payment,
            "pretax_credit_amounts": [],
            "reason": self.reason,
            "refunds": self._refunds(),
            "shipping_cost": None,
            "status": "issued" if self.voided_at is None else "void",
            "subtotal": self.amount,
            "subtotal_excluding_tax": self.amount,
            "total": self.amount,
            "total_excluding_tax": self.amount,
            "total_taxes": [],
            "type": self.kind,
            "voided_at": self.voided_at,
        }
