"""Tables as files: CSV as it is read, a workbook with a sheet for each table of the page."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import chain, islice
from threading import Lock

import xlsxwriter

from fridge_pipeline.console.cell_texts import for_sheet, plain
from fridge_pipeline.console.frame import Row, Table
from fridge_pipeline.finance.pages.columns import Kind
from fridge_pipeline.finance.pages.sheet import CELL_CHARACTERS_MAX, NUMBER_FORMATS
from fridge_pipeline.finance.pages.workbook import OPTIONS
from fridge_pipeline.finance.rules.evidence_format import csv_line
from fridge_pipeline.visible import visible

LINES_AT_ONCE = 500

#: What a reader has patience for; CSV has more.
SHEET_ROWS_MAX = 100_000
CUT = f"The first {SHEET_ROWS_MAX:,} rows: others follow, and the CSV of the table has them all."
TITLE_CHARACTERS_MAX = 31  # Excel's own
WIDTH = 18

#: Its rows wait in a file, the packed whole in memory; whoever wants another one waits so long for it.
_one_at_a_time = Lock()
WAITED_SECONDS = 10.0


class BusyError(RuntimeError):
    """Another workbook is being made."""


def as_csv(table: Table, rows: Iterable[Row]) -> Iterator[str]:
    """The headings, then the rows, some at a time."""
    lines = chain(
        [csv_line(field.column.heading for field in table.columns)],
        (csv_line(plain(field, row) for field in table.columns) for row in rows),
    )
    while piece := "".join(islice(lines, LINES_AT_ONCE)):
        yield piece


def as_workbook(tables: Sequence[tuple[Table, Iterable[Row]]], stamp: str) -> bytes:
    """A sheet for each table, with what it means and the stamp above its headings. Raises ``BusyError``."""
    if not _one_at_a_time.acquire(timeout=WAITED_SECONDS):
        raise BusyError
    try:
        return _workbook(tables, stamp)
    finally:
        _one_at_a_time.release()


def _workbook(tables: Sequence[tuple[Table, Iterable[Row]]], stamp: str) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, OPTIONS) as workbook:
        bold = workbook.add_format({"bold": True})
        formats = {kind: workbook.add_format({"num_format": form}) for kind, (form, _) in NUMBER_FORMATS.items()}
        for table, rows in tables:
            sheet = workbook.add_worksheet(table.title[:TITLE_CHARACTERS_MAX])
            sheet.set_column(0, len(table.columns) - 1, WIDTH)
            sheet.freeze_panes(2, 1)
            sheet.write_string(0, 0, f"{table.meaning} {stamp}")
            for at, field in enumerate(table.columns):
                sheet.write_string(1, at, field.column.heading, bold)
            left = iter(rows)
            for number, row in enumerate(islice(left, SHEET_ROWS_MAX), start=2):
                for at, field in enumerate(table.columns):
                    value, form = for_sheet(field, row), formats.get(field.column.kind)
                    if isinstance(value, datetime | date):
                        sheet.write_datetime(number, at, value, form or formats[Kind.MOMENT])
                    elif isinstance(value, int | float):
                        sheet.write_number(number, at, value, form)
                    elif value is not None:
                        sheet.write_string(number, at, visible(str(value))[:CELL_CHARACTERS_MAX])
            if next(left, None) is not None:
                sheet.write_string(SHEET_ROWS_MAX + 2, 0, CUT, bold)
    return target.getvalue()
