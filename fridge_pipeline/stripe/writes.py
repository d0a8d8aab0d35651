"""What is written to Stripe besides usage: meters, when a draft becomes final, invoice items and credit notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.stripe.gateway import StripeGateway, StripeMeter
from fridge_pipeline.stripe.invoice_reads import read_draft
from fridge_pipeline.stripe.paging import paged
from fridge_pipeline.stripe.rules.correction import KEY, DocumentKind, StripeDocument, Wish, charged, refunds_in
from fridge_pipeline.stripe.rules.invoice import HELD_BY, Draft

#: Stripe's periods of an invoice item include their last second.
LAST_SECOND = timedelta(seconds=1)


def documents_there(gateway: StripeGateway, wish: Wish, count_read: Callable[[], None]) -> list[StripeDocument]:
    """All invoice items of the wish's customer, or credit notes of its invoice. Raises ``StripeCallError``."""
    if wish.kind is DocumentKind.INVOICE_ITEM:
        return customer_items(gateway, wish.customer_id, count_read)
    of, doing = {"invoice": wish.invoice_id}, f"looking for credit notes of {wish.invoice_id}"
    read = paged(gateway, doing, lambda client: client.credit_notes.list, of, count_read)
    return [_document(each) for page in read for each in page]


def customer_items(gateway: StripeGateway, customer_id: str, count_read: Callable[[], None]) -> list[StripeDocument]:
    """All invoice items of a customer. Raises ``StripeCallError``."""
    doing = f"looking for invoice items of {customer_id}"
    read = paged(gateway, doing, lambda client: client.invoice_items.list, {"customer": customer_id}, count_read)
    return [_document(each) for page in read for each in page]


def preview_credit(gateway: StripeGateway, wish: Wish, remaining: int, count_read: Callable[[], None]) -> int:
    """What a credit note would come to; Stripe refuses here what it would refuse then. Raises ``StripeCallError``.

    ``remaining`` is what of its invoice remains to be paid.
    """
    count_read()
    with gateway.reading(f"previewing the credit note of correction {wish.key}") as client:
        return client.v1.credit_notes.preview(_credit(wish, remaining)).amount


def create_document(gateway: StripeGateway, wish: Wish, remaining: int) -> StripeDocument:
    """Makes the document; with the same key Stripe makes it once for a day at least. Raises ``StripeCallError``."""
    options: Any = {"idempotency_key": f"{KEY}:{wish.key}"}
    with gateway.writing(f"writing the {wish.kind} of correction {wish.key}") as client:
        made = (
            client.v1.invoice_items.create(_item(wish), options)
            if wish.kind is DocumentKind.INVOICE_ITEM
            else client.v1.credit_notes.create(_credit(wish, remaining), options)
        )
    return _document(made.to_dict())


def _item(wish: Wish) -> Any:
    """By amount: a price of its own would charge it from the first tier on."""
    return {
        "customer": wish.customer_id,
        "amount": wish.amount,
        "currency": wish.currency,
        "description": wish.text,
        "discountable": False,
        "period": {
            "start": int(wish.period_start.timestamp()),
            "end": int((wish.period_end - LAST_SECOND).timestamp()),
        },
        "metadata": wish.metadata,
    }


def _credit(wish: Wish, remaining: int) -> Any:
    """By amount, always: a line that was once credited so can never be credited by quantity. No mail is sent.

    It cuts what remains to be paid; what is beyond that goes to the customer's balance.
    """
    lines = [
        {"type": "invoice_line_item", "invoice_line_item": line_id, "amount": amount}
        for line_id, amount in wish.lines.items()
    ]
    beyond = max(wish.amount - remaining, 0)
    return {
        "invoice": wish.invoice_id,
        "lines": lines,
        "email_type": "none",
        "memo": wish.text,
        "metadata": wish.metadata,
        **({"credit_amount": beyond} if beyond else {}),
    }


def _document(read: Mapping[str, Any]) -> StripeDocument:
    of_subscription = (read.get("parent") or {}).get("subscription_details") or {}
    return StripeDocument(
        read["id"],
        read.get("number"),
        charged(read),
        read["currency"],
        dict(read.get("metadata") or {}),
        created_at=datetime.fromtimestamp(read["created"] if "created" in read else read["date"], UTC),
        invoice_id=read.get("invoice"),
        is_void=read.get("status") == "void",
        is_of_subscription=bool(of_subscription.get("subscription_item") or read.get("proration")),
        refunds=refunds_in(read),
    )


def create_missing_meters(gateway: StripeGateway, catalogue: tuple[Meter, ...]) -> list[str]:
    """Creates the catalogue's meters that Stripe does not have; returns their event names.

    One that was made otherwise and is out of use is as good as none: Stripe takes another under its event name.
    """
    present = gateway.meters()
    missing = [meter for meter in catalogue if _is_missing(present.get(meter.event_name), meter)]
    for meter in missing:
        gateway.create_meter(meter)
    return [meter.event_name for meter in missing]


def _is_missing(found: StripeMeter | None, meter: Meter) -> bool:
    if found is None:
        return True
    return not found.active and bool(replace(found, active=True).disagreements(meter))


def schedule_draft(gateway: StripeGateway, invoice_id: str, finalizes_at: datetime, mark: str, key: str) -> Draft:
    """Has Stripe make a draft final at a time, and returns the draft as it is then.

    Always both: the time alone never fires on a draft that does not advance by itself, and ``auto_advance`` alone
    leaves the time to Stripe. ``key`` is the ``Idempotency-Key``: of two callers with one key and other wishes, Stripe
    refuses the second. Raises ``StripeCallError``.
    """
    with gateway.reading(f"rescheduling the draft {invoice_id}") as client:
        written = client.v1.invoices.update(
            invoice_id,
            {
                "auto_advance": True,
                "automatically_finalizes_at": int(finalizes_at.timestamp()),
                "metadata": {HELD_BY: mark},
            },
            {"idempotency_key": key},
        ).to_dict()
    return read_draft(written)
