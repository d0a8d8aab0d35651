"""The gateways of ``make chaos``: they go on delivering, and know from their own files what must be billed."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from plan import Delivery

COLUMNS = ("tenant_id", "sensor_id", "recorded_at", "temperature_c")
IDENTITY = ("tenant_id", "sensor_id", "recorded_at")
SENSORS = 7
ISO = "%Y-%m-%dT%H:%M:%SZ"

#: Readings were taken this long before the first hour and arrive late, each file's in seconds of its own.
TAKEN_BEFORE = timedelta(days=30)
SECONDS_PER_FILE = 1_200

#: Every so-manieth row is not a reading.
REJECTED_EVERY = 50
NO_TEMPERATURE = 999.0
WARMEST = 150.0

#: (tenant, meter, hour's key) → quantity.
Usage = dict[tuple[str, str, str], int]


def tenant_name(tenant: int) -> str:
    """A tenant's id."""
    return f"tenant-{tenant}"


class Gateways:
    """Delivers landing files and remembers their order; ``first`` is the first hour of the plan."""

    def __init__(self, landing: Path, first: datetime) -> None:
        self._landing = landing
        self._first = first
        self._paths: dict[int, str] = {}
        self._tenants: dict[int, tuple[int, ...]] = {}
        #: Every file, in the order in which a reading counts: originals before their copies.
        self._delivered: list[str] = []

    @property
    def files(self) -> int:
        """How many files lie in the landing zone."""
        return len(self._delivered)

    def key(self, hour: int) -> str:
        """The partition key of an hour of the plan."""
        return f"{self._first + timedelta(hours=hour):%Y-%m-%d-%H:00}"

    def has_delivered(self, number: int) -> bool:
        """Whether a file is there."""
        return number in self._paths

    def path_of(self, number: int) -> str:
        """Where a file was delivered, as the books know it."""
        return self._paths[number]

    def deliver(self, delivery: Delivery) -> None:
        """Puts a file into its hour, whole or not at all; a copy only once its original is loaded."""
        if delivery.kind == "copy":
            self._put(delivery, "", _read(self._landing / self.path_of(delivery.original)))
        elif delivery.kind == "grown":
            self._grow(delivery)
        else:
            self._tenants[delivery.number] = delivery.tenants
            readings = self._readings(delivery.number, range(delivery.readings))
            if delivery.kind == "pair":  # the second third of the readings is in both
                third = len(readings) // 3
                self._put(delivery, "-twin", readings[third:])
                readings = readings[: 2 * third]
            self._put(delivery, "", readings)

    def expected(self, withdrawn: Iterable[str]) -> tuple[Usage, int]:
        """What the files come to, first delivery wins, without what was withdrawn; and all their distinct readings."""
        readings = pl.concat(
            _read(self._landing / path).with_columns(pl.lit(path).alias("path")) for path in self._delivered
        )
        valid = readings.filter(pl.col("temperature_c") <= WARMEST)
        stored = valid.unique(subset=IDENTITY, keep="first", maintain_order=True)
        used = stored.filter(~pl.col("path").is_in(list(withdrawn))).with_columns(
            pl.concat_str(pl.col("path").str.slice(0, 10), pl.col("path").str.slice(11, 2), separator="-").alias("hour")
        )
        totals = used.group_by("tenant_id", "hour").agg(
            pl.len().alias("temperature_readings"), pl.col("sensor_id").n_unique().alias("active_sensors")
        )
        usage = {
            (row["tenant_id"], meter, f"{row['hour']}:00"): int(row[meter])
            for row in totals.iter_rows(named=True)
            for meter in ("temperature_readings", "active_sensors")
        }
        return usage, len(stored)

    def _grow(self, delivery: Delivery) -> None:
        path = self._landing / self.path_of(delivery.number)
        before = _read(path)
        numbers = range(len(before), min(len(before) + delivery.readings, SECONDS_PER_FILE))
        _write(pl.concat([before, self._readings(delivery.number, numbers)]), path)

    def _readings(self, number: int, rows: range) -> pl.DataFrame:
        taken, tenants = (
            self._first - TAKEN_BEFORE + timedelta(seconds=number * SECONDS_PER_FILE),
            self._tenants[number],
        )
        made = [
            (
                tenant_name(tenants[row % len(tenants)]),
                f"sensor-{(number + row // len(tenants)) % SENSORS}",
                f"{taken + timedelta(seconds=row):{ISO}}",
                NO_TEMPERATURE if row % REJECTED_EVERY == REJECTED_EVERY - 1 else row % 9 - 2.5,
            )
            for row in rows
        ]
        return pl.DataFrame(made, schema=COLUMNS, orient="row", schema_overrides={"temperature_c": pl.Float64})

    def _put(self, delivery: Delivery, ending: str, readings: pl.DataFrame) -> None:
        hour = self._first + timedelta(hours=delivery.hour)
        name = f"{delivery.kind}-{delivery.number:05}{ending}.{delivery.form}"
        path = self._landing / f"{hour:%Y-%m-%d}" / f"{hour:%H}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(readings, path)
        self._paths[delivery.number] = str(path.relative_to(self._landing))
        self._delivered.append(self._paths[delivery.number])


def _write(readings: pl.DataFrame, path: Path) -> None:
    unfinished = path.with_name(f".{path.name}")
    if path.suffix == ".gz":
        unfinished.write_bytes(gzip.compress(readings.write_csv().encode()))
    elif path.suffix == ".csv":
        readings.write_csv(unfinished)
    elif path.suffix == ".ndjson":
        readings.write_ndjson(unfinished)
    else:
        readings.with_columns(pl.col("recorded_at").str.to_datetime(ISO, time_zone="UTC")).write_parquet(unfinished)
    unfinished.rename(path)


def _read(path: Path) -> pl.DataFrame:
    if path.suffix == ".parquet":
        return pl.read_parquet(path).with_columns(pl.col("recorded_at").dt.strftime(ISO))
    if path.suffix == ".ndjson":
        return pl.read_ndjson(path)
    return pl.read_csv(path, schema_overrides={"temperature_c": pl.Float64})
