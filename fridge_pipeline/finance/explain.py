"""Explain: why a tenant's number in an hour is what it is, and what Stripe itself shows for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg

from fridge_pipeline.billing.open_stripe import stripe_of_books
from fridge_pipeline.billing.stripe_reads import ReadPurpose, books_are_claimed, count_reads, reads_since
from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.finance.explanation_record import explain
from fridge_pipeline.finance.rules.explanation import Explanation
from fridge_pipeline.stripe.gateway import MeterMissingError, StripeCallError, StripeGateway
from fridge_pipeline.stripe.rules.limits import READS_MAX, READS_MONTH
from fridge_pipeline.stripe.summaries import summed_usage

READ_NOW = "read now"
NEVER_STATED = "nothing of these books was ever stated to Stripe"


def explain_hour(
    database: Database,
    open_gateway: Callable[[], StripeGateway] | None,
    tenant_id: str,
    hour: Hour,
    catalogue: tuple[Meter, ...],
    close_after: timedelta,
    clock: Callable[[], datetime],
    reads_max: int = READS_MAX,
) -> Explanation:
    """Everything the books hold about a tenant and hour; with ``open_gateway`` Stripe's sums are read now.

    Each meter and customer costs a read, of which 30 days hold ``reads_max``. A sum that cannot be read stays the one
    that was read last, and ``detail`` says why. Raises ``WrongBooksError`` and what ``open_gateway`` raises.
    """
    with database.connect() as connection:
        event_names = [meter.event_name for meter in catalogue]
        found = explain(connection, tenant_id, hour, event_names, hour.closes_at(close_after), clock())
        if open_gateway is None or not found.stripe:
            return found
        if not books_are_claimed(connection):
            return replace(found, stripe=[_unread(row, NEVER_STATED) for row in found.stripe])
        left = reads_max - reads_since(connection, clock() - READS_MONTH)
        reading = _Reading(connection, stripe_of_books(connection, open_gateway), hour, clock, left)
        return replace(found, stripe=[reading.read(row) for row in found.stripe])


@dataclass(slots=True)
class _Reading:
    """A reading under way; ``refrain`` says why Stripe is not to be read (any more)."""

    connection: psycopg.Connection
    gateway: StripeGateway
    hour: Hour
    clock: Callable[[], datetime]
    reads_left: int
    refrain: str | None = None

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row of a meter and customer, with Stripe's sum as it is now."""
        if self.reads_left <= 0:
            return _unread(row, "the reads that Stripe allows in a month are used up")
        if self.refrain is not None:
            return _unread(row, self.refrain)
        read_at, event_name, customer_id = self.clock(), row["event_name"], row["stripe_customer_id"]
        try:
            sums = summed_usage(
                self.gateway, event_name, customer_id, HourRange(self.hour, self.hour), count_read=self._count_read
            )
        except MeterMissingError as error:
            return _unread(row, str(error))
        except StripeCallError as error:
            self.refrain = None if error.reached else str(error)
            return _unread(row, str(error))
        return {**row, "value": sums.get(self.hour, 0), "read_at": read_at, "source": READ_NOW, "detail": None}

    def _count_read(self) -> None:
        """On record before it is made: a read that fails counts as well."""
        count_reads(self.connection, 1, ReadPurpose.EXPLANATION, self.clock())
        self.reads_left -= 1


def _unread(row: Mapping[str, Any], why: str) -> dict[str, Any]:
    return {**row, "detail": f"not read now: {why}"}
