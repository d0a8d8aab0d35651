"""Usage: what a tenant used in an hour, counted from stored readings, and counted again (law L1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.catalogue.meter import Meter

#: Up to so many numbers between two runs are cheaper to read along and leave out than to look once more.
BETWEEN_MAX = 16

#: What makes a measure of the rows of a tenant: one for each sensor with readings stored for the first time, of which
#: ``readings`` says how many. Every measure has its own.
QUANTITIES = {Measure.INSERTED_COUNT: pl.col("readings").sum(), Measure.ACTIVE_SENSORS: pl.len()}


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


#: One row per (hour, sensor) with stored readings: what all measures are counted from.
SENSOR_HOURS_SCHEMA = {"hour": pl.Datetime("us", "UTC"), "sensor_key": pl.Int32(), "readings": pl.Int64()}

#: One row per (hour, tenant, measure) with usage.
USAGE_SCHEMA = {
    "hour": pl.Datetime("us", "UTC"),
    "tenant_id": pl.String(),
    "measure": pl.String(),
    "quantity": pl.Int64(),
}


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
    """One row per (hour, tenant, measure): ``USAGE_SCHEMA``.

    ``per_sensor`` has one row per hour and sensor; ``tenant_of_sensor``: ``sensor_key``, ``tenant_id``.
    """
    return (
        per_sensor.join(tenant_of_sensor, on="sensor_key", how="inner", validate="m:1")
        .group_by("hour", "tenant_id")
        .agg(**{measure.value: QUANTITIES[measure].cast(pl.Int64) for measure in Measure})
        .unpivot(index=["hour", "tenant_id"], variable_name="measure", value_name="quantity")
        .sort("hour", "tenant_id", "measure")
    )


#: One row per hour, tenant and meter with accepted statements.
STATED_SCHEMA = {
    "hour": pl.Datetime("us", "UTC"),
    "tenant_id": pl.String(),
    "meter": pl.String(),
    "stated": pl.Int64(),
}

#: So many hours are shown of each tenant and meter that differs.
EXAMPLES_MAX = 3

_KEY = ("hour", "tenant_id", "meter")


@dataclass(frozen=True, slots=True)
class DifferingHour:
    """An hour in which the recomputed quantity is not the one in the books; ``None`` is no quantity at all."""

    hour: Hour
    recomputed: int | None
    found: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """The hours of a tenant and meter in which usage (or what was stated) is not what comes out now."""

    tenant_id: str
    meter: str
    beside: str
    hours: int
    recomputed: int
    found: int
    examples: tuple[DifferingHour, ...]

    @property
    def amount(self) -> int:
        """How much more the books have than comes out now."""
        return self.found - self.recomputed


def side_by_side(
    recomputed: pl.DataFrame, usage: pl.DataFrame, stated: pl.DataFrame, catalogue: Sequence[Meter]
) -> pl.DataFrame:
    """One row per hour, tenant and meter with any of ``recomputed``, ``usage``, ``stated``; null where there is none.

    The first two are frames of ``USAGE_SCHEMA``, the third is one of ``STATED_SCHEMA``.
    """
    ours = _by_meter(recomputed, catalogue, "recomputed")
    rows = ours.join(_by_meter(usage, catalogue, "usage"), on=_KEY, how="full", coalesce=True)
    known = stated.filter(pl.col("meter").is_in([meter.event_name for meter in catalogue]))
    return rows.join(known, on=_KEY, how="full", coalesce=True).sort(_KEY)


def _by_meter(usage: pl.DataFrame, catalogue: Sequence[Meter], name: str) -> pl.DataFrame:
    meters = [(meter.measure.value, meter.event_name) for meter in catalogue]
    named = pl.DataFrame(meters, schema={"measure": pl.String(), "meter": pl.String()}, orient="row")
    return usage.join(named, on="measure").select(*_KEY, pl.col("quantity").alias(name))


def differing(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that differ, long: ``beside`` says which of the two books, ``found`` what it has.

    Usage must be the same in every hour. What was never stated is no difference: it waits, or is an exception.
    """
    usage = rows.filter(~pl.col("recomputed").eq_missing(pl.col("usage")))
    stated = rows.filter(pl.col("stated").is_not_null() & ~pl.col("recomputed").eq_missing(pl.col("stated")))
    return pl.concat(
        [
            usage.select(*_KEY, "recomputed", pl.col("usage").alias("found"), pl.lit("usage").alias("beside")),
            stated.select(*_KEY, "recomputed", pl.col("stated").alias("found"), pl.lit("statements").alias("beside")),
        ]
    )


def differences(rows: pl.DataFrame) -> list[Difference]:
    """The differing rows of all portions, per tenant and meter, each with its first hours."""
    groups = rows.sort("tenant_id", "meter", "beside", "hour").group_by(
        "tenant_id", "meter", "beside", maintain_order=True
    )
    found = []
    for (tenant_id, meter, beside), hours in groups:
        examples = hours.head(EXAMPLES_MAX).select("hour", "recomputed", "found").iter_rows()
        found.append(
            Difference(
                tenant_id=str(tenant_id),
                meter=str(meter),
                beside=str(beside),
                hours=hours.height,
                recomputed=int(hours["recomputed"].sum()),
                found=int(hours["found"].sum()),
                examples=tuple(DifferingHour(Hour(hour), ours, theirs) for hour, ours, theirs in examples),
            )
        )
    return found
