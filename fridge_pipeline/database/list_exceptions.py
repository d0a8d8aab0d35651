"""The open exceptions for people to look through: some kind's, some tenant's, some hours'."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.database.queries import span_of, statement


@dataclass(frozen=True, slots=True)
class OpenException:
    """An open exception as it stands in the books; ``None`` where it is about no tenant, hour, figure or deadline.

    ``owed`` is usage minus what Stripe has, ``deadline_at`` until when the usage can still be billed.
    """

    exception_id: int
    kind: str
    tenant_id: str | None
    hour: datetime | None
    subject: str
    detail: str
    owed: int | None
    opened_at: datetime
    deadline_at: datetime | None


def list_exceptions(
    connection: psycopg.Connection, kind: str | None, tenant_id: str | None, hours: HourRange | None
) -> list[OpenException]:
    """Those of the kind, tenant and hours that are given, the nearest deadline first; some have neither of them."""
    span = span_of(hours) if hours else {"first": None, "last": None}
    with connection.cursor(row_factory=class_row(OpenException)) as cursor:
        return cursor.execute(statement("listed_exceptions"), {"kind": kind, "tenant_id": tenant_id, **span}).fetchall()
