"""Books with usage in two hours of the day before yesterday, and invoices put into them as if they had been read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.invoices.compare_invoices import ComparisonReport, compare_invoices
from fridge_pipeline.invoices.invoice_record import (
    Reading,
    add_invoice,
    keep_day,
    keep_items,
    keep_prices,
    known_items,
)
from fridge_pipeline.stripe.rules.invoice import Invoice, InvoiceLine, InvoiceStatus, SubscriptionItem
from tests.invoices.shapes import PRICES, READINGS
from tests.pipeline import Pipeline, readings


@dataclass
class InvoicedBooks:
    """One tenant, cohoes; its billing period is the day before yesterday."""

    pipeline: Pipeline
    start: datetime
    customer: str = ""
    numbers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.customer = self.pipeline.add_tenant("cohoes")
        self.write(lambda connection, reading: keep_prices(connection, PRICES.values(), {}, reading))

    @property
    def end(self) -> datetime:
        """The end of the billing period."""
        return self.start + timedelta(days=1)

    def hour(self, number: int) -> Hour:
        """An hour of the period."""
        return Hour(self.start + timedelta(hours=number))

    def use(self, number: int, rows: int, name: str = "a.csv") -> None:
        """Lands readings in an hour of the period and bills it."""
        self.pipeline.land(
            self.hour(number), name, readings("cohoes", self.hour(number), 1, rows, start=len(self.numbers))
        )
        self.numbers.append(number)
        self.pipeline.run(self.hour(number))

    def write(self, do: Callable[[Any, Reading], None]) -> None:
        """Writes as a reading does."""
        with self.pipeline.database.connect() as connection, connection.transaction():
            do(connection, Reading(self.pipeline.clock(), "test"))

    def bill(self, quantity: int, status: str = "paid", final: datetime | None = None, **line: Any) -> Invoice:
        """An invoice of the period with one line, made at its end; final now unless it says otherwise."""
        found = Invoice(
            invoice_id=line.pop("invoice_id", "in_1"),
            customer_id=self.customer,
            status=InvoiceStatus(status),
            billing_reason="subscription_cycle",
            currency=line.pop("currency", "usd"),
            created_at=self.end + timedelta(minutes=15),
            finalized_at=None if status == "draft" else final or self.pipeline.clock(),
            finalizes_at=line.pop("finalizes_at", None),
            lines=(self.line(quantity, **line),),
        )
        self.write(lambda connection, reading: add_invoice(connection, found, reading))
        return found

    def line(self, quantity: int, **more: Any) -> InvoiceLine:
        """One line of the period."""
        found = InvoiceLine("il_1", "unit", "sub_1", "si_1", self.start, self.end, Decimal(quantity), quantity)
        return replace(found, **more)

    def subscribe(self, **more: Any) -> None:
        """A subscription item whose current period follows on the billing period."""
        after = self.end + timedelta(days=30)
        long_ago = self.start - timedelta(days=300)
        item = SubscriptionItem("si_1", "sub_1", self.customer, "unit", "active", long_ago, self.end, after)
        changed = replace(item, **more)
        self.write(lambda connection, reading: keep_items(connection, [changed], known_items(connection), reading))

    def read_days(self, back: int = 10) -> None:
        """Every day of the last ones was read, now."""
        today = self.pipeline.clock().astimezone(UTC).date()
        for day in DayRange(today - timedelta(days=back), today).days():
            self.write(lambda connection, reading, day=day: keep_day(connection, day, 0, reading))  # type: ignore[misc]

    def compare(self) -> ComparisonReport:
        """Runs the step."""
        return compare_invoices(self.pipeline.as_run())

    def rows(self, event_name: str = READINGS) -> list[tuple[Any, ...]]:
        """(invoice, tenant, usage, accepted, invoiced, cause) of a meter."""
        return self.pipeline.rows(
            "select invoice_id, tenant_id, usage_quantity::int, accepted_quantity::int, invoice_quantity::int, cause"
            " from fridge.invoice_comparisons where event_name = %s order by invoice_id nulls last, period_start",
            event_name,
        )

    def exceptions(self, event_name: str = READINGS) -> list[tuple[str, bool]]:
        """(kind, whether it is open) of a meter."""
        return self.pipeline.rows(
            "select kind, closed_at is null from fridge.exceptions where subject = %s order by exception_id", event_name
        )


@pytest.fixture
def books(pipeline: Pipeline) -> InvoicedBooks:
    """Books of one tenant whose billing period was two days before. It is noon: hours later it is the same day."""
    pipeline.clock.now = pipeline.clock().replace(hour=12, minute=0, second=0) - timedelta(days=1)
    day = (pipeline.clock() - timedelta(days=2)).date()
    return InvoicedBooks(pipeline, datetime.combine(day, time(0), UTC))
