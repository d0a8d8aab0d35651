"""A tenant that Stripe invoices day by day: the pipeline on one side, a subscription in the sandbox on the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

import stripe

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.invoices.compare_invoices import ComparisonReport, compare_invoices
from fridge_pipeline.invoices.read_invoices import InvoiceReadReport, read_invoices
from fridge_pipeline.stripe.rules.limits import READS_MAX
from tests.invoices.shapes import READINGS
from tests.pipeline import Pipeline, readings

#: Minor units: two for the first hundred and one for the rest, which begins with a fee of fifty.
GRADUATED: dict[str, Any] = {
    "tiers_mode": "graduated",
    "tiers": [{"up_to": 100, "unit_amount": 2}, {"up_to": "inf", "unit_amount": 1, "flat_amount": 50}],
}


@dataclass
class InvoicedTenant:
    """cohoes, from midnight three days ago on; both clocks stand there, and go on together."""

    pipeline: Pipeline
    files: int = 0
    customer: str = ""
    client: stripe.StripeClient = field(init=False)

    def __post_init__(self) -> None:
        day = (self.pipeline.clock() - timedelta(days=3)).date()
        self.start = datetime.combine(day, time(0), UTC)
        self.go(self.start)
        self.customer = self.pipeline.add_tenant("cohoes")
        self.client = self.pipeline.sandbox.client()
        self.product = self.client.v1.products.create({"name": "Readings"}).id

    def go(self, moment: datetime) -> None:
        """Sets both clocks."""
        self.pipeline.clock.now = moment
        self.pipeline.sandbox.set_clock(now=moment.timestamp(), frozen=True)

    def hour(self, number: int) -> Hour:
        """An hour, counted from the beginning."""
        return Hour(self.start + timedelta(hours=number))

    def price(self, event_name: str = READINGS, **wish: Any) -> str:
        """A daily price of a meter, per unit of one cent unless more is said."""
        meter = self.pipeline.gateway.known_meter(event_name).meter_id
        recurring = {"interval": "day", "usage_type": "metered", "meter": meter}
        told: Any = {"currency": "usd", "product": self.product, "recurring": recurring, **wish}
        if "tiers" in wish:
            told["billing_scheme"] = "tiered"
        elif "unit_amount" not in wish:
            told["unit_amount"] = 1
        return self.client.v1.prices.create(told).id

    def subscribe(self, *prices: str, **wish: Any) -> str:
        """A subscription from now on."""
        told: Any = {"customer": self.customer, "items": [{"price": price} for price in prices], **wish}
        return self.client.v1.subscriptions.create(told).id

    def use(self, number: int, rows: int) -> None:
        """Lands readings in an hour and bills it, once it is closed."""
        self.files += 1
        hour = self.hour(number)
        self.pipeline.land(hour, f"{self.files}.csv", readings("cohoes", hour, 1, rows, start=self.files))
        self.go(max(self.pipeline.clock(), hour.end + timedelta(minutes=10)))
        self.pipeline.run(hour)

    def read(self, days: DayRange | None = None, reads_max: int = READS_MAX) -> InvoiceReadReport:
        """Runs the step over all days until today."""
        line = self.pipeline
        every = DayRange(self.start.date() - timedelta(days=1), line.clock().date())
        return read_invoices(line.as_run(), lambda: line.gateway, days or every, reads_max)

    def compare(self) -> ComparisonReport:
        """Runs the step."""
        return compare_invoices(self.pipeline.as_run())

    def settled(self) -> list[tuple[Any, ...]]:
        """Two hours after the first day, when its invoice is final: read and compared."""
        self.go(max(self.pipeline.clock(), self.start + timedelta(hours=26)))
        self.read()
        self.compare()
        return self.rows()

    def rows(self, event_name: str = READINGS) -> list[tuple[Any, ...]]:
        """(usage, accepted, invoiced, cause, amount) of a meter, by period and invoice."""
        return self.pipeline.rows(
            "select usage_quantity::int, accepted_quantity::int, invoice_quantity::int, cause, amount"
            " from fridge.invoice_comparisons where event_name = %s order by period_start, invoice_id",
            event_name,
        )

    def invoice_reads(self) -> int:
        """How many requests for invoices and what belongs to them the sandbox has seen."""
        paths = ("/v1/invoices", "/v1/prices", "/v1/subscriptions")
        return sum(
            request["method"] == "GET" and request["path"].startswith(paths)
            for request in self.pipeline.sandbox.requests()
        )


def with_120_readings(pipeline: Pipeline) -> InvoicedTenant:
    """One whose invoice of the first day has 120 readings, at a graduated price."""
    found = InvoicedTenant(pipeline)
    found.subscribe(found.price(**GRADUATED))
    found.use(3, 90)
    found.use(20, 30)
    assert found.settled() == [(120, 120, 120, None, None)]
    return found
