"""Drop: months of readings that are older than what is to be kept, without changing any usage (laws L1 and L2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.retention import (
    MonthOfReadings,
    alone_with_readings,
    drop_month,
    first_month_to_keep,
    first_open_hour,
    hours_to_count_first,
    keep_counts,
    months_before,
)


class UncountedHoursError(RuntimeError):
    """Readings were about to be dropped that no usage was counted from yet."""


def old_months(database: Database, keep_months: int, now: datetime) -> list[MonthOfReadings]:
    """The months of readings that would be dropped, the oldest first; changes nothing."""
    with database.connect() as connection:
        return months_before(connection, first_month_to_keep(now, keep_months))


def drop_old_readings(
    database: Database, keep_months: int, dropped_by: str, clock: Callable[[], datetime]
) -> list[MonthOfReadings]:
    """Drops every month of readings before the current one and ``keep_months`` others; returns those it dropped.

    Costs seconds a month: a whole partition goes. What stays are the usage, the landing files, and of readings that
    arrived in hours which can still change their number per file and sensor. Raises ``UncountedHoursError`` and
    ``ReadingsInUseError``; months that were dropped before that stay dropped.
    """
    dropped = []
    with database.connect() as connection:
        for old in months_before(connection, first_month_to_keep(clock(), keep_months)):
            month_end = Month.containing(old.month).end
            first_open = first_open_hour(month_end)
            with alone_with_readings(connection):
                if uncounted := hours_to_count_first(connection, first_open):
                    raise UncountedHoursError(
                        f"readings of {old.month:%Y-%m} stay: {len(uncounted)} hours up to {uncounted[-1]} are not "
                        f"counted from the files that there are. Count them first: "
                        f"fridge bill --from {uncounted[0]} --to {uncounted[-1]}"
                    )
                keep_counts(connection, old.month, month_end, first_open)
                drop_month(connection, old.month, dropped_by, clock())
            dropped.append(old)
    return dropped
