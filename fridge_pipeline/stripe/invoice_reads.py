"""What is read of Stripe's invoices: invoices with all lines, prices by meter, subscription items."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.paging import CountRead, items_of, paged
from fridge_pipeline.stripe.rules.invoice import (
    HELD_BY,
    Draft,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    Price,
    SubscriptionItem,
    Tier,
    TiersMode,
)

Fields = Mapping[str, Any]


def created_invoices(
    gateway: StripeGateway,
    since: datetime,
    until: datetime,
    ours: Collection[str],
    count_read: CountRead,
    status: InvoiceStatus | None = None,
) -> Iterator[Invoice]:
    """Every invoice of the account that was created in this time, with all its lines, the newest first.

    On test clocks only those of ``ours``, our tenants' customers: others are deleted with their clock. A read holds a
    hundred invoices with about ten lines each; one with more takes a read for every hundred. Stripe has no filter by
    period, and none is needed: an invoice is made after what it bills was used. Raises ``StripeCallError``, as below.
    """
    params: dict[str, Any] = {"created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())}}
    if status is not None:
        params["status"] = status.value
    for page in paged(gateway, "reading invoices", lambda client: client.invoices.list, params, count_read):
        for each in page:
            if each.get("customer") and (not each.get("test_clock") or _id(each["customer"]) in ours):
                yield _invoice(each, _lines(gateway, each, count_read))


def customer_invoices(
    gateway: StripeGateway, customer_id: str, since: datetime, count_read: CountRead
) -> Iterator[Invoice]:
    """A customer's invoices that were created since, with all their lines."""
    params = {"customer": customer_id, "created": {"gte": int(since.timestamp())}}
    for page in paged(gateway, "reading invoices", lambda client: client.invoices.list, params, count_read):
        for each in page:
            yield _invoice(each, _lines(gateway, each, count_read))


def one_invoice(gateway: StripeGateway, invoice_id: str, count_read: CountRead) -> tuple[Invoice, int]:
    """An invoice as it is now, with all its lines, and what of it remains to be paid."""
    count_read()
    with gateway.reading(f"reading {invoice_id}") as client:
        read = client.v1.invoices.retrieve(invoice_id).to_dict()
    return _invoice(read, _lines(gateway, read, count_read)), read["amount_remaining"]


def read_invoice(gateway: StripeGateway, read: Fields, count_read: CountRead = lambda: None) -> Invoice:
    """An invoice's object, with the lines that are not inside of it. Raises ``StripeCallError``."""
    return _invoice(read, _lines(gateway, read, count_read))


def preview_invoice(gateway: StripeGateway, subscription_id: str, count_read: CountRead) -> tuple[Invoice, bool]:
    """A subscription's next invoice as it would be now, and whether its lines are all: a preview shows ten."""
    count_read()
    with gateway.reading(f"previewing the next invoice of {subscription_id}") as client:
        read = client.v1.invoices.create_preview({"subscription": subscription_id}).to_dict()
    inside = read["lines"]
    return _invoice(read, tuple(_line(each, read) for each in inside["data"])), not inside["has_more"]


def drafts(gateway: StripeGateway, count_read: CountRead) -> dict[str, Draft]:
    """Every draft of the account by its id; a read holds a hundred, and their lines are not read."""
    params = {"status": InvoiceStatus.DRAFT.value}
    pages = paged(gateway, "reading drafts", lambda client: client.invoices.list, params, count_read)
    return {each["id"]: read_draft(each) for page in pages for each in page}


def one_draft(gateway: StripeGateway, invoice_id: str, count_read: CountRead) -> Draft:
    """An invoice that was a draft, as it is now."""
    count_read()
    with gateway.reading(f"reading the draft {invoice_id}") as client:
        return read_draft(client.v1.invoices.retrieve(invoice_id).to_dict())


def read_draft(read: Fields) -> Draft:
    """What an invoice's object says about when it becomes final."""
    return Draft(
        invoice_id=read["id"],
        created_at=_moment(read["created"]),
        is_draft=read.get("status") == InvoiceStatus.DRAFT,
        auto_advance=bool(read.get("auto_advance")),
        finalizes_at=_moment_or_none(read.get("automatically_finalizes_at")),
        mark=(read.get("metadata") or {}).get(HELD_BY),
    )


