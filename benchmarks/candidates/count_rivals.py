"""What usage costs at least: reading two columns, and grouping them."""

from __future__ import annotations

import polars as pl

from benchmarks.measuring.stopwatch import Stopwatch
from benchmarks.statements import statement
from fridge_pipeline.database.connection import Database


def read(stopwatch: Stopwatch, *, dsn: str) -> int:
    """Both columns of all stored readings into an Arrow table, by ADBC: the quickest way measured."""
    with stopwatch.running():
        table = _read(dsn)
    return int(table.height)


def group(stopwatch: Stopwatch, *, dsn: str) -> int:
    """A bare polars ``group_by`` over both columns, in memory already."""
    table = _read(dsn)
    with stopwatch.running():
        table.group_by("file_id", "sensor_key").len()
    return int(table.height)


def _read(dsn: str) -> pl.DataFrame:
    with Database(dsn).connect_bulk() as connection, connection.cursor() as cursor:
        cursor.execute(statement("read_usage_columns"))
        return pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_table()))
