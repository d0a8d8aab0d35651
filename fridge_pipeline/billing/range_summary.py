"""What a range of hours came to, for the summary that ends a run."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.database.parameters import span_of
from fridge_pipeline.database.queries import statement


@dataclass(frozen=True, slots=True)
class RangeSummary:
    """Counts over a range of hours, as the books stand now."""

    hours_billed: int
    hours: int
    files: int
    row_count: int
    inserted_count: int
    duplicate_count: int
    rejected_count: int
    accepted: int
    undelivered: int
    exceptions: int


def summarize(connection: psycopg.Connection, hours: HourRange) -> RangeSummary:
    """The summary of a range of hours."""
    with connection.cursor(row_factory=class_row(RangeSummary)) as cursor:
        summary = cursor.execute(statement("range_summary"), span_of(hours)).fetchone()
    if summary is None:
        raise RuntimeError("PostgreSQL returned no summary row")
    return summary


def hours_with_history(connection: psycopg.Connection, hours: HourRange) -> list[Hour]:
    """Hours of a range for which the books hold a landing file or a statement."""
    return [Hour(row[0]) for row in connection.execute(statement("hours_with_history"), span_of(hours)).fetchall()]
