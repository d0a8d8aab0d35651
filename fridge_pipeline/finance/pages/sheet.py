"""One table as sheets of a workbook: totals on top, headings that stay in sight, filters, real numbers and dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_range, xl_range_abs, xl_rowcol_to_cell

from fridge_pipeline.finance.pages.columns import COLUMNS, IN_WORDS, Column, Kind, Table
from fridge_pipeline.finance.pages.sheet_rows import RowsWorksheet

#: Excel's own limit. A table with more rows goes on in further sheets.
SHEET_ROWS_MAX = 1_048_576
#: So many characters fit in a cell; what is longer is cut, and ends in an ellipsis.
CELL_CHARACTERS_MAX = 32_767
WIDTH_MIN, WIDTH_MAX = 9, 60

#: Day 0 of Excel's calendar is 25,569 days before 1970.
EXCEL_EPOCH_DAYS = 25_569
MICROSECONDS_PER_DAY = 86_400_000_000

#: The kinds that are numbers in a workbook: how they read, and how wide they are at least.
NUMBER_FORMATS = {
    Kind.COUNT: ("#,##0", 14),
    Kind.NUMBER: ("#,##0.00", 14),
    Kind.CHANGE: ("+#,##0;-#,##0;0", 14),
    Kind.SHARE: ("0.0%", 14),
    Kind.DAY: ("yyyy-mm-dd", 17),
    Kind.MONTH: ("yyyy-mm", 14),
    Kind.MOMENT: ("yyyy-mm-dd hh:mm", 17),
}
NO_ROWS = "No rows in this month"
FOLLOWS_FILTER = "Totals are those of the rows that the filter shows"

#: SUBTOTAL leaves out what a filter hides: count of cells with something in them, count of numbers, sum.
SHOWN_CELLS, SHOWN_NUMBERS, SHOWN_SUM = 103, 102, 109

Formats = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where a table's rows, or one part of them, stand; rows count from 0 as the library does."""

    name: str
    table: Table
    first_row: int
    last_row: int

    def cells(self, column: str) -> str:
        """A column's cells as another sheet's formula names them, ``'Usage by day'!$D$5:$D$90``."""
        at = self.table.names.split().index(column)
        return f"'{self.name}'!{xl_range_abs(self.first_row, at, self.last_row, at)}"


def write_table(workbook: xlsxwriter.Workbook, formats: Formats, table: Table, frame: pl.DataFrame) -> list[Sheet]:
    """Writes a table; returns where its rows stand, no sheet when it has none.

    Totals are of what the filter shows, and by meter: quantities of two meters are never added. For that a hidden
    column says of each row whether it is shown, which no formula but SUBTOTAL knows. An empty column stands before it:
    Excel takes the last row of a filtered range for its total, and filters it no more, when it has a SUBTOTAL in it.
    """
    meters = frame["meter"].unique().sort().to_list() if "meter" in frame.columns else [None]
    meters = meters if table.totals and frame.height else []
    first_row = len(meters) + 2  # below the title, the totals and the headings
    sheets = []
    for part, rows in enumerate(frame.iter_slices(SHEET_ROWS_MAX - first_row) if frame.height else [frame], start=1):
        name = table.title if part == 1 else f"{table.title} {part}"
        sheet = Sheet(name, table, first_row, first_row + rows.height - 1)
        _write_sheet(workbook.add_worksheet(name, RowsWorksheet), formats, sheet, rows, meters)
        sheets.append(sheet)
    return sheets if frame.height else []


def _write_sheet(worksheet: Any, formats: Formats, sheet: Sheet, rows: pl.DataFrame, meters: list[str | None]) -> None:
    """Top down: the writer never goes back."""
    columns, heading_row = sheet.table.columns, sheet.first_row - 1
    note = f"{sheet.table.meaning}. {FOLLOWS_FILTER}" if meters else sheet.table.meaning
    worksheet.write_string(0, 0, note, formats["note"])
    for row, meter in enumerate(meters, start=1):
        _write_totals(worksheet, formats, sheet, rows, row, meter)
    for at, column in enumerate(columns):
        form = formats["number heading" if column.kind in NUMBER_FORMATS else "heading"]
        worksheet.write_string(heading_row, at, column.heading, form)
        worksheet.set_column(at, at, _width(column, rows[column.name]))
    worksheet.freeze_panes(sheet.first_row, 1)
    worksheet.repeat_rows(heading_row)
    worksheet.set_landscape()
    worksheet.set_paper(9)  # A4
    worksheet.fit_to_pages(1, 0)
    if rows.is_empty():
        worksheet.write_string(sheet.first_row, 0, NO_ROWS)
        return
    worksheet.autofilter(heading_row, 0, sheet.last_row, len(columns) - 1)
    names, shown_at = rows.columns, _shown_at(sheet)
    tells_shown = bool(meters) and "meter" in names
    if tells_shown:
        worksheet.write_string(heading_row, shown_at, "Shown", formats["number heading"])
        worksheet.set_column(len(columns), shown_at, None, None, {"hidden": True})
    formats_of = [_format(formats, column, rows) if column.kind in NUMBER_FORMATS else None for column in columns]
    cell = f"{xl_col_to_name(names.index('meter'))}{{}}" if tells_shown else ""
    formulas = [(shown_at, f"SUBTOTAL({SHOWN_CELLS},{cell})")] if tells_shown else []
    worksheet.write_rows(sheet.first_row, rows.select(map(_as_cell, columns)), formats_of, formulas)


