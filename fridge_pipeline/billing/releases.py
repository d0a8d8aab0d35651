"""Releases: held usage that somebody looked at and let through."""

from __future__ import annotations

from datetime import datetime

import psycopg

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.parameters import meters_of
from fridge_pipeline.database.queries import statement


def held_usage(
    connection: psycopg.Connection, tenant_id: str, hour: Hour, catalogue: tuple[Meter, ...]
) -> dict[str, int]:
    """Event name → usage, of the meters that are held for review in a tenant's hour."""
    parameters = {**meters_of(catalogue), "tenant_id": tenant_id, "hour": hour.start}
    return dict(connection.execute(statement("held_usage"), parameters).fetchall())


def record_release(
    connection: psycopg.Connection,
    tenant_id: str,
    hour: Hour,
    event_name: str,
    value: int,
    released_by: str,
    reason: str,
    now: datetime,
) -> None:
    """Records that usage up to this value is to be billed, which can be neither edited nor deleted."""
    connection.execute(
        statement("record_release"),
        {
            "tenant_id": tenant_id,
            "hour": hour.start,
            "event_name": event_name,
            "value": value,
            "released_by": released_by,
            "reason": reason,
            "now": now,
        },
    )
