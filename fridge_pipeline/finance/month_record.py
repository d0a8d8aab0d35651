"""A month of the marts as frames, brought up to date before somebody signs, reports or packs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl
import psycopg
from psycopg import sql

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.build_models import run_models
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.models import Materialized, SqlModel, read_models
from fridge_pipeline.database.queries import statement

#: Which rows of a mart are a month's; a mart that is not named here has a column ``hour``.
MONTHS: Mapping[str, str] = {
    "usage_monthly": "month_of_months",
    "usage_daily": "month_of_days",
    "month_status": "month_of_months",
    "exceptions_open": "month_of_exceptions",
    "data_gaps": "month_of_gaps",
}

#: Rows that are held as Python objects at a time.
ROWS_AT_A_TIME = 50_000


def month_rows(connection: psycopg.Connection, mart: str, month: Month) -> pl.DataFrame:
    """What a mart says of a month, with the mart's columns, in the order of its first ones; call it in a transaction.

    Of exceptions also those that are about no hour and were opened in the month; of gaps those that reach into it.
    """
    query = sql.SQL(statement(MONTHS.get(mart, "month_of_hours"))).format(mart=sql.Identifier(mart))
    span = {"start": month.start, "end": month.end, "first_day": month.first_day, "next_day": month.after.first_day}
    with connection.cursor(name="month_rows") as cursor:
        cursor.execute(query, span)
        frames = []
        while rows := cursor.fetchmany(ROWS_AT_A_TIME):
            frames.append(_frame(cursor, rows))
        return pl.concat(frames, how="vertical_relaxed") if frames else _frame(cursor, [])


def _frame(cursor: psycopg.Cursor, rows: list[tuple[object, ...]]) -> pl.DataFrame:
    names = [column.name for column in cursor.description or ()]
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)


#: Hours that are made anew in one transaction: a day, so that a month of any size holds nothing up for long.
HOURS_AT_A_TIME = 24


def refresh_month(
    database: Database, folder: Path, catalogue: Sequence[Meter], month: Month, clock: Callable[[], datetime]
) -> None:
    """Makes the month's increments and all tables anew, so that what was changed behind the program's back shows."""
    models = read_models(folder)
    last = min(month.hours.last, Hour.containing(clock()))
    if month.hours.first <= last:
        derive_hours(database, models, catalogue, HourRange(month.hours.first, last), clock)
    tables = [model.name for model in models if model.materialized is Materialized.TABLE]
    run_models(database, models, tables, None, catalogue, clock())


def derive_hours(
    database: Database,
    models: Sequence[SqlModel],
    catalogue: Sequence[Meter],
    hours: HourRange,
    clock: Callable[[], datetime],
) -> None:
    """Makes the increments of these hours anew, a day at a time."""
    increments = [model.name for model in models if model.materialized is Materialized.INCREMENT]
    first = hours.first
    while first <= hours.last:
        until = min(first.plus(HOURS_AT_A_TIME - 1), hours.last)
        run_models(database, models, increments, HourRange(first, until), catalogue, clock())
        first = until.plus(1)
