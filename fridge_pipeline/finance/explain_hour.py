"""Explain: why a tenant's number in an hour is what it is, and what Stripe itself shows for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.billing.open_stripe import (
    ReadPurpose,
    books_are_claimed,
    count_reads,
    reads_since,
    stripe_of_books,
)
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.queries import statement
from fridge_pipeline.finance.rules.explanation import Explanation
from fridge_pipeline.stripe.gateway import MeterMissingError, StripeCallError, StripeGateway
from fridge_pipeline.stripe.reads import summed_usage
from fridge_pipeline.stripe.rules.limits import READS_MAX, READS_MONTH

#: So many rejected rows of the tenant are shown of each file; the file's counts say how many there are.
REJECTED_MAX = 20
#: And so many of all files together.
REJECTED_MAX_IN_ALL = 500


def explain(
    connection: psycopg.Connection,
    tenant_id: str,
    hour: Hour,
    event_names: Sequence[str],
    closes_at: datetime,
    now: datetime,
) -> Explanation:
    """Everything about one tenant and hour; quantities are ``None`` where there is no usage.

    ``event_names`` are the meters that the tenant's customer is billed by now; ``closes_at`` is when the hour closes,
    or closed.
    """
    parameters = {
        "tenant_id": tenant_id,
        "hour": hour.start,
        "event_names": list(event_names),
        "rejected_max": REJECTED_MAX,
        "rejected_max_in_all": REJECTED_MAX_IN_ALL,
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        usage = {each["measure"]: each["quantity"] for each in cursor.execute(statement("explain_usage"), parameters)}
        return Explanation(
            tenant_id=tenant_id,
            hour=hour.key,
            is_open=now < closes_at,
            closes_at=closes_at,
            usage={measure.value: usage.get(measure.value) for measure in Measure},
            files=cursor.execute(statement("explain_files"), parameters).fetchall(),
            rejected=cursor.execute(statement("explain_rejected"), parameters).fetchall(),
            statements=cursor.execute(statement("explain_statements"), parameters).fetchall(),
            attempts=cursor.execute(statement("explain_attempts"), parameters).fetchall(),
            readbacks=cursor.execute(statement("explain_readbacks"), parameters).fetchall(),
            cancellations=cursor.execute(statement("explain_cancellations"), parameters).fetchall(),
            stripe=cursor.execute(statement("explain_stripe"), parameters).fetchall(),
            exceptions=cursor.execute(statement("explain_exceptions"), parameters).fetchall(),
            runs=cursor.execute(statement("explain_runs"), parameters).fetchall(),
        )


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
