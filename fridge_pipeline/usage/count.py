"""Count: from stored readings to usage per tenant and hour (laws L1 and L2).

Both usage tables are counted from one read. Which files an hour was counted from is put on record with its usage:
when there are others by then, loaded or withdrawn meanwhile, the sweep counts the hour again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Self

import polars as pl

from fridge_pipeline.calendar.hour_range import HourRange, split_at
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.failpoints import Effect, Witness, unwatched
from fridge_pipeline.database.retained_months import readings_kept
from fridge_pipeline.database.retention import first_open_hour
from fridge_pipeline.usage.rules import quantities as usage
from fridge_pipeline.usage.rules.file_runs import bridged, runs_of
from fridge_pipeline.usage.rules.quantities import USAGE_QUANTITY
from fridge_pipeline.usage.stored_usage import (
    TENANTS_SCHEMA,
    dropped_counts_of_files,
    files_of_hours,
    prepare_reading,
    sensors_of_files,
    stored_readings_of_files,
    tenants_of_sensors,
    usage_of_hours,
    write_usage,
)

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi as adbc_dbapi

#: Hours are read together up to so many readings, and written in one transaction: it bounds what is in memory.
READINGS_PER_PORTION = 2_000_000

#: In so many runs of file ids at most an hour is read alone; one that was loaded beside others has more.
RUNS_READ_ALONE = 8

#: So many folded rows wait to be merged; fewer would merge small batches into a large state again and again.
ROWS_TO_MERGE = 2_000_000


def count_usage(
    database: Database,
    hours: HourRange,
    now: datetime,
    tables: Sequence[str] = tuple(USAGE_QUANTITY),
    witness: Witness = unwatched,
) -> dict[str, pl.DataFrame]:
    """Brings usage tables up to date for a range of hours, from one read of the stored readings.

    Returns the rows of each table (hour, tenant_id, quantity). Long ranges are written portion by portion: what was
    written stays, whatever becomes of the rest. Hours that are sealed because their readings were dropped keep the
    usage they have.
    """
    counted = [pl.DataFrame(schema=usage.USAGE_SCHEMA)]
    with database.connect() as books, UsageReader(database) as reader, readings_kept(books) as kept_from:
        sealed, unsealed = split_at(hours, first_open_hour(kept_from)) if kept_from else (None, hours)
        if sealed is not None:
            counted.append(usage_of_hours(books, sealed))
        if unsealed is None:
            return _tables(counted, tables)
        files = files_of_hours(books, unsealed)
        for portion, their_files in portions(unsealed, files):
            counted.append(reader.usage_of(their_files))
            write_usage(books, tables, counted[-1], their_files, portion, now)
            witness(Effect.USAGE_WRITTEN)
    return _tables(counted, tables)


def _tables(counted: Sequence[pl.DataFrame], tables: Sequence[str]) -> dict[str, pl.DataFrame]:
    rows = pl.concat(counted)
    return {
        table: rows.select("hour", "tenant_id", USAGE_QUANTITY[table]).drop_nulls(USAGE_QUANTITY[table])
        for table in tables
    }


def portions(hours: HourRange, files: pl.DataFrame) -> Iterator[tuple[HourRange, pl.DataFrame]]:
    """The range cut into portions that together are the range, each with its files, by the readings they hold."""
    readings = dict(files.group_by("hour").agg(pl.col("inserted_count").sum()).iter_rows())
    first, held = hours.first, 0
    for hour in hours.hours():
        more = readings.get(hour.start, 0)
        if held and more and held + more > READINGS_PER_PORTION:
            yield _portion(HourRange(first, hour.plus(-1)), files)
            first, held = hour, 0
        held += more
    yield _portion(HourRange(first, hours.last), files)


def _portion(hours: HourRange, files: pl.DataFrame) -> tuple[HourRange, pl.DataFrame]:
    return hours, files.filter(pl.col("hour").is_between(hours.first.start, hours.last.start))


class UsageReader:
    """Reads usage of files from the stored readings; keeps which tenant a sensor is of, for the next portion.

    Connects when there is something to read: hours without readings cost no connection.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stack = ExitStack()
        self._tenants = pl.DataFrame(schema=TENANTS_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    @cached_property
    def _connection(self) -> adbc_dbapi.Connection:
        connection = self._stack.enter_context(self._database.connect_bulk(autocommit=True))
        prepare_reading(connection)
        return connection

    def usage_of(self, files: pl.DataFrame) -> pl.DataFrame:
        """Both quantities per hour and tenant of these files (``file_id``, ``hour``), read once.

        What is loaded meanwhile is not among them.
        """
        if files.is_empty():
            return pl.DataFrame(schema=usage.USAGE_SCHEMA)
        per_sensor = self._fold(files)
        tenants = self._tenants_of(per_sensor["sensor_key"].unique())
        return usage.usage_of_tenants(per_sensor.lazy(), tenants.lazy()).collect()

    def _fold(self, files: pl.DataFrame) -> pl.DataFrame:
        waiting: list[pl.DataFrame] = []
        for folded in self._folded(files):
            waiting.append(folded)
            if sum(each.height for each in waiting[1:]) > ROWS_TO_MERGE:
                waiting = [usage.merged(waiting)]
        return usage.merged(waiting)

    def _folded(self, files: pl.DataFrame) -> Iterator[pl.DataFrame]:
        runs = runs_of(files["file_id"])
        hour_of_file = files.select("file_id", "hour").lazy()
        for batch in dropped_counts_of_files(self._connection, bridged(runs)):
            yield usage.sensor_hours_of_counts(batch.lazy(), hour_of_file).collect()
        if files["hour"].n_unique() == 1 and len(runs) <= RUNS_READ_ALONE:
            for batch in sensors_of_files(self._connection, runs):
                yield usage.sensors_of_hour(batch.lazy(), files["hour"][0]).collect()
            return
        for batch in stored_readings_of_files(self._connection, bridged(runs)):
            yield usage.sensor_hours(batch.lazy(), hour_of_file).collect()

    def _tenants_of(self, sensor_keys: pl.Series) -> pl.DataFrame:
        missing = sensor_keys.filter(~sensor_keys.is_in(self._tenants["sensor_key"].implode()))
        found = tenants_of_sensors(self._connection, missing)
        self._tenants = pl.concat([self._tenants, found])
        return self._tenants
