"""A month of the marts as frames, brought up to date before somebody signs, reports or packs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl
import psycopg
from psycopg import sql
from psycopg.types.numeric import FloatLoader

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.fill_models import fill_hours, fill_tables
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.database.keep_figures import keep_figures
from fridge_pipeline.database.models import read_models
from fridge_pipeline.database.queries import statement
from fridge_pipeline.finance.rules.cut_off import MONTHS_BACK
from fridge_pipeline.finance.signed_month import SignedMonth, signed_select, span_of_month

#: Which rows of a mart are a month's; a mart that is not named here has a column ``hour``.
MONTHS: Mapping[str, str] = {
    "usage_monthly": "month_of_months",
    "usage_daily": "month_of_days",
    "month_status": "month_of_months",
    "month_outcome": "month_of_months",
    "mapping_changes": "month_of_mappings",
    "signed_figures": "month_of_months",
    "exceptions_open": "month_of_exceptions",
    "data_gaps": "month_of_gaps",
    "decisions_in_force": "month_of_decisions",
    "usage_by_service_month": "months_around",
    "stg_month_signoffs": "signoffs_of_all_months",
    "stg_landing_files": "month_of_files",
}

#: The marts that take longest, held where a month's other marts are made of them too.
HELD = ("tie_out", "usage_hourly")

#: Rows that are held as Python objects at a time.
ROWS_AT_A_TIME = 50_000


def month_rows(
    connection: psycopg.Connection,
    mart: str,
    month: Month,
    signed: SignedMonth | None = None,
    held: HeldViews | None = None,
) -> pl.DataFrame:
    """What a mart says of a month, with the mart's columns, in the order of its first ones; call it in a transaction.

    Of a closed month the figures are those that were signed. Of exceptions also those that are about no hour and were
    opened in the month; of gaps those that reach into it; of usage by service month also what is billed in months
    before and after; of signatures all.
    """
    today = sql.SQL(statement(MONTHS.get(mart, "month_of_hours"))).format(mart=sql.Identifier(mart))
    select = signed_select(mart, signed)
    span = span_of_month(month, signed) | {"months_back": MONTHS_BACK}
    with connection.cursor(name="month_rows") as cursor:
        cursor.adapters.register_loader("numeric", FloatLoader)  # a double holds every number that Stripe takes
        text = select or today.as_string(connection)
        cursor.execute(sql.SQL(held.instead(text) if held is not None else text), span)
        frames = []
        while rows := cursor.fetchmany(ROWS_AT_A_TIME):
            frames.append(_frame(cursor, rows))
        return pl.concat(frames, how="vertical_relaxed") if frames else _frame(cursor, [])


def _frame(cursor: psycopg.Cursor, rows: list[tuple[object, ...]]) -> pl.DataFrame:
    names = [column.name for column in cursor.description or ()]
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)


def refresh_month(
    database: Database, folder: Path, catalogue: Sequence[Meter], month: Month, clock: Callable[[], datetime]
) -> None:
    """Makes the month's increments and all tables anew, so that what was changed directly in the database shows."""
    models = read_models(folder)
    last = min(month.hours.last, Hour.containing(clock()))
    if month.hours.first <= last:
        fill_hours(database, models, HourRange(month.hours.first, last), catalogue, clock)
    fill_tables(database, models, catalogue)
    keep_figures(database, models)
