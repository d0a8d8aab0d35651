"""Usage: what a tenant used in an hour, counted from stored readings, and counted again (law L1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from fridge_pipeline.catalogue.condition import HOUR, SENSOR_ID
from fridge_pipeline.catalogue.measure import ACTIVE_SENSORS, INSERTED_COUNT, Measure
from fridge_pipeline.catalogue.reading_number import ReadingNumber
from fridge_pipeline.usage.rules.measuring import in_parts, measured, merged_quantity, tenant_quantity

#: Up to so many numbers between two runs are cheaper to read along and leave out than to look once more.
BETWEEN_MAX = 16

#: What makes a measure of the rows of a tenant: one for each sensor with readings stored for the first time, of which
#: ``readings`` says how many. Every declared measure has a column of its own.
QUANTITIES = {INSERTED_COUNT: pl.col("readings").sum(), ACTIVE_SENSORS: pl.len()}


@dataclass(frozen=True, slots=True)
class FileRun:
    """Consecutive file ids from ``first`` to ``last``, both included."""

    first: int
    last: int


def runs_of(file_ids: Iterable[int]) -> list[FileRun]:
    """As few runs as hold all of these ids and no other, in order."""
    return _joined((FileRun(file_id, file_id) for file_id in sorted(set(file_ids))), between_max=0)


def bridged(runs: Iterable[FileRun], between_max: int = BETWEEN_MAX) -> list[FileRun]:
    """Fewer runs that hold these ones, given in order, and files of others in short gaps between them."""
    return _joined(runs, between_max)


def _joined(runs: Iterable[FileRun], between_max: int) -> list[FileRun]:
    joined: list[FileRun] = []
    for run in runs:
        if joined and run.first - joined[-1].last - 1 <= between_max:
            joined[-1] = FileRun(joined[-1].first, run.last)
        else:
            joined.append(run)
    return joined


#: One row per (hour, sensor) with stored readings: what all measures are counted from. A column for each declared
#: measure follows, null where no reading is counted.
SENSOR_HOURS_SCHEMA = {"hour": pl.Datetime("us", "UTC"), "sensor_key": pl.Int32(), "readings": pl.Int64()}

#: One row per (hour, tenant, measure) with usage.
USAGE_SCHEMA = {
    "hour": pl.Datetime("us", "UTC"),
    "tenant_id": pl.String(),
    "measure": pl.String(),
    "quantity": pl.Int64(),
}


def columns_read(declared: Iterable[Measure]) -> list[str]:
    """The columns of stored readings that declared measures are made of, besides file and sensor."""
    declared = tuple(declared)
    needed = frozenset[str]().union(*(measure.columns for measure in declared))
    stored = {HOUR: "recorded_at", **{number.name: "numbers" for number in _numbers_of(declared)}}
    return sorted({stored.get(each, each) for each in needed - {SENSOR_ID}})


def with_numbers(stored: pl.LazyFrame, declared: Iterable[Measure]) -> pl.LazyFrame:
    """Stored readings with the numbers of declared measures, each as a column of its own: in parts, and as it is."""
    found = {number: pl.col("numbers").list.get(number.index, null_on_oob=True) for number in _numbers_of(declared)}
    return stored.with_columns(
        *(parts.alias(in_parts(number.name)) for number, parts in found.items()),
        *((parts.cast(pl.Float64) / number.type.parts).alias(number.name) for number, parts in found.items()),
    )


def _numbers_of(declared: Iterable[Measure]) -> set[ReadingNumber]:
    return {number for measure in declared for number in measure.numbers}


def names_sensors(declared: Iterable[Measure]) -> bool:
    """Whether a condition asks for the id of a sensor, which a stored reading has the key of only."""
    return any(SENSOR_ID in measure.columns for measure in declared)


def folded_schema(declared: Iterable[Measure]) -> dict[str, pl.DataType]:
    """``SENSOR_HOURS_SCHEMA`` with the columns of declared measures."""
    return {**SENSOR_HOURS_SCHEMA, **{measure.name: pl.Int64() for measure in declared}}


def sensor_hours(stored: pl.LazyFrame, hour_of_file: pl.LazyFrame, declared: Sequence[Measure] = ()) -> pl.LazyFrame:
    """Folds stored readings (``file_id``, ``sensor_key``, …) to one row per hour and sensor, with all that is measured.

    Takes one batch of stored readings at a time, so that memory follows hours and sensors and not the readings.
    ``hour_of_file``: ``file_id``, ``hour``; readings of other files are left out.
    """
    return (
        stored.join(hour_of_file, on="file_id", how="inner", validate="m:1")
        .with_columns(map(measured, declared))
        .group_by("hour", "sensor_key")
        .agg(pl.len().cast(pl.Int64).alias("readings"), *map(_quantity, declared))
        .select(*folded_schema(declared))
    )


def sensor_hours_of_counts(
    counts: pl.LazyFrame, hour_of_file: pl.LazyFrame, declared: Sequence[Measure] = ()
) -> pl.LazyFrame:
    """The same of readings that were dropped.

    ``counts``: ``file_id``, ``sensor_key``, ``measure``, ``quantity``, and no measure for the number of readings.
    """
    return (
        counts.join(hour_of_file, on="file_id", how="inner", validate="m:1")
        .group_by("hour", "sensor_key")
        .agg(
            pl.col("quantity").filter(pl.col("measure").is_null()).sum().alias("readings"),
            *(merged_quantity(measure, _dropped(measure)) for measure in declared),
        )
        .select(*folded_schema(declared))
    )


def _dropped(measure: Measure) -> pl.Expr:
    return pl.col("quantity").filter(pl.col("measure") == measure.name)


def sensors_of_hour(stored: pl.LazyFrame, hour: datetime, declared: Sequence[Measure] = ()) -> pl.LazyFrame:
    """The same of stored readings (``sensor_key``, …) that are all of one hour: less to read and to group by."""
    return (
        stored.with_columns(map(measured, declared))
        .group_by("sensor_key")
        .agg(pl.len().cast(pl.Int64).alias("readings"), *map(_quantity, declared))
        .with_columns(pl.lit(hour).cast(SENSOR_HOURS_SCHEMA["hour"]).alias("hour"))
        .select(*folded_schema(declared))
    )


def merged(folded: Sequence[pl.DataFrame], declared: Sequence[Measure] = ()) -> pl.DataFrame:
    """Folded batches as one: again one row per hour and sensor."""
    together = pl.concat([pl.DataFrame(schema=folded_schema(declared)), *folded])
    return together.group_by("hour", "sensor_key").agg(pl.col("readings").sum(), *map(_quantity, declared))


def _quantity(measure: Measure) -> pl.Expr:
    return merged_quantity(measure, pl.col(measure.name))


def usage_of_tenants(
    per_sensor: pl.LazyFrame, tenant_of_sensor: pl.LazyFrame, declared: Sequence[Measure] = ()
) -> pl.LazyFrame:
    """One row per (hour, tenant, measure): ``USAGE_SCHEMA``; of a declared measure from its first hour on.

    ``per_sensor`` has one row per hour and sensor; ``tenant_of_sensor``: ``sensor_key``, ``tenant_id``.
    """
    return (
        per_sensor.join(tenant_of_sensor, on="sensor_key", how="inner", validate="m:1")
        .group_by("hour", "tenant_id")
        .agg(
            *(quantity.cast(pl.Int64).alias(measure.name) for measure, quantity in QUANTITIES.items()),
            *map(tenant_quantity, declared),
        )
        .with_columns(
            pl.when(pl.col("hour") >= measure.counted_from).then(pl.col(measure.name)).alias(measure.name)
            for measure in declared
            if measure.counted_from is not None
        )
        .unpivot(index=["hour", "tenant_id"], variable_name="measure", value_name="quantity")
        .drop_nulls("quantity")
        .sort("hour", "tenant_id", "measure")
    )
