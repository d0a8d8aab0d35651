"""Usage: read from stored readings, written to the usage tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

import polars as pl
import psycopg
from adbc_driver_manager import dbapi as adbc_dbapi

from fridge_pipeline.adapters.postgres.parameters import span_of
from fridge_pipeline.adapters.postgres.statements import statement
from fridge_pipeline.domain.hour_range import HourRange

#: What is streamed of a stored reading.
STORED_SCHEMA = {"file_id": pl.Int32(), "sensor_key": pl.Int32()}

#: The two usage tables; each has one quantity column of its own name beside ``tenant_id`` and ``hour``.
USAGE_QUANTITY = {"inserted_counts": "inserted_count", "active_sensors": "active_sensors"}


def files_of_hours(connection: adbc_dbapi.Connection, hours: HourRange) -> pl.DataFrame:
    """``file_id``, ``hour``, ``first_recorded_at``, ``last_recorded_at`` of files that stored readings."""
    with connection.cursor() as cursor:
        cursor.execute(statement("files_of_hours"), (hours.first.start, hours.last.start))
        return pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_table()))


def fold_stored_readings(
    connection: adbc_dbapi.Connection, files: pl.DataFrame, fold: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> pl.DataFrame:
    """Streams the stored readings (``file_id``, ``sensor_key``) of some files through ``fold``, batch by batch.

    Returns the folded batches below one another; memory follows what ``fold`` keeps, not the readings.
    """
    file_ids = ",".join(str(file_id) for file_id in files["file_id"])
    bounds = (files["first_recorded_at"].min(), files["last_recorded_at"].max())
    with connection.cursor() as cursor:
        cursor.execute(statement("stored_readings_of_files"), (file_ids, *bounds))
        folded = [fold(pl.DataFrame(pl.from_arrow(batch)).lazy()).collect() for batch in cursor.fetch_record_batch()]
    return pl.concat([fold(pl.LazyFrame(schema=STORED_SCHEMA)).collect(), *folded])


def tenants_of_sensors(connection: adbc_dbapi.Connection, sensor_keys: pl.Series) -> pl.DataFrame:
    """``sensor_key``, ``tenant_id`` of the given sensors."""
    with connection.cursor() as cursor:
        cursor.execute(statement("tenants_of_sensors"), (",".join(str(key) for key in sensor_keys),))
        return pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_table()))


def write_usage(
    connection: psycopg.Connection,
    table: str,
    usage: pl.DataFrame,
    files: pl.DataFrame,
    hours: HourRange,
    now: datetime,
) -> None:
    """Makes a usage table hold exactly these tenant-hours for a range of hours, in one transaction.

    ``usage``: ``tenant_id``, ``hour`` and the table's quantity; ``files``: ``file_id`` and ``hour`` of the files
    that it was counted from, which is put on record.
    """
    span = span_of(hours)
    columns = ("tenant_id", "hour", USAGE_QUANTITY[table])
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(statement(f"stage_{table}"))
        with cursor.copy(statement(f"copy_{table}")) as copy:
            for row in usage.select(columns).iter_rows():
                copy.write_row(row)
        cursor.execute(statement(f"remove_{table}"), span)
        cursor.execute(statement(f"write_{table}"), {"now": now})
        cursor.execute(statement("forget_counted_hours"), {**span, "usage_table": table})
        cursor.executemany(
            statement("record_counted_hour"),
            [
                {"hour": hour, "usage_table": table, "files_hash": _files_hash(file_ids), "now": now}
                for hour, file_ids in files.group_by("hour").agg("file_id").iter_rows()
            ],
        )


def _files_hash(file_ids: Sequence[int]) -> str:
    """As ``undelivered_hours.sql`` makes it of the files that there are."""
    return hashlib.md5(",".join(map(str, sorted(file_ids))).encode(), usedforsecurity=False).hexdigest()
