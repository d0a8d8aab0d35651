"""Test clocks: customers on a time of their own, with copies of subscriptions; made for a rehearsal, and deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.invoice_reads import read_invoice, read_item
from fridge_pipeline.stripe.paging import items_of
from fridge_pipeline.stripe.rules.invoice import Invoice, SubscriptionItem
from fridge_pipeline.stripe.rules.limits import PAGE_SIZE

#: An advance takes Stripe seconds; longer than a few minutes it does not take.
PAUSE_SECONDS, TRIES_MAX = 2.0, 150


@dataclass(frozen=True, slots=True)
class SubscriptionShape:
    """What of a subscription decides how usage is billed; ``anchored_at`` is when its current period began."""

    price_ids: tuple[str, ...]
    anchored_at: datetime
    billing_mode: str | None = None
    days_until_due: int | None = None
    currency: str | None = None


def subscription_shapes(gateway: StripeGateway, customer_id: str) -> list[SubscriptionShape]:
    """A customer's subscriptions that go on. Raises ``StripeCallError``, as all that follow."""
    with gateway.reading(f"reading the subscriptions of {customer_id}") as client:
        page = client.v1.subscriptions.list({"customer": customer_id, "limit": PAGE_SIZE})
    return [_shape(gateway, each.to_dict()) for each in page.data]


def _shape(gateway: StripeGateway, read: Mapping[str, Any]) -> SubscriptionShape:
    items = items_of(gateway, read)
    return SubscriptionShape(
        tuple(each["price"]["id"] for each in items),
        _moment(items[0]["current_period_start"]),
        (read.get("billing_mode") or {}).get("type"),
        read.get("days_until_due"),
        read["currency"],
    )


def create_clock(gateway: StripeGateway, frozen_at: datetime, name: str) -> str:
    """A test clock; its id."""
    with gateway.writing("making a test clock") as client:
        return client.v1.test_helpers.test_clocks.create({"frozen_time": _seconds(frozen_at), "name": name}).id


def create_customer(gateway: StripeGateway, clock_id: str, name: str) -> str:
    """A customer on a test clock, who has no way to pay; its id."""
    with gateway.writing(f"making a customer on {clock_id}") as client:
        return client.v1.customers.create({"test_clock": clock_id, "name": name}).id


def subscribe(gateway: StripeGateway, customer_id: str, shape: SubscriptionShape) -> list[SubscriptionItem]:
    """A subscription of this shape from now on, by the customer's clock; its items."""
    wish: dict[str, Any] = {"customer": customer_id, "items": [{"price": each} for each in shape.price_ids]}
    if shape.billing_mode is not None:
        wish["billing_mode"] = {"type": shape.billing_mode}
    if shape.currency is not None:
        wish["currency"] = shape.currency
    if shape.days_until_due is not None:
        wish |= {"collection_method": "send_invoice", "days_until_due": shape.days_until_due}
    with gateway.writing(f"subscribing {customer_id}") as client:
        made: dict[str, Any] = client.v1.subscriptions.create(wish).to_dict()  # type: ignore[arg-type]  # built stepwise
    return [read_item(each, made) for each in items_of(gateway, made)]


def advance_clock(gateway: StripeGateway, clock_id: str, to: datetime, sleep: Callable[[float], None]) -> None:
    """Moves a test clock on and waits until it has arrived; at most two intervals of its shortest subscription."""
    doing = f"advancing {clock_id} to {to:%Y-%m-%d %H:%M} UTC"
    with gateway.writing(doing) as client:
        client.v1.test_helpers.test_clocks.advance(clock_id, {"frozen_time": _seconds(to)})
    for _ in range(TRIES_MAX):
        with gateway.reading(doing) as client:
            status = client.v1.test_helpers.test_clocks.retrieve(clock_id).status
        if status == "ready":
            return
        if status == "internal_failure":
            break
        sleep(PAUSE_SECONDS)
    raise StripeCallError(f"{gateway.location}, {doing}: it has not arrived, it is {status}", reached=True)


def delete_clock(gateway: StripeGateway, clock_id: str) -> None:
    """Deletes a test clock with the customers on it and all that is theirs."""
    with gateway.writing(f"deleting {clock_id}") as client:
        client.v1.test_helpers.test_clocks.delete(clock_id)


def invoices_of_customer(gateway: StripeGateway, customer_id: str) -> list[Invoice]:
    """The customer's invoices with all lines, the oldest first: those of test clocks may be missing in other lists."""
    with gateway.reading(f"reading the invoices of {customer_id}") as client:
        page = client.v1.invoices.list({"customer": customer_id, "limit": PAGE_SIZE})
    return [read_invoice(gateway, each.to_dict()) for each in reversed(page.data)]


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
