"""Error reports in the books: kept once each, joined to the statements that they are about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.database.queries import statement
from fridge_pipeline.stripe.rules.error_report import WINDOW_MARGIN, ErrorReport
from fridge_pipeline.stripe.rules.limits import RESEND_WINDOW
from fridge_pipeline.stripe.rules.meter_event import MeterEvent


def keep_report(connection: psycopg.Connection, report: ErrorReport, now: datetime) -> bool:
    """Puts a report with its samples on record; says whether it is new. Call it in a transaction."""
    row = asdict(report)
    samples = [
        {
            "report_id": report.report_id,
            "identifier": each.meter_event,
            "code": each.code,
            "message": each.message,
        }
        for each in report.samples
    ]
    del row["samples"]
    is_new = connection.execute(statement("keep_report"), {**row, "now": now}).rowcount > 0
    if is_new:
        with connection.cursor() as cursor:
            cursor.executemany(statement("keep_sample"), samples)
    return is_new


def refuse_later(connection: psycopg.Connection, identifier: str, now: datetime) -> MeterEvent | None:
    """Moves a statement that was received to refused and returns it; the total that it had superseded counts again.

    ``None`` when it is not in these books, or no longer in force.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement("refuse_later"), {"identifier": identifier, "now": now}).fetchone()
        cursor.execute(statement("count_again"), {"identifier": identifier})
    return None if row is None else MeterEvent(**{**row, "hour": Hour(row["hour"])})


def touched_days(connection: psycopg.Connection, reports: Iterable[ErrorReport]) -> dict[date, str]:
    """The UTC days of statements that these reports may be about, each with the report collected last."""
    rows = connection.execute(
        statement("touched_days"),
        {
            "report_ids": [report.report_id for report in reports],
            "margin": WINDOW_MARGIN,
            "longest": WINDOW_MARGIN + RESEND_WINDOW,
        },
    ).fetchall()
    return dict(rows)


def last_attempt_at(connection: psycopg.Connection) -> datetime | None:
    """When the attempt that was answered last was sent; ``None`` when nothing ever was."""
    row = connection.execute(statement("last_attempt_at")).fetchone()
    return row[0] if row is not None else None
