"""Invoice items: amounts that wait for the customer's next invoice, or were put on a draft."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from stripe_sandbox.billing.lines import Line
from stripe_sandbox.billing.money import ZERO, plain


@dataclass(frozen=True)
class InvoiceItem:
    """One invoice item as it stands; one kind of journal entry. It is pending while it has no ``invoice``."""

    id: str
    customer: str
    created: int
    amount: int
    currency: str
    quantity: Decimal
    start: int
    end: int
    unit: Decimal | None = None
    price: str | None = None
    product: str | None = None
    description: str | None = None
    subscription: str | None = None
    item: str | None = None
    invoice: str | None = None
    discountable: bool = True
    metadata: dict[str, str] = field(default_factory=dict)
    test_clock: str | None = None

    def on(self, invoice: str | None) -> InvoiceItem:
        """The item once it stands on an invoice, or pends again."""
        return replace(self, invoice=invoice)

    def costing(self, amount: int, currency: str, unit: Decimal | None) -> InvoiceItem:
        """The item at this amount in minor units, and amount per unit."""
        return replace(self, amount=amount, currency=currency, unit=unit)

    def of_price(self, price: str, product: str) -> InvoiceItem:
        """The item as one of this price."""
        return replace(self, price=price, product=product)

    def as_line(self) -> Line:
        """The line that it is on an invoice."""
        return Line(
            id=f"il_{self.id.removeprefix('ii_')}",
            amount=self.amount,
            currency=self.currency,
            description=self.description or "",
            start=self.start,
            end=self.end,
            price=self.price,
            product=self.product,
            unit=self.unit,
            quantity=self.quantity,
            subscription=self.subscription,
            invoice_item=self.id,
            discountable=self.discountable,
            metadata=self.metadata,
        )

    def as_stripe(self) -> dict[str, object]:
        """The ``invoiceitem`` object."""
        parent: dict[str, object] | None = None
        if self.subscription is not None:
            details = {"subscription": self.subscription}
            if self.item is not None:
                details["subscription_item"] = self.item
            parent = {"subscription_details": details, "type": "subscription_details"}
        pricing = {
            "price_details": {"price": self.price, "product": self.product},
            "type": "price_details",
            "unit_amount_decimal": plain(self.unit or ZERO),
        }
        return {
            "id": self.id,
            "object": "invoiceitem",
            "amount": self.amount,
            "currency": self.currency,
            "customer": self.customer,
            "customer_account": None,
            "date": self.created,
            "description": self.description,
            "discountable": self.discountable,
            "discounts": [],
            "frozen_fields": [],
            "invoice": self.invoice,
            "livemode": False,
            "metadata": self.metadata,
            "net_amount": self.amount,
            "parent": parent,
            "period": {"end": self.end, "start": self.start},
            "pricing": None if self.price is None else pricing,
            "proration": False,
            "quantity": int(self.quantity),
            "quantity_decimal": plain(self.quantity),
            "tax_rates": [],
            "test_clock": self.test_clock,
        }
