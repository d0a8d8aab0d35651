"""What was compared, to be shown: each invoice's periods and the usage that no invoice carries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.database.queries import statement
from fridge_pipeline.reason_codes import INVOICE_KINDS


@dataclass(frozen=True, slots=True)
class ComparedInvoice:
    """One invoice's share of a period, or without an invoice usage that none carries; see ``invoice_comparisons``.

    ``is_open``: its exception waits for a person.
    """

    invoice_id: str | None
    tenant_id: str | None
    stripe_customer_id: str
    event_name: str
    period_start: datetime
    period_end: datetime
    usage_quantity: Decimal
    accepted_quantity: Decimal
    stripe_quantity: Decimal | None
    invoice_quantity: Decimal
    difference: Decimal
    cause: str | None
    amount: int | None
    currency: str | None
    compared_at: datetime
    status: str | None
    number: str | None
    finalized_at: datetime | None
    read_at: datetime | None
    is_open: bool


def compared_invoices(
    connection: psycopg.Connection, since: datetime, until: datetime, tenant_id: str | None = None
) -> list[ComparedInvoice]:
    """All whose period reaches into this time, those with a cause first, the largest difference before others."""
    parameters = {"since": since, "until": until, "tenant_id": tenant_id, "kinds": list(INVOICE_KINDS)}
    with connection.cursor(row_factory=class_row(ComparedInvoice)) as cursor:
        return cursor.execute(statement("compared_invoices"), parameters).fetchall()
