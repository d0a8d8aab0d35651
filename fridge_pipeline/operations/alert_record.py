"""What alerts are made of in the books, and the record of what each channel was told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.database.queries import statement
from fridge_pipeline.operations.rules.alert import Telling, Told
from fridge_pipeline.operations.rules.alert_causes import UNMAPPED_NOTICE, OpenKind, UnmappedUsage
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP


@contextmanager
def alone_in_telling(connection: psycopg.Connection) -> Iterator[bool]:
    """Says whether nobody else tells alerts now; keeps others out meanwhile, without a transaction."""
    row = connection.execute(statement("try_alerts")).fetchone()
    is_alone = bool(row and row[0])
    try:
        yield is_alone
    finally:
        if is_alone and not connection.closed:
            connection.execute(statement("leave_alerts"))


def told_alerts(connection: psycopg.Connection, channel: str) -> list[Told]:
    """What a channel was told of, and not yet of its end."""
    return [Told(*row) for row in connection.execute(statement("told_alerts"), {"channel": channel}).fetchall()]


def record_telling(connection: psycopg.Connection, channel: str, telling: Telling, now: datetime) -> None:
    """Puts on record, all or nothing, what a channel has taken."""
    with connection.transaction():
        for alert in telling.alerts:
            row = {"alert_key": alert.key, "channel": channel, "title": alert.title, "newest_at": alert.newest_at}
            connection.execute(statement("record_alert"), {**row, "now": now})
        for told in telling.ended:
            connection.execute(statement("resolve_alert"), {"alert_key": told.key, "channel": channel, "now": now})


def open_kinds_to_tell(connection: psycopg.Connection) -> list[OpenKind]:
    """The open exceptions by kind, with the tenants or files they are about, the newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("open_kinds_to_tell")).fetchall()
    return [
        OpenKind(**{**row, "newest_hour": Hour(row["newest_hour"]) if row["newest_hour"] else None}) for row in rows
    ]


def unmapped_near_deadline(connection: psycopg.Connection, now: datetime) -> list[UnmappedUsage]:
    """Usage without a Stripe customer that can still be billed, but not for long; the most urgent first."""
    bounds = {"too_late_until": now - OLDEST_TIMESTAMP, "near_until": now - OLDEST_TIMESTAMP + UNMAPPED_NOTICE}
    return [UnmappedUsage(*row) for row in connection.execute(statement("unmapped_near_deadline"), bounds).fetchall()]


def accepted_usage(connection: psycopg.Connection, tenant_id: str, hour: Hour) -> dict[str, int]:
    """Event name → what Stripe has accepted for a tenant's hour; a meter without a statement is left out."""
    row = {"tenant_id": tenant_id, "hour": hour.start}
    return dict(connection.execute(statement("accepted_usage"), row).fetchall())


def has_customer(connection: psycopg.Connection, tenant_id: str) -> bool:
    """Whether a tenant is imported with a Stripe customer."""
    row = connection.execute(statement("has_customer"), {"tenant_id": tenant_id}).fetchone()
    return bool(row and row[0])
