"""A month of the marts as frames, brought up to date before somebody signs, reports or packs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.fill_models import fill_hours, fill_tables, keep_figures
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.database.models import read_models
from fridge_pipeline.database.queries import statement
from fridge_pipeline.finance.rules.cut_off import MONTHS_BACK
from fridge_pipeline.finance.rules.month_books import (
    BY_HOUR,
    COUNT,
    DAY,
    FLAG,
    MOMENT,
    NUMBER,
    SCHEMAS,
    TEXT,
    BooksError,
    HourBooks,
    Portions,
)
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

#: The marts that take longest, held where a month's other marts are made of them too: each after those it is made of.
HELD = ("stg_stripe_days", "tie_out", "usage_hourly", "usage_daily")

#: So much text of PostgreSQL's is read into a frame at a time.
TEXT_BYTES = 2**23

#: So many rows of the tie-out, or all of one tenant, are in memory at a time.
PORTION_ROWS = 50_000

#: What stands for nothing in PostgreSQL's text, as ``copy_rows`` has it; an empty text is in quotes.
_NULL = "\N{SYMBOL FOR NULL} nothing \N{SYMBOL FOR NULL}"

#: How PostgreSQL writes a kind of value so that polars reads it; a double holds every number that Stripe takes.
_WRITTEN: Mapping[pl.DataType, str] = {
    TEXT: "{}::text",
    COUNT: "{}::bigint",
    NUMBER: "{}::double precision",
    DAY: "{}::date",
    FLAG: "{}::boolean::text",
    MOMENT: "{} at time zone 'UTC'",
}


def month_rows(
    connection: psycopg.Connection,
    mart: str,
    month: Month,
    signed: SignedMonth | None = None,
    held: HeldViews | None = None,
) -> pl.DataFrame:
    """What a mart says of a month, with the columns of ``SCHEMAS``; call it in a transaction.

    Of a closed month the figures are those that were signed. Of exceptions also those that are about no hour and were
    opened in the month; of gaps those that reach into it; of usage by service month also what is billed in months
    before and after; of signatures all. Raises ``BooksError``.
    """
    return pl.concat(_frames(connection, mart, month, signed, held))


def read_portions(
    connection: psycopg.Connection, month: Month, signed: SignedMonth | None, held: HeldViews, folder: Path
) -> Portions:
    """The marts by the hour as files in a folder, some tenants in each; call it in a transaction.

    The folder must be there as long as the portions are read. Raises ``BooksError``.
    """
    portions: list[dict[str, Path]] = []
    last_tenants: list[str] = []
    for mart in BY_HOUR:
        frames = _frames(connection, mart, month, signed, held)
        cut = _up_to(frames, last_tenants) if portions else _tenants_together(frames)
        for number, frame in enumerate(cut):
            if mart == BY_HOUR[0]:
                portions.append({})
                last_tenants.append(frame["tenant_id"].max() or "")  # type: ignore[arg-type]  # of a text column
            portions[number][mart] = folder / f"{mart}-{number}.arrow"
            frame.write_ipc(portions[number][mart], compression="lz4")
    return [partial(_read_portion, files) for files in portions]


def _read_portion(files: Mapping[str, Path]) -> HourBooks:
    return HourBooks.from_frames({mart: pl.read_ipc(file) for mart, file in files.items()})


def _tenants_together(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Portions of whole tenants, of frames in their order; one at least."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        waiting.append(frame)
        if sum(each.height for each in waiting) >= PORTION_ROWS:
            whole = pl.concat(waiting)
            is_last = pl.col("tenant_id") == whole["tenant_id"][-1]
            if (done := whole.filter(~is_last)).height:
                yield done
            waiting = [whole.filter(is_last)]
    yield pl.concat(waiting)


def _up_to(frames: Iterator[pl.DataFrame], last_tenants: Sequence[str]) -> Iterator[pl.DataFrame]:
    """A portion for each of these tenants: those up to it. The last has all that are left."""
    rest = next(frames)
    for last in last_tenants[:-1]:
        parts = [rest.filter(pl.col("tenant_id") <= last)]
        rest = rest.filter(pl.col("tenant_id") > last)
        while not rest.height and (frame := next(frames, None)) is not None:
            parts.append(frame.filter(pl.col("tenant_id") <= last))
            rest = frame.filter(pl.col("tenant_id") > last)
        yield pl.concat(parts)
    yield pl.concat([rest, *frames])


def _frames(
    connection: psycopg.Connection, mart: str, month: Month, signed: SignedMonth | None, held: HeldViews | None
) -> Iterator[pl.DataFrame]:
    """A mart's rows, some at a time and at least one frame without any; by the hour in the order of the tenants."""
    schema = SCHEMAS[mart]
    today = sql.SQL(statement(MONTHS.get(mart, "month_of_hours"))).format(mart=sql.Identifier(mart))
    text = signed_select(mart, signed) or today.as_string(connection)
    columns = (sql.SQL(_WRITTEN[kind]).format(sql.Identifier(name)) for name, kind in schema.items())
    copied = sql.SQL(statement("copy_by_tenant" if mart in BY_HOUR else "copy_rows")).format(
        columns=sql.SQL(", ").join(columns),
        select=sql.SQL(held.instead(text) if held is not None else text),
    )
    span = span_of_month(month, signed) | {"months_back": MONTHS_BACK}
    yield pl.DataFrame(schema=schema)
    try:
        with connection.cursor() as cursor, cursor.copy(copied, span) as copy:
            waiting = bytearray()
            for row in copy:
                waiting += row
                if len(waiting) >= TEXT_BYTES:
                    yield _frame(mart, waiting)
                    waiting.clear()
            if waiting:
                yield _frame(mart, waiting)
    except psycopg.errors.UndefinedColumn as error:
        raise BooksError(
            f"the mart {mart} lacks a column ({error.diag.message_primary}); make the SQL models of this version"
        ) from error


def _frame(mart: str, text: bytearray) -> pl.DataFrame:
    schema = SCHEMAS[mart]
    read: Any = {name: pl.Datetime("us") if kind == MOMENT else kind for name, kind in schema.items()}
    frame = pl.read_csv(bytes(text), has_header=False, schema=read, null_values=[_NULL], empty_string_is_null=False)
    return frame.with_columns(
        pl.col(name).dt.replace_time_zone("UTC") for name, kind in schema.items() if kind == MOMENT
    )


def refresh_month(
    database: Database, folder: Path, catalogue: Sequence[Meter], month: Month, clock: Callable[[], datetime]
) -> None:
    """Makes the month's increments and all tables anew, so that what was changed directly in the database shows."""
    models = read_models(folder)
    last = min(month.hours.last, Hour.containing(clock()))
    if month.hours.first <= last:
        fill_hours(database, models, HourRange(month.hours.first, last), catalogue, clock, only_changed=True)
    fill_tables(database, models, catalogue)
    keep_figures(database, models)
