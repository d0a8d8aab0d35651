"""Usage: read from stored readings, written to the usage tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl
import psycopg

from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.database.parameters import span_of
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.streaming import streamed
from fridge_pipeline.usage.rules.file_runs import FileRun
from fridge_pipeline.usage.rules.quantities import USAGE_SCHEMA
from fridge_pipeline.usage.rules.recount import STATED_SCHEMA

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi as adbc_dbapi

FILES_SCHEMA = {"file_id": pl.Int32(), "hour": pl.Datetime("us", "UTC"), "inserted_count": pl.Int64()}

TENANTS_SCHEMA = {"sensor_key": pl.Int32(), "tenant_id": pl.String()}

STAGED_COLUMNS = ("tenant_id", "hour", "inserted_count", "active_sensors")


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


def stored_readings_of_files(connection: adbc_dbapi.Connection, runs: Sequence[FileRun]) -> Iterator[pl.DataFrame]:
    """``file_id``, ``sensor_key`` of every stored reading of the files in these runs, in batches as they arrive."""
    return _of_runs(connection, "stored_readings_of_files", runs)


def sensors_of_files(connection: adbc_dbapi.Connection, runs: Sequence[FileRun]) -> Iterator[pl.DataFrame]:
    """``sensor_key`` of every stored reading of the files in these runs, in batches as they arrive."""
    return _of_runs(connection, "sensors_of_files", runs)


def dropped_counts_of_files(connection: adbc_dbapi.Connection, runs: Sequence[FileRun]) -> Iterator[pl.DataFrame]:
    """``file_id``, ``sensor_key``, ``readings`` of what these files stored and is dropped."""
    return _of_runs(connection, "dropped_counts_of_files", runs)


def _of_runs(connection: adbc_dbapi.Connection, name: str, runs: Sequence[FileRun]) -> Iterator[pl.DataFrame]:
    for run in runs:
        yield from streamed(connection, name, first=run.first, last=run.last)


def usage_of_hours(connection: psycopg.Connection, hours: HourRange) -> pl.DataFrame:
    """The usage that a range of hours has: ``USAGE_SCHEMA``, null where one of both was not counted."""
    rows = connection.execute(statement("usage_of_hours"), span_of(hours)).fetchall()
    return pl.DataFrame(rows, schema=USAGE_SCHEMA, orient="row")


def stated_of_hours(connection: psycopg.Connection, hours: HourRange) -> pl.DataFrame:
    """What the accepted statements of a range of hours come to, per hour, tenant and meter: ``STATED_SCHEMA``."""
    rows = connection.execute(statement("stated_of_hours"), span_of(hours)).fetchall()
    return pl.DataFrame(rows, schema=STATED_SCHEMA, orient="row")


def tenants_of_sensors(connection: adbc_dbapi.Connection, sensor_keys: pl.Series) -> pl.DataFrame:
    """``sensor_key``, ``tenant_id`` of the given sensors."""
    if sensor_keys.is_empty():
        return pl.DataFrame(schema=TENANTS_SCHEMA)
    keys = sensor_keys.sort().to_list()
    return pl.concat(
        [pl.DataFrame(schema=TENANTS_SCHEMA), *streamed(connection, "tenants_of_sensors", sensor_keys=keys)]
    )


def write_usage(
    connection: psycopg.Connection,
    tables: Sequence[str],
    usage: pl.DataFrame,
    files: pl.DataFrame,
    hours: HourRange,
    now: datetime,
) -> None:
    """Makes usage tables hold exactly these tenant-hours for a range of hours, in one transaction.

    ``usage``: ``tenant_id``, ``hour`` and both quantities; ``files``: ``file_id`` and ``hour`` of the files that it
    was counted from, which is put on record.
    """
    span = {**span_of(hours), "usage_tables": list(tables)}
    per_hour = files.group_by("hour").agg("file_id")
    counted = {
        "hours": per_hour["hour"].to_list(),
        "files_hashes": [_files_hash(file_ids) for file_ids in per_hour["file_id"].to_list()],
    }
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(statement("lock_usage"))
        cursor.execute(statement("stage_usage"))
        with cursor.copy(statement("copy_usage")) as copy:
            copy.write(_csv_of(usage))
        for table in tables:
            cursor.execute(statement(f"remove_{table}"), span)
            cursor.execute(statement(f"write_{table}"), {"now": now})
        cursor.execute(statement("forget_counted_hours"), span)
        cursor.execute(statement("record_counted_hours"), {**span, **counted, "now": now})


def _csv_of(usage: pl.DataFrame) -> str:
    """Text in quotes, so that no tenant's name can be taken for something else."""
    return usage.select(STAGED_COLUMNS).write_csv(
        include_header=False, quote_style="non_numeric", datetime_format="%Y-%m-%dT%H:%M:%S%z"
    )


def _files_hash(file_ids: Sequence[int]) -> str:
    """As the statement ``undelivered_hours`` makes it of the files that there are."""
    return hashlib.md5(",".join(map(str, sorted(file_ids))).encode(), usedforsecurity=False).hexdigest()
