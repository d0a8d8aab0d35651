"""An invoice: what it bills, what state it is in, and how Stripe shows it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from stripe_sandbox.billing.lines import DISCOUNT, Line, Metered

INLINE_LINES = 10  # of an invoice; the rest has its own endpoint


@dataclass(frozen=True)
class Refund:
    """What was given back of the payment of an invoice, in minor units, by a credit note or without one."""

    id: str
    invoice: str
    currency: str
    amount: int
    created: int
    status: str = "succeeded"

    def as_stripe(self) -> dict[str, object]:
        """The ``refund`` object."""
        return {
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": None,
            "charge": None,
            "created": self.created,
            "currency": self.currency,
            "metadata": {},
            "payment_intent": self.invoice.replace("in_", "pi_", 1),
            "reason": None,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": self.status,
            "transfer_reversal": None,
        }


@dataclass(frozen=True)
class Invoice:
    """One invoice as it stands; one kind of journal entry. Times are unix seconds, amounts minor units.

    ``lines`` are those that were computed last; while it is a draft, those of the ``metered`` stretches are computed
    anew. ``finalizes_at`` is when it becomes final by itself, provided ``auto_advance``; ``scheduled`` says that
    somebody chose that time. ``fails_with`` is why it cannot become final; ``outcome`` is what a paused collection
    makes of it once it is final.
    """

    id: str
    number: str
    customer: str
    currency: str
    created: int
    reason: str
    period_start: int
    period_end: int
    status: str = "draft"
    subscription: str | None = None
    collection_method: str = "charge_automatically"
    auto_advance: bool = True
    finalizes_at: int | None = None
    scheduled: bool = False
    lines: tuple[Line, ...] = ()
    metered: tuple[Metered, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    subscription_metadata: dict[str, str] = field(default_factory=dict)
    description: str | None = None
    days_until_due: int | None = None
    effective_at: int | None = None
    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    uncollectible_at: int | None = None
    credited_before_payment: int = 0
    credited_after_payment: int = 0
    usage_gte: dict[str, int] = field(default_factory=dict)
    amount_gte: int | None = None
    fails_with: str | None = None
    finalization_error: str | None = None
    outcome: str | None = None
    percent_off: int = 0
    refunds: tuple[Refund, ...] = ()
    test_clock: str | None = None

    @property
    def paid(self) -> int:
        """What the customer has paid of it."""
        return 0 if self.paid_at is None else self.amount_due - self.credited_before_payment

    @property
    def unrefunded(self) -> int:
        """What of that was not given back: a refund that has failed gives nothing back."""
        return self.paid - sum(each.amount for each in self.refunds if each.status not in {"failed", "canceled"})

    @property
    def total(self) -> int:
        """The sum of its lines, less their discounts."""
        return sum(line.amount - line.discount for line in self.lines)

    @property
    def amount_due(self) -> int:
        """What the customer owes; a negative total is a credit of the customer, and nothing is due."""
        return max(self.total, 0)

    @property
    def amount_remaining(self) -> int:
        """What is still to be paid: nothing once it is paid."""
        return 0 if self.paid_at is not None else self.amount_due - self.credited_before_payment

    @property
    def due_at(self) -> int | None:
        """When it becomes final by itself; nothing when it does not."""
        return self.finalizes_at if self.status == "draft" and self.auto_advance else None

    def changed(self, **fields: object) -> Invoice:
        """The invoice with other fields."""
        return replace(self, **fields)  # type: ignore[arg-type]

    def as_stripe(self) -> dict[str, object]:
        """The ``invoice`` object, with its first lines."""
        total, due, remaining = self.total, self.amount_due, self.amount_remaining
        discount = sum(line.discount for line in self.lines)
        url = f"/v1/invoices/{self.id}/lines"
        shown = {
            **_NOT_USED,
            "id": self.id,
            "amount_due": due,
            "amount_paid": self.paid,
            "amount_remaining": remaining,
            "attempt_count": int(self.paid_at is not None and due > 0),
            "attempted": self.paid_at is not None or (self.status == "open" and self.auto_advance),
            "auto_advance": self.auto_advance and self.status in {"draft", "open"},
            "automatically_finalizes_at": self.finalizes_at if self.status == "draft" else None,
            "billing_reason": self.reason,
            "collection_method": self.collection_method,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "discounts": [DISCOUNT] if self.percent_off else [],
            "due_date": self.due_date,
            "effective_at": self.effective_at or self.finalized_at,
            "ending_balance": None if self.finalized_at is None else min(total, 0),
            "last_finalization_error": self._error(),
            "lines": {
                "object": "list",
                "data": [line.as_stripe(self.id) for line in self.lines[:INLINE_LINES]],
                "has_more": len(self.lines) > INLINE_LINES,
                "url": url,
            },
            "metadata": self.metadata,
            "number": None if self.status == "draft" else self.number,
            "parent": self._parent(),
            "period_end": self.period_end,
            "period_start": self.period_start,
            "post_payment_credit_notes_amount": self.credited_after_payment,
            "pre_payment_credit_notes_amount": self.credited_before_payment,
            "status": self.status,
            "status_transitions": {
                "finalized_at": self.finalized_at,
                "marked_uncollectible_at": self.uncollectible_at,
                "paid_at": self.paid_at,
                "voided_at": self.voided_at,
            },
            "subtotal": total + discount,
            "subtotal_excluding_tax": total + discount,
            "test_clock": self.test_clock,
            "total": total,
            "total_discount_amounts": [{"amount": discount, "discount": DISCOUNT}] if discount else [],
            "total_excluding_tax": total,
        }
        reason = self._threshold_reason()
        return shown if reason is None else {**shown, "threshold_reason": reason}

    def _parent(self) -> dict[str, object] | None:
        if self.subscription is None:
            return None
        details = {"metadata": self.subscription_metadata, "subscription": self.subscription}
        return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}

    @property
    def due_date(self) -> int | None:
        """When a sent invoice is to be paid."""
        if self.days_until_due is None:
            return None
        return (self.finalized_at or self.created) + self.days_until_due * 86_400

    def _error(self) -> dict[str, object] | None:
        if self.finalization_error is None:
            return None
        return {"message": self.finalization_error, "type": "invalid_request_error"}

    def _threshold_reason(self) -> dict[str, object] | None:
        if self.reason != "subscription_threshold":
            return None
        reasons = [
            {"line_item_ids": [line.id for line in self.lines if line.item == item], "usage_gte": bound}
            for item, bound in self.usage_gte.items()
        ]
        return {"amount_gte": self.amount_gte, "item_reasons": reasons}


_NOT_USED: dict[str, object] = {  # what the sandbox has no notion of, as Stripe shows it where it is not used
    "object": "invoice",
    "account_country": "US",
    "account_name": "Sandbox",
    "account_tax_ids": None,
    "amount_overpaid": 0,
    "amount_shipping": 0,
    "application": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
    "custom_fields": None,
    "customer_address": None,
    "customer_email": None,
    "customer_name": None,
    "customer_phone": None,
    "customer_shipping": None,
    "customer_tax_exempt": "none",
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "footer": None,
    "from_invoice": None,
    "hosted_invoice_url": None,
    "invoice_pdf": None,
    "issuer": {"type": "self"},
    "latest_revision": None,
    "livemode": False,
    "next_payment_attempt": None,
    "on_behalf_of": None,
    "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
    "receipt_number": None,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
    "webhooks_delivered_at": None,
}