def prices_of_meter(gateway: StripeGateway, event_name: str, count_read: CountRead) -> list[Price]:
    """Every price of a meter, active or not; one that was made inline by a subscription is not listed.

    Raises ``MeterMissingError`` as well.
    """
    meter_id = gateway.known_meter(event_name).meter_id
    found = []
    for is_active in (True, False):
        params = {"recurring": {"meter": meter_id}, "active": is_active, "expand": ["data.tiers"]}
        doing = f"reading prices of {event_name}"
        for page in paged(gateway, doing, lambda client: client.prices.list, params, count_read):
            found += [_price(each, event_name) for each in page]
    return found


def one_price(gateway: StripeGateway, price_id: str, count_read: CountRead) -> Price:
    """A price by its id: the only way to know one that was made inline."""
    count_read()
    with gateway.reading(f"reading the price {price_id}") as client:
        read = client.v1.prices.retrieve(price_id, {"expand": ["tiers"]}).to_dict()
    return _price(read, _event_name(gateway, read))


def subscription_items(
    gateway: StripeGateway, event_names: Collection[str], count_read: CountRead
) -> Iterator[SubscriptionItem]:
    """Every item with a price of one of these meters, of ended subscriptions too; a read holds a hundred of them."""
    params = {"status": "all"}
    for page in paged(gateway, "reading subscriptions", lambda client: client.subscriptions.list, params, count_read):
        for subscription in page:
            for each in items_of(gateway, subscription, count_read):
                if _event_name(gateway, each["price"]) in event_names:
                    yield read_item(each, subscription)


def refused_invoice_reads(gateway: StripeGateway) -> list[str]:
    """The permissions that the key lacks for reading invoices; three small reads. Raises ``StripeCallError``."""
    paths = {"Invoices: read": "invoices", "Prices: read": "prices", "Subscriptions: read": "subscriptions"}
    lacking = []
    for permission, path in paths.items():
        try:
            with gateway.reading(f"trying to read {path}") as client:
                client.raw_request("get", f"/v1/{path}", limit=1)
        except StripeCallError as error:
            if not error.is_key_refused:
                raise
            lacking.append(permission)
    return lacking


def _event_name(gateway: StripeGateway, price: Fields) -> str | None:
    """The meter's event name; ``None`` for a price that bills no meter."""
    meter = (price.get("recurring") or {}).get("meter")
    return gateway.event_name_of(_id(meter)) if meter else None


def _lines(gateway: StripeGateway, invoice: Fields, count_read: CountRead) -> tuple[InvoiceLine, ...]:
    """All lines; those inside the invoice are the first ten or so."""
    inside, invoice_id = invoice["lines"], invoice["id"]
    if not inside["has_more"]:
        return tuple(_line(each, invoice) for each in inside["data"])
    doing = f"reading the lines of {invoice_id}"
    pages = paged(gateway, doing, lambda client: client.invoices.line_items.list, {}, count_read, invoice_id)
    return tuple(_line(each, invoice) for page in pages for each in page)


def _invoice(read: Fields, lines: tuple[InvoiceLine, ...]) -> Invoice:
    credited = (read.get("pre_payment_credit_notes_amount") or 0) + (read.get("post_payment_credit_notes_amount") or 0)
    return Invoice(
        invoice_id=read["id"],
        customer_id=_id(read["customer"]),
        status=InvoiceStatus(read["status"] or InvoiceStatus.DRAFT),
        billing_reason=read.get("billing_reason"),
        currency=read["currency"],
        created_at=_moment(read["created"]),
        finalized_at=_moment_or_none((read.get("status_transitions") or {}).get("finalized_at")),
        finalizes_at=_moment_or_none(read.get("automatically_finalizes_at")),
        number=read.get("number"),
        total=read["total"],
        credited=credited,
        lines=lines,
    )


