"""Count: from stored readings to usage per tenant and hour (laws L1 and L2).

``now`` is the time before anything is read: what is loaded or withdrawn after it makes the sweep count again.
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
from fridge_pipeline.adapters.postgres.withdrawals import keep_withdrawals_out
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
    with database.connect() as connection:
        keep_withdrawals_out(connection)
        counted = measure(sensor_hours(database, hours).lazy()).collect()
        write_usage(connection, table, counted, hours, now)
    witness(Effect.USAGE_WRITTEN)
    return counted


def sensor_hours(database: Database, hours: HourRange) -> pl.DataFrame:
    """One row per (hour, tenant, sensor) with its stored readings, read once from the database."""
    with database.connect_bulk() as connection:
        files = files_of_hours(connection, hours)
        if files.is_empty():
            return pl.DataFrame(schema=usage.SENSOR_HOURS_SCHEMA)
        folded = fold_stored_readings(connection, files, usage.readings_per_sensor)
        tenants = tenants_of_sensors(connection, folded["sensor_key"].unique())
    return usage.sensor_hours(folded.lazy(), files.select("file_id", "hour").lazy(), tenants.lazy()).collect()
