"""Cancellations: statements on a meter that adds up, taken back through Stripe's adjustments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.billing.rules.credit import StatedDifference
from fridge_pipeline.billing.rules.staging import StagingCase
from fridge_pipeline.database.queries import statement


def stated_differences(connection: psycopg.Connection, case: StagingCase) -> list[StatedDifference]:
    """The accepted statements that a tenant's hour consists of, the newest first."""
    parameters = {"event_name": case.meter.event_name, "tenant_id": case.tenant_id, "hour": case.hour.start}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("stated_differences"), parameters).fetchall()
    return [StatedDifference(**row) for row in rows]


def stage_cancellations(
    connection: psycopg.Connection, cancelled: Iterable[StatedDifference], now: datetime, run_id: str
) -> None:
    """Commits the intent to cancel (with the surrounding transaction), before Stripe is asked (law L4)."""
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("stage_cancellation"),
            [{"identifier": each.identifier, "now": now, "run_id": run_id} for each in cancelled],
        )
