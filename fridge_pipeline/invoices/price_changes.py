"""Price changes: what hours that are to be stated cost, by the prices that were read; asks nobody, writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.billing.rules.staging import ChangedHour
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.run import Run
from fridge_pipeline.invoices.invoice_record import known_prices
from fridge_pipeline.invoices.our_side import Asked, billed_customers, booked_periods, invoiced_meters
from fridge_pipeline.invoices.rules.billing_periods import Span
from fridge_pipeline.invoices.rules.priced_change import (
    BilledTime,
    PricedChange,
    changed_periods,
    price_change,
)
from fridge_pipeline.stripe.rules.invoice import InvoiceStatus


def price_changes(run: Run, hours: Sequence[ChangedHour]) -> list[PricedChange]:
    """By tenant, meter and billing period, in this order: quantity and money before and after."""
    if not hours:
        return []
    now = run.clock()
    with run.database.read_only().connect() as connection:
        first = min(each.hour.start for each in hours)
        customer_ids = sorted({each.customer_id for each in hours if each.customer_id is not None})
        changed = changed_periods(hours, billed_times(connection, customer_ids, first))
        asked = [
            Asked(each.time.customer_id, each.time.event_name, [span])
            for each in changed
            if each.time
            for span in (each.time.span, Span(min(each.last.hour.end, each.time.span.end), each.time.span.end))
        ]
        since = min([first, *(each.spans[0].start for each in asked)])
        meters = invoiced_meters(connection, run.catalogue)
        booked = iter(booked_periods(connection, asked, billed_customers(connection, since), meters))
        prices = known_prices(connection)
    found = []
    for each in changed:
        accepted, later = (next(booked).accepted, next(booked).accepted) if each.time else (0, 0)
        found.append(price_change(each, accepted, later, prices, now))
    return found


def billed_times(connection: psycopg.Connection, customer_ids: Sequence[str], since: datetime) -> list[BilledTime]:
    """In which times these customers are billed, as far as subscriptions and invoices were read."""
    parameters = {"customer_ids": list(customer_ids), "since": since}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("billed_times"), parameters).fetchall()
    return [_time(list(same)) for _, same in groupby(rows, key=_identity)]


def _identity(row: dict[str, Any]) -> tuple[object, ...]:
    return tuple(row[name] for name in ("customer_id", "event_name", "period_start", "period_end", "invoice_id"))


def _time(rows: Sequence[dict[str, Any]]) -> BilledTime:
    row = rows[0]
    return BilledTime(
        row["customer_id"],
        row["event_name"],
        Span(row["period_start"], row["period_end"]),
        tuple(each["price_id"] for each in rows),  # one for each item, and for each price that it had
        row["invoice_id"],
        InvoiceStatus(row["status"]) if row["status"] else None,
        frozenset(each["item_id"] for each in rows),
        row["currency"],
        is_trial=all(each["is_trial"] for each in rows),
    )
