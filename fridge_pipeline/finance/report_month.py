"""Report: a month as a page and a workbook from the same books."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from psycopg import IsolationLevel

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.database.run import Run
from fridge_pipeline.finance.explain_hour import explain
from fridge_pipeline.finance.month_record import HELD, month_rows, read_portions
from fridge_pipeline.finance.pages.explanation import Explanation
from fridge_pipeline.finance.rules.month_books import BY_HOUR, MARTS, MonthBooks
from fridge_pipeline.finance.rules.month_detail import notable_hours
from fridge_pipeline.finance.rules.month_summary import MonthSummary, summarize
from fridge_pipeline.finance.rules.stamp import Stamp
from fridge_pipeline.finance.signed_month import signed_month
from fridge_pipeline.finance.stamp_record import Maker, read_stamp
from fridge_pipeline.ingest.object_store.archive import put_in_place_of
from fridge_pipeline.ingest.rules.location import Location

#: So many of the hours that differ or were restated are explained on the page; it says how many it leaves out.
EXPLAINED_HOURS_MAX = 100


@dataclass(frozen=True, slots=True)
class MonthReport:
    """Where the two files stand, and what they say."""

    month: Month
    page: Location
    workbook: Location
    summary: MonthSummary


def report_month(
    run: Run, month: Month, folder: Location, close_after: timedelta, workspace: Path, maker: Maker | None = None
) -> MonthReport:
    """Writes ``usage-MONTH.html`` and ``usage-MONTH.xlsx`` into a folder; earlier ones of the month are replaced.

    For an object store's prefix they are written in the ``workspace`` first. Raises ``ArchiveError``.
    """
    made_at = maker.made_at if maker is not None else run.clock()
    workspace.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".books-", dir=workspace) as hours:
        books, explanations = read_books(run.database, month, run.catalogue, close_after, made_at, Path(hours))
        stamp = None
        if maker is not None:
            with run.database.connect() as connection:
                stamp = read_stamp(connection, books, maker)
        return write_report(books, explanations, folder, made_at, workspace, stamp)


def read_books(
    database: Database, month: Month, catalogue: Sequence[Meter], close_after: timedelta, now: datetime, hours: Path
) -> tuple[MonthBooks, list[Explanation]]:
    """The month's marts, a closed month's as signed, and the explanations of hours that need one, as of one moment.

    What has rows by the hour is in files of the folder ``hours``, which must be there as long as the books are read.
    """
    with database.connect() as connection:
        held = HeldViews.prepare(connection, *HELD)
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            held.fill(month.start, month.end)
            signed = signed_month(connection, month)
            frames = {mart: month_rows(connection, mart, month, signed, held) for mart in MARTS if mart not in BY_HOUR}
            books = MonthBooks.from_frames(month, frames, read_portions(connection, month, signed, held, hours))
            notable = notable_hours(books)[:EXPLAINED_HOURS_MAX]
            return books, [
                explain(connection, tenant, hour, catalogue, hour.closes_at(close_after), now)
                for tenant, hour in notable
            ]


def write_report(
    books: MonthBooks,
    explanations: Sequence[Explanation],
    folder: Location,
    made_at: datetime,
    workspace: Path,
    stamp: Stamp | None = None,
) -> MonthReport:
    """Page and workbook of the same books. Each appears whole or not at all. Raises ``ArchiveError``."""
    # Only a report needs them; the code server and the other commands do without.
    from fridge_pipeline.finance.pages.page import render_page  # noqa: PLC0415
    from fridge_pipeline.finance.pages.workbook import write_workbook  # noqa: PLC0415

    page, workbook = (f"usage-{books.month.key}{ending}" for ending in (".html", ".xlsx"))
    beside = folder if isinstance(folder, Path) else workspace
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=beside) as work:
        (Path(work) / page).write_text(render_page(books, explanations, made_at, stamp), encoding="utf-8")
        write_workbook(books, made_at, Path(work) / workbook, stamp)
        for name in (workbook, page):  # the page last: who reads it finds the workbook of the same making
            if isinstance(folder, Path):
                (Path(work) / name).replace(folder / name)
            else:
                put_in_place_of(Path(work) / name, folder / name)
    return MonthReport(books.month, folder / page, folder / workbook, summarize(books))
