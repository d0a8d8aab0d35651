"""Ours: the count step, from stored readings to usage."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import polars as pl

from benchmarks.measuring.stopwatch import Stopwatch
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure_record import keep_measures
from fridge_pipeline.catalogue.measures_file import read_measures
from fridge_pipeline.database.connection import Database
from fridge_pipeline.usage.count import count_usage


def declare(stopwatch: Stopwatch, *, dsn: str, measures: str) -> int:
    """Puts declared measures on record, which are counted from then on."""
    with stopwatch.running(), Database(dsn).connect() as books:
        declared = read_measures(tomllib.loads(measures))
        keep_measures(books, declared, datetime.now(UTC))
    return len(declared)


def count_hour(stopwatch: Stopwatch, *, dsn: str, hour: str, inserted: int) -> int:
    """The usage of one hour, which must come to so many readings."""
    only = Hour.from_key(hour)
    hours, database, now = HourRange(only, only), Database(dsn), datetime.now(UTC)
    with stopwatch.running():
        rows = count_usage(database, hours, now)
    counted = rows.filter(pl.col("measure") == "inserted_count")["quantity"].sum()
    assert counted == inserted, f"{counted} readings instead of {inserted}"
    return inserted
