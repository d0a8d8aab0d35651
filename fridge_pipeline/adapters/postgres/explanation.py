"""Why this number: everything the books hold about one tenant and hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.adapters.postgres.statements import statement
from fridge_pipeline.domain.hour import Hour


@dataclass(frozen=True, slots=True)
class Explanation:
    """One tenant-hour from files to receipts; each list holds one mapping per row, named as in the tables.

    A file that was withdrawn has ``withdrawn_at``, ``withdrawn_by`` and ``withdrawal_reason``. Attempts, readbacks and
    cancellations belong to a statement by its ``identifier``.
    """

    tenant_id: str
    hour: str
    inserted_count: int | None
    active_sensors: int | None
    files: list[dict[str, Any]]
    statements: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    readbacks: list[dict[str, Any]]
    cancellations: list[dict[str, Any]]
    exceptions: list[dict[str, Any]]


def explain(connection: psycopg.Connection, tenant_id: str, hour: Hour) -> Explanation:
    """Everything about one tenant and hour; quantities are ``None`` where there is no usage."""
    parameters = {"tenant_id": tenant_id, "hour": hour.start}
    with connection.cursor(row_factory=dict_row) as cursor:
        usage = cursor.execute(statement("explain_usage"), parameters).fetchone() or {}
        return Explanation(
            tenant_id=tenant_id,
            hour=hour.key,
            inserted_count=usage.get("inserted_count"),
            active_sensors=usage.get("active_sensors"),
            files=cursor.execute(statement("explain_files"), parameters).fetchall(),
            statements=cursor.execute(statement("explain_statements"), parameters).fetchall(),
            attempts=cursor.execute(statement("explain_attempts"), parameters).fetchall(),
            readbacks=cursor.execute(statement("explain_readbacks"), parameters).fetchall(),
            cancellations=cursor.execute(statement("explain_cancellations"), parameters).fetchall(),
            exceptions=cursor.execute(statement("explain_exceptions"), parameters).fetchall(),
        )
