"""What has become of a correction's document in Stripe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.paging import paged
from fridge_pipeline.stripe.rules.correction import Fate, Standing, standing


def pending_items(
    gateway: StripeGateway, customer_id: str, count_read: Callable[[], None]
) -> Iterator[tuple[str, str, datetime, datetime]]:
    """Id, price and period of the priced items that wait for a customer's next invoice, as where a price was changed.

    Without those of no quantity, which bill nothing. Raises ``StripeCallError``.
    """
    doing, params = f"looking for invoice items that wait for {customer_id}", {"customer": customer_id, "pending": True}
    for page in paged(gateway, doing, lambda client: client.invoice_items.list, params, count_read):
        for each in page:
            price = ((each.get("pricing") or {}).get("price_details") or {}).get("price")
            if price and Decimal(str(each.get("quantity_decimal") or each["quantity"])):
                start, end = (datetime.fromtimestamp(each["period"][edge], UTC) for edge in ("start", "end"))
                yield each["id"], str(price["id"] if isinstance(price, dict) else price), start, end


def standing_of_item(gateway: StripeGateway, item_id: str, now: datetime, count_read: Callable[[], None]) -> Standing:
    """An invoice item, with the invoice that carries it. Raises ``StripeCallError``, as what follows."""
    count_read()
    try:
        with gateway.reading(f"looking for the invoice item {item_id}") as client:
            read = client.v1.invoice_items.retrieve(item_id, {"expand": ["invoice"]}).to_dict()
    except StripeCallError as error:
        if not error.is_missing:
            raise
        return Standing(Fate.MISSING, str(error))
    return standing(read, now)


def standing_of_note(gateway: StripeGateway, note_id: str, now: datetime, count_read: Callable[[], None]) -> Standing:
    """A credit note, which Stripe never deletes, with the invoice that it is of."""
    count_read()
    with gateway.reading(f"looking for the credit note {note_id}") as client:
        read = client.v1.credit_notes.retrieve(note_id, {"expand": ["invoice"]}).to_dict()
    return standing(read, now)
