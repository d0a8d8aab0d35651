"""The heavy hours of ``make scale-out``: landing files from a seed, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from fridge_pipeline.calendar.hours import Hour, HourRange

TENANTS = 20
SENSORS_PER_TENANT = 100
SENSORS = TENANTS * SENSORS_PER_TENANT
FILES_PER_HOUR = 8

#: Of so many rows of a file, one was in the file before already.
REPEATED_OF = 20

NO_TEMPERATURE = 999.0


@dataclass(frozen=True, slots=True)
class Landed:
    """What was delivered: rows are new readings, repeated ones and rejected ones."""

    hours: HourRange
    files: int
    readings: int
    repeated: int
    rejected: int

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return self.readings + self.repeated + self.rejected

    @property
    def sensor_hours(self) -> int:
        """Every sensor reports in every hour."""
        return SENSORS * self.hours.count


def tenant_name(number: int) -> str:
    """A tenant's id."""
    return f"tenant-{number:02}"


def land(root: Path, hours: HourRange, readings_per_hour: int, seed: int) -> Landed:
    """Writes each hour's files: every sensor in turn, in the order of time, one row in twenty brought once more.

    A file repeats the end of the file before, that of another hour too, so runs of different hours meet over the same
    readings. ``readings_per_hour`` is a multiple of the sensors and of the files.
    """
    before, repeated = pl.DataFrame(), 0
    for number, hour in enumerate(hours.hours()):
        readings = _readings(hour.start, readings_per_hour, seed + number)
        size = readings_per_hour // FILES_PER_HOUR
        folder = root / hour.folder
        folder.mkdir(parents=True)
        for file in range(FILES_PER_HOUR):
            new = readings[file * size : (file + 1) * size]
            again = before[-(size // REPEATED_OF) :] if before.height else before
            broken = new[:1].with_columns(temperature_c=pl.lit(NO_TEMPERATURE), sensor_id=pl.lit("broken"))
            unfinished = folder / f".gateway-{file}.parquet"
            pl.concat([again, new, broken] if again.height else [new, broken]).write_parquet(unfinished)
            unfinished.rename(folder / f"gateway-{file}.parquet")
            before, repeated = new, repeated + again.height
    files = hours.count * FILES_PER_HOUR
    return Landed(hours, files, hours.count * readings_per_hour, repeated, rejected=files)


def _readings(start: datetime, count: int, seed: int) -> pl.DataFrame:
    """``count`` readings within the hour: round after round of all sensors, each with an identity of its own."""
    number = pl.int_range(count, eager=True).alias("number")
    sensor = (number % SENSORS).alias("sensor")
    step = timedelta(hours=1) / count
    order = pl.select(sensor=pl.int_range(SENSORS).shuffle(seed=seed))["sensor"]
    temperature = pl.select(celsius=(pl.int_range(count).shuffle(seed=seed) % 120) / 10 - 3)["celsius"]
    tenants = [tenant_name(each) for each in range(TENANTS)]
    frame = pl.DataFrame([number, order.gather(sensor)]).with_columns(temperature)
    return frame.select(
        tenant_id=(pl.col("sensor") // SENSORS_PER_TENANT).replace_strict(dict(enumerate(tenants))),
        sensor_id=pl.format("sensor-{}", pl.col("sensor") % SENSORS_PER_TENANT),
        recorded_at=pl.lit(start) + pl.duration(microseconds=pl.col("number") * int(step / timedelta(microseconds=1))),
        temperature_c=pl.col("celsius"),
    )


def closed_hours(now: datetime, count: int) -> HourRange:
    """The last hours before ``now`` that are surely closed."""
    last = Hour.containing(now).plus(-2)
    return HourRange(last.plus(1 - count), last)