def _line(read: Fields, invoice: Fields) -> InvoiceLine:
    parent = read.get("parent") or {}
    of_item, of_invoice_item = parent.get("subscription_item_details"), parent.get("invoice_item_details")
    details = of_item or of_invoice_item or {}
    price = ((read.get("pricing") or {}).get("price_details") or {}).get("price")
    subscription = details.get("subscription") or read.get("subscription")
    return InvoiceLine(
        line_id=read["id"],
        price_id=_id(price) if price else None,
        subscription_id=_id(subscription) if subscription else None,
        item_id=of_item.get("subscription_item") if of_item else None,
        period_start=_moment(read["period"]["start"]),
        period_end=_moment(read["period"]["end"]),
        quantity=_quantity(read),
        amount=read["amount"],
        is_invoice_item=of_item is None and of_invoice_item is not None,
        is_proration=bool(details.get("proration")),
        is_discounted=_is_discounted(read, invoice),
    )


def _is_discounted(line: Fields, invoice: Fields) -> bool:
    """Whether a discount lowers it. A line of 0 shows no amount of one: there whatever the invoice has may do so."""
    if line["amount"]:
        return any(each["amount"] for each in line.get("discount_amounts") or ())
    return bool(line.get("discounts") or invoice.get("discounts"))


def _quantity(read: Fields) -> Decimal | None:
    """``quantity`` has its decimals cut off; it is taken only from an account that has no other."""
    whole, exact = read.get("quantity"), read.get("quantity_decimal")
    given = exact if exact is not None else whole
    return None if given is None else Decimal(str(given))


def _price(read: Fields, event_name: str | None) -> Price:
    transform = read.get("transform_quantity") or {}
    mode = read.get("tiers_mode")
    return Price(
        price_id=read["id"],
        event_name=event_name,
        currency=read["currency"],
        unit_amount=_amount(read, "unit_amount"),
        tiers_mode=TiersMode(mode) if mode else None,
        tiers=tuple(_tier(each) for each in read.get("tiers") or ()),
        divide_by=transform.get("divide_by"),
        rounds_up=transform.get("round") == "up",
    )


def _tier(read: Fields) -> Tier:
    top = read.get("up_to")
    return Tier(
        None if top in {None, "inf"} else Decimal(str(top)),
        _amount(read, "unit_amount") or Decimal(0),
        _amount(read, "flat_amount") or Decimal(0),
    )


def _amount(read: Fields, name: str) -> Decimal | None:
    """With its decimals, of which Stripe gives up to twelve."""
    exact, whole = read.get(f"{name}_decimal"), read.get(name)
    given = exact if exact is not None else whole
    return None if given is None else Decimal(str(given))


def read_item(read: Fields, subscription: Fields) -> SubscriptionItem:
    """An item of a subscription's object."""
    return SubscriptionItem(
        item_id=read["id"],
        subscription_id=subscription["id"],
        customer_id=_id(subscription["customer"]),
        price_id=_id(read["price"]),
        status=subscription["status"],
        created_at=_moment(_begins(read, subscription)),
        period_start=_moment(read["current_period_start"]),
        period_end=_moment(read["current_period_end"]),
        ended_at=_moment_or_none(subscription.get("ended_at")),
        trial_start=_moment_or_none(subscription.get("trial_start")),
        trial_end=_moment_or_none(subscription.get("trial_end")),
        is_discounted=bool(read.get("discounts") or subscription.get("discounts")),
        currency=subscription["currency"],
        has_own_tax=_has_own_tax(read, subscription),
    )


def _has_own_tax(read: Fields, subscription: Fields) -> bool:
    """The subscription's default tax rates are on its invoices, so an invoice item has those too."""
    is_automatic = (subscription.get("automatic_tax") or {}).get("enabled")
    return bool(read.get("tax_rates")) or bool(is_automatic and read["price"].get("tax_behavior") == "inclusive")


def _begins(read: Fields, subscription: Fields) -> int:
    """From when the item bills: one that came with its subscription from its start, which may be backdated."""
    came_with_it = read["created"] <= subscription["created"]
    return int(subscription["start_date"] if came_with_it else read["created"])


def _id(of: Any) -> str:
    """An id, of an object too: an account may have it expanded."""
    return str(of["id"] if isinstance(of, dict) else of)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
