"""Usage: what a tenant used in an hour, counted from stored readings and from nothing else (law L2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

#: One row per (hour, sensor) with stored readings: what both measures are counted from.
SENSOR_HOURS_SCHEMA = {"hour": pl.Datetime("us", "UTC"), "sensor_key": pl.Int32(), "readings": pl.Int64()}

#: One row per (hour, tenant) with usage.
USAGE_SCHEMA = {
    "hour": pl.Datetime("us", "UTC"),
    "tenant_id": pl.String(),
    "inserted_count": pl.Int64(),
    "active_sensors": pl.Int64(),
}

#: The two usage tables, and the quantity that each has beside ``tenant_id`` and ``hour``.
USAGE_QUANTITY = {"inserted_counts": "inserted_count", "active_sensors": "active_sensors"}


def sensor_hours(stored: pl.LazyFrame, hour_of_file: pl.LazyFrame) -> pl.LazyFrame:
    """Folds stored readings (``file_id``, ``sensor_key``) to one row per hour and sensor, with their number.

    Takes one batch of stored readings at a time, so that memory follows hours and sensors and not the readings.
    ``hour_of_file``: ``file_id``, ``hour``; readings of other files are left out.
    """
    return (
        stored.join(hour_of_file, on="file_id", how="inner", validate="m:1")
        .group_by("hour", "sensor_key")
        .agg(readings=pl.len().cast(pl.Int64))
        .select(*SENSOR_HOURS_SCHEMA)
    )


def sensor_hours_of_counts(counts: pl.LazyFrame, hour_of_file: pl.LazyFrame) -> pl.LazyFrame:
    """The same of readings that were dropped and of which ``file_id``, ``sensor_key``, ``readings`` are known."""
    return (
        counts.join(hour_of_file, on="file_id", how="inner", validate="m:1")
        .group_by("hour", "sensor_key")
        .agg(pl.col("readings").sum())
        .select(*SENSOR_HOURS_SCHEMA)
    )


def sensors_of_hour(stored: pl.LazyFrame, hour: datetime) -> pl.LazyFrame:
    """The same of stored readings (``sensor_key``) that are all of one hour: half as much to read and to group by."""
    return (
        stored.group_by("sensor_key")
        .agg(readings=pl.len().cast(pl.Int64))
        .select(pl.lit(hour).cast(SENSOR_HOURS_SCHEMA["hour"]).alias("hour"), "sensor_key", "readings")
    )


def merged(folded: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Folded batches as one: again one row per hour and sensor."""
    together = pl.concat([pl.DataFrame(schema=SENSOR_HOURS_SCHEMA), *folded])
    return together.group_by("hour", "sensor_key").agg(pl.col("readings").sum())


def usage_of_tenants(per_sensor: pl.LazyFrame, tenant_of_sensor: pl.LazyFrame) -> pl.LazyFrame:
    """One row per (hour, tenant) with both quantities.

    ``inserted_count`` is the readings stored for the first time, ``active_sensors`` the distinct sensors that they
    are from. ``per_sensor`` has one row per hour and sensor; ``tenant_of_sensor``: ``sensor_key``, ``tenant_id``.
    """
    return (
        per_sensor.join(tenant_of_sensor, on="sensor_key", how="inner", validate="m:1")
        .group_by("hour", "tenant_id")
        .agg(inserted_count=pl.col("readings").sum(), active_sensors=pl.len().cast(pl.Int64))
        .select(*USAGE_SCHEMA)
        .sort("hour", "tenant_id")
    )
