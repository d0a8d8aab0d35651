"""Count: from stored readings to usage per tenant and hour (laws L1 and L2).

All measures are counted from one read. Which files an hour was counted from is put on record with its usage:
when there are others by then, loaded or withdrawn meanwhile, the sweep counts the hour again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Self

import polars as pl
import psycopg
from psycopg import sql

from fridge_pipeline.calendar.hours import HourRange, split_at
from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.catalogue.measure_record import measures_in_force
from fridge_pipeline.database.connection import Database, streamed
from fridge_pipeline.database.queries import span_of, statement
from fridge_pipeline.database.retention import first_open_hour, readings_kept
from fridge_pipeline.database.run import AtFailpoint, Failpoint, pass_by
from fridge_pipeline.usage.rules.comparing import STATED_SCHEMA
from fridge_pipeline.usage.rules.counting import (
    USAGE_SCHEMA,
    FileRun,
    bridged,
    columns_read,
    merged,
    names_sensors,
    runs_of,
    sensor_hours,
    sensor_hours_of_counts,
    sensors_of_hour,
    usage_of_tenants,
    with_numbers,
)

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi as adbc_dbapi


FILES_SCHEMA = {"file_id": pl.Int32(), "hour": pl.Datetime("us", "UTC"), "inserted_count": pl.Int64()}

TENANTS_SCHEMA = {"sensor_key": pl.Int32(), "tenant_id": pl.String(), "sensor_id": pl.String()}


def files_of_hours(connection: psycopg.Connection, hours: HourRange) -> pl.DataFrame:
    """``file_id``, ``hour``, ``inserted_count`` of files that stored readings."""
    rows = connection.execute(statement("files_of_hours"), span_of(hours)).fetchall()
    return pl.DataFrame(rows, schema=FILES_SCHEMA, orient="row")


def prepare_reading(connection: adbc_dbapi.Connection) -> None:
    """Once per connection, before stored readings are read: makes looking for files cost what they hold."""
    with connection.cursor() as cursor:
        for name in ("summarize_block_ranges", "prefer_block_ranges"):
            cursor.execute(statement(name))
            cursor.fetchall()


def stored_readings_of_files(
    connection: adbc_dbapi.Connection, runs: Sequence[FileRun], columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """These columns of every stored reading of the files in these runs, in batches as they arrive."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    for run in runs:
        yield from streamed(connection, "stored_readings_of_files", first=run.first, last=run.last, columns=names)


def dropped_counts_of_files(connection: adbc_dbapi.Connection, runs: Sequence[FileRun]) -> Iterator[pl.DataFrame]:
    """``file_id``, ``sensor_key``, ``measure``, ``quantity`` of what these files stored and is dropped."""
    for run in runs:
        yield from streamed(connection, "dropped_counts_of_files", first=run.first, last=run.last)


def usage_of_hours(connection: psycopg.Connection, hours: HourRange) -> pl.DataFrame:
    """The usage that a range of hours has: ``USAGE_SCHEMA``."""
    rows = connection.execute(statement("usage_of_hours"), span_of(hours)).fetchall()
    return pl.DataFrame(rows, schema=USAGE_SCHEMA, orient="row")


def stated_of_hours(connection: psycopg.Connection, hours: HourRange) -> pl.DataFrame:
    """What the accepted statements of a range of hours come to, per hour, tenant and meter: ``STATED_SCHEMA``."""
    rows = connection.execute(statement("stated_of_hours"), span_of(hours)).fetchall()
    return pl.DataFrame(rows, schema=STATED_SCHEMA, orient="row")


def tenants_of_sensors(connection: adbc_dbapi.Connection, sensor_keys: pl.Series) -> pl.DataFrame:
    """``sensor_key``, ``tenant_id``, ``sensor_id`` of the given sensors."""
    if sensor_keys.is_empty():
        return pl.DataFrame(schema=TENANTS_SCHEMA)
    keys = sensor_keys.sort().to_list()
    return pl.concat(
        [pl.DataFrame(schema=TENANTS_SCHEMA), *streamed(connection, "tenants_of_sensors", sensor_keys=keys)]
    )


def write_usage(
    connection: psycopg.Connection,
    measures: Sequence[Measure],
    usage: pl.DataFrame,
    files: pl.DataFrame,
    hours: HourRange,
    now: datetime,
) -> None:
    """Makes this all the usage of these measures for a range of hours, in one transaction.

    ``usage``: ``USAGE_SCHEMA``, also of other measures; ``files``: ``file_id`` and ``hour`` of the files that it was
    counted from, which is put on record.
    """
    names = [measure.name for measure in measures]
    span = {**span_of(hours), "measures": names, "usage_tables": [measure.usage_table for measure in measures]}
    per_hour = files.group_by("hour").agg("file_id")
    counted = {
        "hours": per_hour["hour"].to_list(),
        "files_hashes": [_files_hash(file_ids) for file_ids in per_hour["file_id"].to_list()],
    }
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(statement("lock_usage"))
        cursor.execute(statement("stage_usage"))
        with cursor.copy(statement("copy_usage")) as copy:
            copy.write(_csv_of(usage.filter(pl.col("measure").is_in(names))))
        cursor.execute(statement("remove_usage"), span)
        cursor.execute(statement("write_usage"), {"now": now})
        cursor.execute(statement("forget_counted_hours"), span)
        cursor.execute(statement("record_counted_hours"), {**span, **counted, "now": now})


