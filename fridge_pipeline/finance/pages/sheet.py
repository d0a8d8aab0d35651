"""One table as sheets of a workbook: totals on top, headings that stay in sight, filters, real numbers and dates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_range, xl_rowcol_to_cell

from fridge_pipeline.finance.pages.columns import IN_WORDS, NUMERIC, Column, Kind, Table
from fridge_pipeline.finance.pages.tables import METER

#: Excel's own limit. A table with more rows goes on in further sheets.
SHEET_ROWS_MAX = 1_048_576
#: So many characters fit in a cell; what is longer is cut, and ends in an ellipsis.
CELL_CHARACTERS_MAX = 32_767
WIDTH_MIN, WIDTH_MAX = 9, 60
TITLE_ROW = 0

#: Day 0 of Excel's calendar is 25,569 days before 1970.
EXCEL_EPOCH_DAYS = 25_569
MICROSECONDS_PER_DAY = 86_400_000_000

NUMBER_FORMATS = {
    Kind.COUNT: "#,##0",
    Kind.NUMBER: "#,##0.00",
    Kind.CHANGE: "+#,##0;-#,##0;0",
    Kind.SHARE: "0.0%",
    Kind.DAY: "yyyy-mm-dd",
    Kind.MOMENT: "yyyy-mm-dd hh:mm",
}
NO_ROWS = "No rows in this month"

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
        at = [each.name for each in self.table.columns].index(column)
        first, last = (
            xl_rowcol_to_cell(self.first_row, at, row_abs=True, col_abs=True),
            xl_col_to_name(at, col_abs=True),
        )
        return f"'{self.name}'!{first}:{last}${self.last_row + 1}"


def write_table(workbook: xlsxwriter.Workbook, formats: Formats, table: Table, frame: pl.DataFrame) -> list[Sheet]:
    """Writes a table; returns where its rows stand, no sheet when it has none."""
    meters = frame["meter"].unique().sort().to_list() if METER in table.columns else [None]
    totals = meters if any(column.is_totalled for column in table.columns) and frame.height else []
    rows_max = SHEET_ROWS_MAX - len(totals) - TITLE_ROW - 2  # the title and the headings
    sheets = []
    for part, rows in enumerate(_parts(frame, rows_max), start=1):
        name = table.title if part == 1 else f"{table.title} {part}"
        heading_row = TITLE_ROW + 1 + len(totals)
        sheet = Sheet(name, table, heading_row + 1, heading_row + rows.height)
        _write_sheet(workbook.add_worksheet(name), formats, sheet, rows, totals)
        sheets.append(sheet)
    return sheets if frame.height else []


def _parts(frame: pl.DataFrame, rows_max: int) -> Iterator[pl.DataFrame]:
    yield from frame.iter_slices(rows_max) if frame.height else [frame]


def _write_sheet(worksheet: Any, formats: Formats, sheet: Sheet, rows: pl.DataFrame, meters: list[str | None]) -> None:
    """Top down: the writer keeps one row in memory and never goes back."""
    columns = sheet.table.columns
    heading_row = sheet.first_row - 1
    worksheet.write_string(TITLE_ROW, 0, sheet.table.meaning, formats["note"])
    for row, meter in enumerate(meters, start=TITLE_ROW + 1):
        _write_totals(worksheet, formats, sheet, rows, row, meter)
    for at, column in enumerate(columns):
        worksheet.write_string(
            heading_row, at, column.heading, formats["number heading" if _is_number(column) else "heading"]
        )
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
    _write_rows(worksheet, formats, sheet, rows)


def _write_totals(
    worksheet: Any, formats: Formats, sheet: Sheet, rows: pl.DataFrame, row: int, meter: str | None
) -> None:
    """One total per meter: quantities of different meters are never added. Blank where nothing is known."""
    names = [column.name for column in sheet.table.columns]
    worksheet.write_string(row, 0, "Total", formats["total"])
    if meter is not None:
        worksheet.write_string(row, names.index("meter"), meter, formats["total"])
        rows = rows.filter(pl.col("meter") == meter)
    for at, column in enumerate(sheet.table.columns):
        if not column.is_totalled:
            continue
        cells = xl_range(sheet.first_row, at, sheet.last_row, at)
        if meter is None:
            count, total = f"COUNT({cells})", f"SUM({cells})"
        else:
            beside = names.index("meter")
            same = f"{xl_range(sheet.first_row, beside, sheet.last_row, beside)},{xl_rowcol_to_cell(row, beside)}"
            count, total = f'COUNTIFS({same},{cells},"<>")', f"SUMIFS({cells},{same})"
        known = rows[column.name].drop_nulls()
        worksheet.write_formula(
            row,
            at,
            f'=IF({count}=0,"",{total})',
            formats[f"total {column.kind.name}"],
            known.sum() if len(known) else "",
        )


def _write_rows(worksheet: Any, formats: Formats, sheet: Sheet, rows: pl.DataFrame) -> None:
    columns = sheet.table.columns
    write_number, write_string = worksheet.write_number, worksheet.write_string
    ways = [(at, _is_number(column), _format(formats, column, rows[column.name])) for at, column in enumerate(columns)]
    plain = rows.select(_as_cell(column) for column in columns)
    for row, values in enumerate(plain.iter_rows(), start=sheet.first_row):
        for (at, is_number, form), value in zip(ways, values, strict=True):
            if value is None:
                continue  # blank: nothing is known
            if is_number:
                write_number(row, at, value, form)
            else:
                write_string(row, at, value)  # never a formula or a link, whatever the text looks like


def _as_cell(column: Column) -> pl.Expr:
    """A column as Excel has it: days and moments are numbers of days, texts fit in a cell."""
    cells = pl.col(column.name)
    match column.kind:
        case Kind.DAY:
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


def _is_number(column: Column) -> bool:
    return column.kind in NUMBER_FORMATS


def _format(formats: Formats, column: Column, values: pl.Series) -> Any:
    """Decimals only where there are some."""
    if column.kind is Kind.NUMBER and (values.drop_nulls() % 1 == 0).all():
        return formats[Kind.COUNT.name]
    return formats.get(column.kind.name)


def _width(column: Column, values: pl.Series) -> int:
    widest = len(column.heading) + 3  # the filter's arrow
    if column.kind in {Kind.MOMENT, Kind.DAY}:
        widest = max(widest, 17)
    elif column.kind in NUMERIC:
        widest = max(widest, 14)
    elif values.dtype == pl.String:
        widest = max(widest, int(values.str.len_chars().max() or 0) + 2)  # type: ignore[arg-type]  # of a text column
    return min(max(widest, WIDTH_MIN), WIDTH_MAX)
