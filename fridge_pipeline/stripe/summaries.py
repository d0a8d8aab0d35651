"""Summaries: Stripe's own totals of a customer and meter, with the reads they cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.stripe.gateway import PAGE_SIZE, StripeGateway


class Grouping(StrEnum):
    """By what Stripe adds up; its ``value_grouping_window``."""

    HOUR = "hour"
    DAY = "day"


def summed_usage(
    gateway: StripeGateway,
    event_name: str,
    customer_id: str,
    hours: HourRange,
    grouping: Grouping = Grouping.HOUR,
    count_read: Callable[[], None] = lambda: None,
) -> Mapping[Hour, Decimal]:
    """Stripe's totals by the first hour of each hour or UTC day, those without usage left out; eventually consistent.

    ``count_read`` is called before each read, also one that fails; a read holds a hundred totals. Grouped by day, the
    hours have to be whole days. Raises ``StripeCallError`` and ``MeterMissingError``.
    """
    meter_id = gateway.known_meter(event_name).meter_id
    params: Any = {
        "customer": customer_id,
        "start_time": int(hours.first.start.timestamp()),
        "end_time": int(hours.last.end.timestamp()),
        "value_grouping_window": grouping.value,
        "limit": PAGE_SIZE,
    }
    found: dict[Hour, Decimal] = {}
    while True:
        count_read()
        with gateway.reading(f"reading summaries of {event_name}") as client:
            page = client.v1.billing.meters.event_summaries.list(meter_id, params)
        for summary in page.data:
            found[Hour.from_unix(summary.start_time)] = Decimal(str(summary.aggregated_value))
        if not page.has_more:
            return found
        params = {**params, "starting_after": page.data[-1].id}
