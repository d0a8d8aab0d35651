"""Control: what stands between a count and a bill: the books beside each other, for the checks in the UI."""

from __future__ import annotations

from fridge_pipeline.billing.control_record import (
    TalliesBesideFile,
    UsageBesideFiles,
    tallies_beside_files,
    usage_beside_files,
)
from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.database.connection import Database


def rows_not_accounted_for(database: Database, hours: HourRange) -> list[TalliesBesideFile]:
    """Landing files of some hours of which rows vanished or came up (law L3)."""
    with database.connect() as connection:
        return tallies_beside_files(connection, hours)


def usage_not_from_files(database: Database, hours: HourRange) -> list[UsageBesideFiles]:
    """Tenant-hours whose usage is not what their files brought (laws L1 and L2).

    The load noted what each file brought, the count read the stored readings: two ways to the same number.
    """
    with database.connect() as connection:
        return usage_beside_files(connection, hours)
