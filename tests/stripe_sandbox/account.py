"""What the tests do at Stripe, in the tests' words: make meters, send events, read summaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.sandbox_process import fresh_name

if TYPE_CHECKING:
    from tests.sandbox_process import SandboxProcess

HOUR = 3_600
DAY = 86_400


class Account:
    """A sandbox and the real SDK on it."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self.stripe = sandbox.client()

    def now(self) -> int:
        """The sandbox's time in whole unix seconds."""
        return int(self.sandbox.health()["now"])

    def past_hour(self, hours_ago: int = 2) -> int:
        """The start of a UTC hour that lies wholly in the past."""
        return self.now() // HOUR * HOUR - hours_ago * HOUR

    def meter(self, formula: str = "sum", window: str | None = None, **more: Any) -> stripe.billing.Meter:
        """A new meter under a fresh event name."""
        wish: Any = {
            "display_name": "Readings",
            "event_name": fresh_name("readings"),
            "default_aggregation": {"formula": formula},
            **({} if window is None else {"event_time_window": window}),
            **more,
        }
        return self.stripe.v1.billing.meters.create(wish)

    def send(
        self,
        meter: stripe.billing.Meter,
        value: object,
        timestamp: int | None = None,
        *,
        customer: str = "cus_shop",
        identifier: str | None = None,
        key: str | None = None,
    ) -> stripe.billing.MeterEvent:
        """One meter event; identifier and idempotency key are fresh unless given."""
        event: Any = {
            "event_name": meter.event_name,
            "identifier": identifier or fresh_name("event"),
            "payload": {"stripe_customer_id": customer, "value": str(value)},
            **({} if timestamp is None else {"timestamp": timestamp}),
        }
        return self.stripe.v1.billing.meter_events.create(event, {} if key is None else {"idempotency_key": key})

    def refusal(
        self, meter: stripe.billing.Meter, value: object, timestamp: int | None = None, **options: Any
    ) -> stripe.StripeError:
        """The error with which an event is refused; fails the test when it is accepted."""
        with pytest.raises(stripe.StripeError) as caught:
            self.send(meter, value, timestamp, **options)
        return caught.value

    def cut_off(self, meter: stripe.billing.Meter, value: object, timestamp: int | None = None, **options: Any) -> None:
        """Send an event whose connection is cut; fails the test when there is an answer."""
        with pytest.raises(stripe.APIConnectionError):
            self.send(meter, value, timestamp, **options)

    def cancel(self, meter: stripe.billing.Meter, identifier: str, key: str | None = None) -> Any:
        """Cancel the event with this identifier."""
        wish: Any = {"type": "cancel", "event_name": meter.event_name, "cancel": {"identifier": identifier}}
        options: Any = {} if key is None else {"idempotency_key": key}
        return self.stripe.v1.billing.meter_event_adjustments.create(wish, options)

    def reports(self, **filters: Any) -> list[Any]:
        """Every report of refused events that matches, over all pages."""
        wish: Any = filters
        return list(self.stripe.v2.core.events.list(wish).auto_paging_iter())

    def summaries(
        self,
        meter: stripe.billing.Meter,
        start: int,
        end: int,
        window: str | None = None,
        customer: str = "cus_shop",
        **paging: Any,
    ) -> stripe.ListObject[stripe.billing.MeterEventSummary]:
        """The first page of summaries."""
        query: Any = {"customer": customer, "start_time": start, "end_time": end, **paging}
        if window is not None:
            query["value_grouping_window"] = window
        return self.stripe.v1.billing.meters.event_summaries.list(meter.id, query)

    def total(self, meter: stripe.billing.Meter, start: int, end: int, customer: str = "cus_shop") -> float:
        """The aggregated value of the whole stretch."""
        (only,) = self.summaries(meter, start, end, customer=customer).data
        return only.aggregated_value

    def per_window(
        self, meter: stripe.billing.Meter, start: int, end: int, window: str = "hour", customer: str = "cus_shop"
    ) -> dict[int, float]:
        """The aggregated values by the start of their hour or day, over all pages."""
        pages = self.summaries(meter, start, end, window, customer, limit=100).auto_paging_iter()
        return {summary.start_time: summary.aggregated_value for summary in pages}
