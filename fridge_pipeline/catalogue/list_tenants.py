"""The tenants for people to look through: who is billed as whom, and whose usage waits for a customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.database.queries import statement
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP


@dataclass(frozen=True, slots=True)
class ListedTenant:
    """A tenant that was imported or has usage.

    ``last_hour`` is the newest hour with usage. ``hours_waiting`` is how many hours can still be billed once it has a
    customer, ``bill_until`` when the first of them is too late.
    """

    tenant_id: str
    name: str | None
    stripe_customer_id: str | None
    is_imported: bool
    last_hour: datetime | None
    hours_waiting: int
    bill_until: datetime | None


def list_tenants(connection: psycopg.Connection, now: datetime) -> list[ListedTenant]:
    """Every tenant, by its id."""
    too_late = {"too_late_until": now - OLDEST_TIMESTAMP}
    with connection.cursor(row_factory=class_row(ListedTenant)) as cursor:
        return cursor.execute(statement("listed_tenants"), too_late).fetchall()
