"""What has become in Stripe of the document of a correction, or of one that people have settled by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.paging import paged
from fridge_pipeline.stripe.rules.correction import FAILED, Fate, Standing, standing

#: Invoices and credit notes as customers see them: ABCD1234-0001, and ABCD1234-0001-CN-01.
NUMBER = re.compile(r"\S+-[0-9]{3,}(?P<of_note>-CN-[0-9]+)?")


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


def refunds_of(
    gateway: StripeGateway, invoice_id: str, count_read: Callable[[], None]
) -> Iterator[tuple[str, int, str]]:
    """Id, amount and currency of what was given back of an invoice's payments; a read for them, and one for each.

    A refund says nothing of the invoice, nor does the invoice of its refunds.
    """
    doing, of_invoice = f"looking for refunds of {invoice_id}", {"invoice": invoice_id}
    for page in paged(gateway, doing, lambda client: client.invoice_payments.list, of_invoice, count_read):
        for payment in (each["payment"] for each in page):
            of = {name: payment[name] for name in ("payment_intent", "charge") if payment.get(name)}
            if not of:
                continue  # paid outside of Stripe
            for refunds in paged(gateway, doing, lambda client: client.refunds.list, of, count_read):
                for refund in refunds:
                    if refund.get("status") not in FAILED:
                        yield refund["id"], refund["amount"], refund["currency"]


def balance_credits(
    gateway: StripeGateway, customer_id: str, since: datetime, count_read: Callable[[], None]
) -> Iterator[tuple[str, int, str]]:
    """Id, amount and currency of what people have put to a customer's credit since."""
    doing = f"looking at the balance of {customer_id}"
    pages = paged(
        gateway, doing, lambda client: client.customers.balance_transactions.list, {}, count_read, customer_id
    )
    for page in pages:
        for each in page:
            if each["created"] < since.timestamp():
                return
            if each["type"] == "adjustment" and each["amount"] < 0:
                yield each["id"], -each["amount"], each["currency"]


def has_discount(gateway: StripeGateway, customer_id: str, count_read: Callable[[], None]) -> bool:
    """Whether the customer itself has a discount, which all its invoices take over."""
    count_read()
    with gateway.reading(f"looking for a discount of {customer_id}") as client:
        return bool(client.v1.customers.retrieve(customer_id).to_dict().get("discount"))


def standing_of_item(gateway: StripeGateway, item_id: str, now: datetime, count_read: Callable[[], None]) -> Standing:
    """An invoice item, with the invoice that carries it. Raises ``StripeCallError``, as what follows."""

    def read(api: Any) -> Mapping[str, Any]:
        return api.invoice_items.retrieve(item_id, {"expand": ["invoice"]}).to_dict()  # type: ignore[no-any-return]

    return _standing_of(gateway, f"looking for the invoice item {item_id}", now, count_read, read)


def standing_of_note(gateway: StripeGateway, note_id: str, now: datetime, count_read: Callable[[], None]) -> Standing:
    """A credit note, with the invoice that it is of."""

    def read(api: Any) -> Mapping[str, Any]:
        return api.credit_notes.retrieve(note_id, {"expand": ["invoice"]}).to_dict()  # type: ignore[no-any-return]

    return _standing_of(gateway, f"looking for the credit note {note_id}", now, count_read, read)


def standing_of_invoice(
    gateway: StripeGateway, invoice_id: str, now: datetime, count_read: Callable[[], None]
) -> Standing:
    """An invoice that somebody has made by hand."""

    def read(api: Any) -> Mapping[str, Any]:
        return {"id": invoice_id, "invoice": api.invoices.retrieve(invoice_id).to_dict()}

    return _standing_of(gateway, f"looking for the invoice {invoice_id}", now, count_read, read)


def standing_of_refund(
    gateway: StripeGateway, refund_id: str, now: datetime, count_read: Callable[[], None]
) -> Standing:
    """A refund that somebody has made by hand, or that a credit note has made."""
    doing = f"looking for the refund {refund_id}"

    def read(api: Any) -> Mapping[str, Any]:
        return api.refunds.retrieve(refund_id).to_dict()  # type: ignore[no-any-return]

    return _standing_of(gateway, doing, now, count_read, read)


def _standing_of(
    gateway: StripeGateway,
    doing: str,
    now: datetime,
    count_read: Callable[[], None],
    read: Callable[[Any], Mapping[str, Any]],
) -> Standing:
    count_read()
    try:
        with gateway.reading(doing) as client:
            found = read(client.v1)
    except StripeCallError as error:
        if not error.is_missing:
            raise
        return Standing(Fate.MISSING, str(error))
    return standing(found, now)


def standing_of_named(
    gateway: StripeGateway, document: str, customer_id: str | None, now: datetime, count_read: Callable[[], None]
) -> Standing | None:
    """A document of Stripe's by its id, or of a customer's by its number; ``None`` for any other text.

    A credit note gives back nothing by a refund that has failed; those of it are looked up as well, a read each.
    """
    found = _named(gateway, document, customer_id, now, count_read)
    for refund_id in found.refunds if found is not None and found.fate is not Fate.LOST else ():
        refund = standing_of_refund(gateway, refund_id, now, count_read)
        if refund.fate is not Fate.ARRIVED:
            return replace(refund, text=f"{document} gives back by {refund.text}")
    return found


def _named(
    gateway: StripeGateway, document: str, customer_id: str | None, now: datetime, count_read: Callable[[], None]
) -> Standing | None:
    of_kind = {
        "ii_": standing_of_item,
        "cn_": standing_of_note,
        "in_": standing_of_invoice,
        "re_": standing_of_refund,
    }.get(document[:3])
    if of_kind is not None:
        return of_kind(gateway, document, now, count_read)
    number = NUMBER.fullmatch(document)
    if number is None or customer_id is None:
        return None
    is_note = number["of_note"] is not None
    of: Mapping[str, Any] = {"customer": customer_id, **({"expand": ["data.invoice"]} if is_note else {})}
    doing = f"looking for {document} of {customer_id}"
    pages = paged(gateway, doing, lambda api: (api.credit_notes if is_note else api.invoices).list, of, count_read)
    found = next((each for page in pages for each in page if each.get("number") == document), None)
    if found is None:
        return None
    return standing(found if is_note else {"id": found["id"], "invoice": found}, now)
