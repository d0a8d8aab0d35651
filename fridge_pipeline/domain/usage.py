"""Usage: what a tenant used in an hour, counted from stored readings and from nothing else (law L2)."""

from __future__ import annotations

import polars as pl

#: One row per (hour, tenant, sensor) with stored readings: what both measures are counted from.
SENSOR_HOURS_SCHEMA = {
    "hour": pl.Datetime("us", "UTC"),
    "tenant_id": pl.String(),
    "sensor_key": pl.Int32(),
    "readings": pl.Int64(),
}


def readings_per_sensor(stored: pl.LazyFrame) -> pl.LazyFrame:
    """Folds stored readings (``file_id``, ``sensor_key``) to one row per file and sensor, with their number.

    Takes one batch of stored readings at a time, so that memory follows the sensors and not the readings.
    """
    return stored.group_by("file_id", "sensor_key").agg(readings=pl.len().cast(pl.Int64))


def sensor_hours(folded: pl.LazyFrame, hour_of_file: pl.LazyFrame, tenant_of_sensor: pl.LazyFrame) -> pl.LazyFrame:
    """One row per (hour, tenant, sensor): the folded batches, named by landing hour and tenant.

    ``hour_of_file``: ``file_id``, ``hour``; ``tenant_of_sensor``: ``sensor_key``, ``tenant_id``.
    """
    return (
        folded.join(hour_of_file, on="file_id", how="inner", validate="m:1")
        .join(tenant_of_sensor, on="sensor_key", how="inner", validate="m:1")
        .group_by("hour", "tenant_id", "sensor_key")
        .agg(readings=pl.col("readings").sum())
        .select(*SENSOR_HOURS_SCHEMA)
    )


def inserted_counts(per_sensor: pl.LazyFrame) -> pl.LazyFrame:
    """One row per (hour, tenant): ``inserted_count``, the readings stored for the first time."""
    return (
        per_sensor.group_by("hour", "tenant_id").agg(inserted_count=pl.col("readings").sum()).sort("hour", "tenant_id")
    )


def active_sensors(per_sensor: pl.LazyFrame) -> pl.LazyFrame:
    """One row per (hour, tenant): ``active_sensors``, the distinct sensors with an inserted reading."""
    return (
        per_sensor.group_by("hour", "tenant_id")
        .agg(active_sensors=pl.col("sensor_key").n_unique().cast(pl.Int64))
        .sort("hour", "tenant_id")
    )
