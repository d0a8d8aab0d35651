"""Invoices as Stripe lays them out, in short: what a test says of one line, and the comparison that it expects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from fridge_pipeline.invoices.rules.billing_periods import billing_periods
from fridge_pipeline.invoices.rules.compare_period import Booked, Comparison, compare_period
from fridge_pipeline.invoices.rules.found_elsewhere import hours_found_again
from fridge_pipeline.stripe.rules.invoice import (
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    Price,
    SubscriptionItem,
    Tier,
    TiersMode,
)

READINGS = "temperature_readings"
START = datetime(2026, 10, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
SWAP = datetime(2026, 10, 15, tzinfo=UTC)
D = Decimal

PRICES: Mapping[str, Price] = {
    each.price_id: each
    for each in (
        Price("unit", READINGS, "usd", unit_amount=D("0.5")),
        Price("other_unit", READINGS, "usd", unit_amount=D(1)),
        Price("graduated", READINGS, "usd", None, TiersMode.GRADUATED, (Tier(D(100), D(2)), Tier(None, D(1), D(50)))),
        Price("volume", READINGS, "usd", None, TiersMode.VOLUME, (Tier(D(100), D(2)), Tier(None, D(1), D(50)))),
        Price("up", READINGS, "usd", unit_amount=D(30), divide_by=60, rounds_up=True),
        Price("down", READINGS, "usd", unit_amount=D(30), divide_by=60),
        Price("seats", None, "usd", unit_amount=D(900)),
    )
}


@dataclass
class Line:
    """One line; by default of the whole month and of the first item of the first subscription."""

    quantity: int | str | None
    price: str = "unit"
    item: str | None = "si_1"
    sub: str = "sub_1"
    start: datetime = START
    end: datetime = END
    amount: int = 0
    proration: bool = False

    def read(self, number: int) -> InvoiceLine:
        """As the reading gives it; without an item it is an invoice item's."""
        quantity = None if self.quantity is None else D(self.quantity)
        return InvoiceLine(
            f"il_{number}",
            self.price,
            self.sub,
            self.item,
            self.start,
            self.end,
            quantity,
            self.amount,
            is_invoice_item=self.item is None,
            is_proration=self.proration,
        )


@dataclass
class Bill:
    """One invoice, final an hour after its creation unless it says otherwise."""

    lines: list[Line]
    status: str = "paid"
    reason: str = "subscription_cycle"
    created: datetime = END + timedelta(minutes=15)
    currency: str = "usd"

    def read(self, number: int) -> Invoice:
        """As the reading gives it."""
        return Invoice(
            f"in_{number}",
            "cus_1",
            InvoiceStatus(self.status),
            self.reason,
            self.currency,
            self.created,
            None if self.status == "draft" else self.created + timedelta(hours=1),
            lines=tuple(line.read(position) for position, line in enumerate(self.lines, 1)),
        )


@dataclass
class Shape:
    """Invoices, our side of each period (or of all), and per row: invoice number, usage, invoiced, cause."""

    bills: list[Bill]
    booked: Booked | list[Booked]
    expected: list[tuple[int, int | str, int | str, str | None]]
    amount: int | None = None
    items: list[SubscriptionItem] = field(default_factory=list)
    now: datetime = END + timedelta(hours=6)


def books(usage: int, cut: tuple[int, ...] = (), **more: int) -> Booked:
    """All of it accepted in good time, but for what ``more`` says."""
    settled = {"accepted": usage, "by_final": usage, "surely_by_final": usage} | more
    stripe = settled.pop("stripe", None)
    return Booked(usage=usage, cut=cut, stripe=None if stripe is None else D(stripe), **settled)


def item(number: int, created: datetime, price: str = "unit", ended: datetime | None = None) -> SubscriptionItem:
    """A subscription's item whose current period is the month after."""
    after = END + timedelta(days=30)
    return SubscriptionItem(f"si_{number}", "sub_1", "cus_1", price, "active", created, END, after, ended)


def compared(
    bills: Iterable[Bill],
    booked: Iterable[Booked],
    items: Iterable[SubscriptionItem] = (),
    now: datetime = END + timedelta(hours=6),
) -> list[Comparison]:
    """All rows of one customer; our side of each period in turn."""
    invoices = [bill.read(number) for number, bill in enumerate(bills, 1)]
    known = {each.item_id: each for each in items}
    rows = [
        row
        for period, ours in zip(billing_periods(invoices, PRICES), booked, strict=False)
        for row in compare_period(period, ours, PRICES, known, now)
    ]
    return hours_found_again(rows, {invoice.invoice_id for invoice in invoices if invoice.is_draft})
