"""Invoice lines, and the stretches of metered usage that become lines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from stripe_sandbox.billing.charges import NOTHING_BILLED, Billed, Charge
from stripe_sandbox.billing.money import cents, plain

#: The one discount that there is: of every subscription, where the settings give one.
DISCOUNT = "di_of_everybody"


@dataclass(frozen=True)
class Line:
    """One invoice line. ``amount`` in minor units; ``start`` and ``end`` in unix seconds; ``unit`` a unit amount.

    It comes from a subscription item (``item``) or from an invoice item. ``metered`` names the stretch of usage that
    it was computed from, while the invoice is a draft.
    """

    id: str
    amount: int
    currency: str
    description: str
    start: int
    end: int
    price: str | None = None
    product: str | None = None
    unit: Decimal | None = None
    quantity: Decimal | None = None
    item: str | None = None
    subscription: str | None = None
    invoice_item: str | None = None
    proration: bool = False
    discountable: bool = True
    discount: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    metered: str | None = None

    def on(self, **fields: object) -> Line:
        """The line with other fields."""
        return replace(self, **fields)  # type: ignore[arg-type]

    def less(self, percent_off: int) -> Line:
        """The line with the discount that its invoice gives on it."""
        is_cut = self.discountable and self.amount > 0
        return self.on(discount=cents(Decimal(self.amount * percent_off) / 100) if is_cut else 0)

    def as_stripe(self, invoice: str | None) -> dict[str, object]:
        """The ``line_item`` object; ``quantity`` is ``quantity_decimal`` with its decimals cut off."""
        unit = None if self.unit is None else plain(self.unit)
        pricing = {
            "price_details": {"price": self.price, "product": self.product},
            "type": "price_details",
            "unit_amount_decimal": unit,
        }
        return {
            "id": self.id,
            "object": "line_item",
            "amount": self.amount,
            "currency": self.currency,
            "description": self.description,
            "discount_amounts": [{"amount": self.discount, "discount": DISCOUNT}] if self.discount else [],
            "discountable": self.discountable,
            "discounts": [],
            "invoice": invoice,
            "livemode": False,
            "metadata": self.metadata,
            "parent": self._parent(),
            "period": {"end": self.end, "start": self.start},
            "pretax_credit_amounts": [],
            "pricing": None if self.price is None else pricing,
            "quantity": None if self.quantity is None else int(self.quantity),
            "quantity_decimal": None if self.quantity is None else plain(self.quantity),
            "subscription": self.subscription,
            "subtotal": self.amount,
            "taxes": [],
        }

    def _parent(self) -> dict[str, object]:
        details: dict[str, object] = {
            "proration": self.proration,
            "proration_details": {"credited_items": None},
            "subscription": self.subscription,
        }
        if self.item is not None:
            item = {"invoice_item": self.invoice_item, "subscription_item": self.item}
            return {
                "invoice_item_details": None,
                "subscription_item_details": {**details, **item},
                "type": "subscription_item_details",
            }
        return {
            "invoice_item_details": {**details, "invoice_item": self.invoice_item},
            "subscription_item_details": None,
            "type": "invoice_item_details",
        }


@dataclass(frozen=True)
class Metered:
    """A stretch of usage that an invoice bills: of one item and price, stamped from ``usage_start`` to ``usage_end``.

    ``start`` and ``end`` are the period that its lines show. ``first`` says that the stretch begins the item's life;
    ``settled`` that its quantity no longer changes, since the price was swapped in the period. ``free`` usage (of a
    trial) is billed as none.
    """

    id: str
    item: str
    subscription: str
    price: str
    start: int
    end: int
    usage_start: int
    usage_end: int
    before: Billed = NOTHING_BILLED
    first: bool = False
    settled: bool = False
    free: bool = False


def lines_of(metered: Metered, told: list[Charge], currency: str, product: tuple[str, str]) -> list[Line]:
    """The lines of a stretch, with ids that stay the same whenever they are computed anew.

    ``product`` is its id and name.
    """
    return [
        Line(
            id=f"il_{metered.id}{number}",
            amount=charge.amount,
            currency=currency,
            description=f"{charge.words} {product[1]}",
            start=metered.start,
            end=metered.end,
            price=metered.price,
            product=product[0],
            unit=charge.unit,
            quantity=charge.quantity,
            item=metered.item,
            subscription=metered.subscription,
            metered=metered.id,
        )
        for number, charge in enumerate(told)
    ]
