"""Why this number: everything the books hold about one tenant and hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.database.queries import statement
from fridge_pipeline.finance.rules.explanation import Explanation

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
        usage = cursor.execute(statement("explain_usage"), parameters).fetchone() or {}
        return Explanation(
            tenant_id=tenant_id,
            hour=hour.key,
            is_open=now < closes_at,
            closes_at=closes_at,
            inserted_count=usage.get("inserted_count"),
            active_sensors=usage.get("active_sensors"),
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
