"""Count: from stored readings to usage per tenant and hour (laws L1 and L2).

Which files an hour was counted from is put on record with its usage: when there are others by then, loaded or
withdrawn meanwhile, the sweep counts the hour again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import polars as pl

from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.stored_usage import (
    files_of_hours,
    fold_stored_readings,
    tenants_of_sensors,
    write_usage,
)
from fridge_pipeline.domain import usage
from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.steps.effect import Effect, Witness, unwatched


def count_inserted(database: Database, hours: HourRange, now: datetime, witness: Witness = unwatched) -> pl.DataFrame:
    """Brings ``inserted_counts`` up to date for a range of hours; returns its rows (hour, tenant_id, quantity)."""
    return _count(database, hours, now, "inserted_counts", usage.inserted_counts, witness)


def count_active_sensors(
    database: Database, hours: HourRange, now: datetime, witness: Witness = unwatched
) -> pl.DataFrame:
    """Brings ``active_sensors`` up to date for a range of hours; returns its rows (hour, tenant_id, quantity)."""
    return _count(database, hours, now, "active_sensors", usage.active_sensors, witness)


def _count(
    database: Database,
    hours: HourRange,
    now: datetime,
    table: str,
    measure: Callable[[pl.LazyFrame], pl.LazyFrame],
    witness: Witness,
) -> pl.DataFrame:
    per_sensor, files = sensor_hours(database, hours)
    counted = measure(per_sensor.lazy()).collect()
    with database.connect() as connection:
        write_usage(connection, table, counted, files, hours, now)
    witness(Effect.USAGE_WRITTEN)
    return counted


def sensor_hours(database: Database, hours: HourRange) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row per (hour, tenant, sensor) with its stored readings, read once from the database.

    And the files (``file_id``, ``hour``) that they are from: what is loaded meanwhile is not among them.
    """
    with database.connect_bulk() as connection:
        files = files_of_hours(connection, hours)
        if files.is_empty():
            return pl.DataFrame(schema=usage.SENSOR_HOURS_SCHEMA), files.select("file_id", "hour")
        folded = fold_stored_readings(connection, files, usage.readings_per_sensor)
        tenants = tenants_of_sensors(connection, folded["sensor_key"].unique())
    hour_of_file = files.select("file_id", "hour")
    return usage.sensor_hours(folded.lazy(), hour_of_file.lazy(), tenants.lazy()).collect(), hour_of_file