def _write_totals(
    worksheet: Any, formats: Formats, sheet: Sheet, rows: pl.DataFrame, row: int, meter: str | None
) -> None:
    """The totals of one meter, or of a table without meters. Blank where nothing is known."""
    names = rows.columns
    worksheet.write_string(row, 0, "Total", formats["total"])
    of_meter = ""
    if meter is not None:
        beside, rows = names.index("meter"), rows.filter(pl.col("meter") == meter)
        worksheet.write_string(row, beside, meter, formats["total"])
        meters, shown = (xl_range(sheet.first_row, at, sheet.last_row, at) for at in (beside, _shown_at(sheet)))
        of_meter = f"{meters},{xl_rowcol_to_cell(row, beside)},{shown},1"
    for name in sheet.table.totals.split():
        at, known = names.index(name), rows[name].drop_nulls()
        cells = xl_range(sheet.first_row, at, sheet.last_row, at)
        count, total = f"SUBTOTAL({SHOWN_NUMBERS},{cells})", f"SUBTOTAL({SHOWN_SUM},{cells})"
        if of_meter:
            count, total = f'COUNTIFS({of_meter},{cells},"<>")', f"SUMIFS({cells},{of_meter})"
        form = formats[f"total {COLUMNS[name].kind.name}"]
        worksheet.write_formula(row, at, f'=IF({count}=0,"",{total})', form, known.sum() if len(known) else "")


def _shown_at(sheet: Sheet) -> int:
    """The hidden column that says of a row whether the filter shows it."""
    return len(sheet.table.columns) + 1


def _as_cell(column: Column) -> pl.Expr:
    """A column as Excel has it: days and moments are numbers of days, texts fit in a cell."""
    cells = pl.col(column.name)
    match column.kind:
        case Kind.DAY | Kind.MONTH:
            return cells.cast(pl.Int32) + EXCEL_EPOCH_DAYS
        case Kind.MOMENT:
            return cells.dt.epoch("us") / MICROSECONDS_PER_DAY + EXCEL_EPOCH_DAYS
        case Kind.YES_NO:
            return pl.when(cells).then(pl.lit("yes")).when(~cells).then(pl.lit("no")).alias(column.name)
        case Kind.NUMBER | Kind.CHANGE | Kind.SHARE:
            return cells.cast(pl.Float64).fill_nan(None)
        case Kind.COUNT:
            return cells
    if column.kind in IN_WORDS:
        cells = cells.map_elements(IN_WORDS[column.kind], return_dtype=pl.String)
    cut = pl.concat_str(cells.str.head(CELL_CHARACTERS_MAX - 1), pl.lit("…"))
    return pl.when(cells.str.len_chars() > CELL_CHARACTERS_MAX).then(cut).otherwise(cells).alias(column.name)


def _format(formats: Formats, column: Column, rows: pl.DataFrame) -> Any:
    """Decimals only where there are some."""
    if column.kind is Kind.NUMBER and (rows[column.name].drop_nulls() % 1 == 0).all():
        return formats[Kind.COUNT.name]
    return formats.get(column.kind.name)


def _width(column: Column, values: pl.Series) -> int:
    _, least = NUMBER_FORMATS.get(column.kind, ("", WIDTH_MIN))
    longest = values.str.len_chars().max() if values.dtype == pl.String else 0
    widest = max(len(column.heading) + 3, least, int(longest or 0) + 2)  # type: ignore[arg-type]  # of a text column
    return min(widest, WIDTH_MAX)  # 3 are for the filter's arrow
