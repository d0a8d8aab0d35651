"""For how long readings are kept, which months there are, and how one is dropped.

Readings are dropped by whole months of ``recorded_at``. What is older than the kept ones is never stored again: a
landing file that brings it is told so, row by row, and nothing counts twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.queries import statement, value_of

#: Readings are kept for at least so many whole months besides the current one, so that no hour that Stripe still
#: accepts (35 days) is ever sealed.
KEEP_MONTHS_MIN = 2


def first_month_to_keep(now: datetime, keep_months: int) -> datetime:
    """Start of the oldest month to keep: the current month, and so many before it."""
    return Month.containing(now).plus(-keep_months).start


def first_open_hour(kept_from: datetime) -> Hour:
    """The first landing hour that can still get readings that are kept, when those before ``kept_from`` are not.

    Earlier ones are sealed: their last reading may be five minutes after their end, which is before ``kept_from``. So
    whatever lands in them is rejected, and their usage can no longer change.
    """
    return Hour(kept_from).plus(-1)


class ReadingsInUseError(RuntimeError):
    """Loads, counts or readers of readings did not end in time for a month to be dropped."""


@dataclass(frozen=True, slots=True)
class MonthOfReadings:
    """The stored readings of one month, and the bytes that they and their index take."""

    month: datetime
    size_bytes: int


def kept_from(connection: psycopg.Connection) -> datetime | None:
    """The first moment of which readings are kept; ``None`` while nothing was dropped."""
    moment: datetime | None = value_of(connection, "readings_kept_from")
    return moment


@contextmanager
def readings_kept(connection: psycopg.Connection) -> Iterator[datetime | None]:
    """Keeps readings from being dropped while they are counted; yields the first moment of which they are kept."""
    connection.execute(statement("keep_readings"))
    try:
        yield kept_from(connection)
    finally:
        if not connection.closed:
            connection.execute(statement("release_readings"))


@contextmanager
def alone_with_readings(connection: psycopg.Connection) -> Iterator[None]:
    """A transaction in which nobody loads or counts. Raises ``ReadingsInUseError`` after ten minutes."""
    try:
        with connection.transaction():
            connection.execute(statement("limit_waiting"))
            connection.execute(statement("lock_retention"))
            yield
    except psycopg.errors.LockNotAvailable as error:
        raise ReadingsInUseError(
            "loads or counts have been under way for over ten minutes and go on; nothing of this month was dropped. "
            "Try again when they have ended."
        ) from error


def months_before(connection: psycopg.Connection, before: datetime) -> list[MonthOfReadings]:
    """The months with readings that ended by then, the oldest first."""
    rows = connection.execute(statement("months_of_readings"), {"before": before}).fetchall()
    return [MonthOfReadings(*row) for row in rows]


def hours_to_count_first(connection: psycopg.Connection, before: Hour) -> list[Hour]:
    """Hours before this one that were not counted from the files that there are now."""
    rows = connection.execute(statement("hours_to_count_first"), {"hour": before.start}).fetchall()
    return [Hour(row[0]) for row in rows]


def keep_counts(connection: psycopg.Connection, month: datetime, month_end: datetime, first_open: Hour) -> None:
    """Keeps, per file and sensor, how many readings of the month arrived in hours that can still change.

    And what they come to in the declared measures.
    """
    for name in ("keep_counts_of_month", "keep_measures_of_month"):
        connection.execute(statement(name), {"month": month, "month_end": month_end, "hour": first_open.start})


def drop_month(connection: psycopg.Connection, month: datetime, dropped_by: str, now: datetime) -> None:
    """Drops the month's readings and puts that on record."""
    connection.execute(statement("drop_month"), {"month": month, "dropped_by": dropped_by, "now": now})
