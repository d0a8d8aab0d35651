"""The billing start in the books, which outlives the environment of whoever set it."""

from __future__ import annotations

from datetime import datetime

import psycopg

from fridge_pipeline.adapters.postgres.ledger import lock_staging
from fridge_pipeline.adapters.postgres.statements import statement
from fridge_pipeline.domain.billing_start import EVERY_HOUR, BillingStart
from fridge_pipeline.domain.hour import Hour


def billing_start(connection: psycopg.Connection) -> BillingStart:
    """From which hour on usage is stated."""
    row = connection.execute(statement("billing_start")).fetchone()
    if row is None or row[1]:
        return EVERY_HOUR
    return BillingStart(None if row[0] is None else Hour(row[0]))


def keep_billing_start(connection: psycopg.Connection, start: BillingStart, now: datetime) -> None:
    """Records the start where it is another one than the books have; no statement is made meanwhile."""
    if billing_start(connection) == start:
        return
    bill_from = "infinity" if start.first is None else start.first.start.isoformat()
    with connection.transaction():
        lock_staging(connection)
        connection.execute(statement("record_billing_start"), {"bill_from": bill_from, "now": now})
        connection.execute(statement("apply_billing_start"), {"now": now})
