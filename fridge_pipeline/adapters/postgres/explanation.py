"""Why this number: everything the books hold about one tenant and hour."""

from __future__ import annotations

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.adapters.postgres.statements import statement
from fridge_pipeline.domain.explanation import Explanation
from fridge_pipeline.domain.hour import Hour


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
