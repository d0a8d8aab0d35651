"""Other ways to store readings; all get their rows ready-made and in memory, with integer keys and checked."""

from __future__ import annotations

import psycopg
import pyarrow.compute as pc

from benchmarks.deliveries import ready_rows
from benchmarks.measuring.stopwatch import Stopwatch
from benchmarks.statements import statement
from fridge_pipeline.database.connection import Database


def bare_copy(stopwatch: Stopwatch, *, dsn: str, ready: str) -> int:
    """A binary COPY of sorted rows into our own table, and a commit: the limit."""
    rows = ready_rows(ready)
    database = Database(dsn)
    span = pc.min_max(rows["recorded_at"]).as_py()
    with database.connect() as connection:
        connection.execute(statement("make_months"), {"first": span["min"], "last": span["max"]})
    with stopwatch.running(), database.connect_bulk() as bulk, bulk.cursor() as cursor:
        cursor.adbc_ingest("stored_readings", rows, mode="append", db_schema_name="fridge")
        bulk.commit()
    return int(rows.num_rows)


def row_by_row(stopwatch: Stopwatch, *, dsn: str, ready: str) -> int:
    """``executemany`` of ``insert … on conflict do nothing`` (psycopg sends the rows in a pipeline), one commit."""
    rows = [tuple(row.values()) for row in ready_rows(ready).to_pylist()]
    with stopwatch.running(), psycopg.connect(dsn) as connection, psycopg.RawCursor(connection) as cursor:
        cursor.executemany(statement("insert_row"), rows)
    return len(rows)


def staging(stopwatch: Stopwatch, *, dsn: str, ready: str) -> int:
    """A binary COPY into a temporary table, then ``insert … select … order by … on conflict do nothing``."""
    rows = ready_rows(ready)
    with stopwatch.running(), Database(dsn).connect_bulk() as connection, connection.cursor() as cursor:
        cursor.execute(statement("create_staging"))
        cursor.adbc_ingest("staged_readings", rows, mode="append", temporary=True)
        cursor.execute(statement("insert_staged"))
        connection.commit()
    return int(rows.num_rows)
