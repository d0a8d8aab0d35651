"""Corrections that Stripe has, as the books know them: what is invoiced beside the invoices' own lines."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from fridge_pipeline.database.queries import statement
from fridge_pipeline.invoices.rules.billing_periods import Span
from fridge_pipeline.invoices.rules.corrected import Correction, Place


def corrections_of(connection: psycopg.Connection, customer_ids: Sequence[str]) -> list[Correction]:
    """Those of some customers that are written, in order."""
    rows = connection.execute(statement("corrections_written"), {"customer_ids": list(customer_ids)}).fetchall()
    return [
        Correction(Place(customer_id, event_name, invoice_id, Span(start, end)), *what)
        for customer_id, event_name, invoice_id, start, end, *what in rows
    ]
