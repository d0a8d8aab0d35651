"""What has become of a correction's document in Stripe."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.rules.correction import Fate, Standing, item_standing


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
    return item_standing(read, now)


def standing_of_note(gateway: StripeGateway, note_id: str, count_read: Callable[[], None]) -> Standing:
    """A credit note, which Stripe never deletes."""
    count_read()
    with gateway.reading(f"looking for the credit note {note_id}") as client:
        read = client.v1.credit_notes.retrieve(note_id)
    return Standing(Fate.LOST if read.status == "void" else Fate.WAITS, f"{note_id} is {read.status}")
