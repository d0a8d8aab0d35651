"""Control: what stands between a count and a bill. When the books do not agree, nothing is stated from them."""

from __future__ import annotations

from fridge_pipeline.adapters.postgres.control import (
    TalliesBesideFile,
    UsageBesideFiles,
    tallies_beside_files,
    usage_beside_files,
)
from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.retention import readings_kept
from fridge_pipeline.domain.hour_range import HourRange, split_at
from fridge_pipeline.domain.retention import first_open_hour


def rows_not_accounted_for(database: Database, hours: HourRange) -> list[TalliesBesideFile]:
    """Landing files of some hours of which rows vanished or came up (law L3)."""
    with database.connect() as connection:
        return tallies_beside_files(connection, hours)


def usage_not_from_files(database: Database, hours: HourRange) -> list[UsageBesideFiles]:
    """Tenant-hours whose usage is not what their files brought (laws L1 and L2).

    The load noted what each file brought, the count read the stored readings: two ways to the same number. Hours whose
    readings were dropped are sealed, and not judged.
    """
    with database.connect() as connection, readings_kept(connection) as kept_from:
        unsealed = split_at(hours, first_open_hour(kept_from))[1] if kept_from else hours
        return usage_beside_files(connection, unsealed) if unsealed is not None else []