def _csv_of(usage: pl.DataFrame) -> str:
    """Text in quotes, so that no tenant's name can be taken for something else."""
    return usage.select(*USAGE_SCHEMA).write_csv(
        include_header=False, quote_style="non_numeric", datetime_format="%Y-%m-%dT%H:%M:%S%z"
    )


def _files_hash(file_ids: Sequence[int]) -> str:
    """As the statement ``undelivered_hours`` makes it of the files that there are."""
    return hashlib.md5(",".join(map(str, sorted(file_ids))).encode(), usedforsecurity=False).hexdigest()


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
    measures: Sequence[Measure] | None = None,
    at_failpoint: AtFailpoint = pass_by,
) -> pl.DataFrame:
    """Brings usage up to date for a range of hours, from one read of the stored readings.

    ``measures``: all that are in force, if not given. Returns it: ``USAGE_SCHEMA``, also of those that cost no further
    reading. Long ranges are written portion by portion: what was written stays, whatever becomes of the rest. Hours
    that are sealed because their readings were dropped keep the usage they have.
    """
    counted = [pl.DataFrame(schema=USAGE_SCHEMA)]
    with database.connect() as books, ExitStack() as stack:
        if measures is None:
            measures = measures_in_force(books)
        declared = [measure for measure in measures if measure.is_declared]
        reader = stack.enter_context(UsageReader(database, declared))
        kept_from = stack.enter_context(readings_kept(books))
        sealed, unsealed = split_at(hours, first_open_hour(kept_from)) if kept_from else (None, hours)
        if sealed is not None:
            counted.append(usage_of_hours(books, sealed))
        if unsealed is None:
            return pl.concat(counted)
        files = files_of_hours(books, unsealed)
        for portion, their_files in portions(unsealed, files):
            counted.append(reader.usage_of(their_files))
            write_usage(books, measures, counted[-1], their_files, portion, now)
            at_failpoint(Failpoint.USAGE_WRITTEN)
    return pl.concat(counted)


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

    def __init__(self, database: Database, declared: Sequence[Measure] = ()) -> None:
        self._database = database
        self._declared = declared
        self._columns = columns_read(declared)
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

    @cached_property
    def _beside(self) -> adbc_dbapi.Connection:
        """For questions while readings stream over the other one, which takes no second question until they end."""
        return self._stack.enter_context(self._database.connect_bulk(autocommit=True))

    def usage_of(self, files: pl.DataFrame) -> pl.DataFrame:
        """All usage of these files (``file_id``, ``hour``), read once: ``USAGE_SCHEMA``.

        What is loaded meanwhile is not among them.
        """
        if files.is_empty():
            return pl.DataFrame(schema=USAGE_SCHEMA)
        per_sensor = self._fold(files)
        tenants = self._tenants_of(per_sensor["sensor_key"].unique())
        return usage_of_tenants(per_sensor.lazy(), tenants.lazy(), self._declared).collect()

    def _fold(self, files: pl.DataFrame) -> pl.DataFrame:
        waiting: list[pl.DataFrame] = []
        for folded in self._folded(files):
            waiting.append(folded)
            if sum(each.height for each in waiting[1:]) > ROWS_TO_MERGE:
                waiting = [merged(waiting, self._declared)]
        return merged(waiting, self._declared)

    def _folded(self, files: pl.DataFrame) -> Iterator[pl.DataFrame]:
        runs = runs_of(files["file_id"])
        hour_of_file = files.select("file_id", "hour").lazy()
        for batch in dropped_counts_of_files(self._connection, bridged(runs)):
            yield sensor_hours_of_counts(batch.lazy(), hour_of_file, self._declared).collect()
        if files["hour"].n_unique() == 1 and len(runs) <= RUNS_READ_ALONE:
            for batch in stored_readings_of_files(self._connection, runs, ["sensor_key", *self._columns]):
                yield sensors_of_hour(self._named(batch), files["hour"][0], self._declared).collect()
            return
        columns = ["file_id", "sensor_key", *self._columns]
        for batch in stored_readings_of_files(self._connection, bridged(runs), columns):
            yield sensor_hours(self._named(batch), hour_of_file, self._declared).collect()

    def _named(self, stored: pl.DataFrame) -> pl.LazyFrame:
        """With the numbers that are measured, and the ids of the sensors where a condition asks for them."""
        readings = with_numbers(stored.lazy(), self._declared)
        if not names_sensors(self._declared):
            return readings
        sensors = self._tenants_of(stored["sensor_key"].unique()).lazy().select("sensor_key", "sensor_id")
        return readings.join(sensors, on="sensor_key", how="left", validate="m:1")

    def _tenants_of(self, sensor_keys: pl.Series) -> pl.DataFrame:
        missing = sensor_keys.filter(~sensor_keys.is_in(self._tenants["sensor_key"].implode()))
        if missing.is_empty():
            return self._tenants
        found = tenants_of_sensors(self._beside if names_sensors(self._declared) else self._connection, missing)
        self._tenants = pl.concat([self._tenants, found])
        return self._tenants
