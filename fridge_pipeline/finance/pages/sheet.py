"""One table as sheets of a workbook: totals on top, headings that stay in sight, filters, real numbers and dates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_range, xl_range_abs, xl_rowcol_to_cell

from fridge_pipeline.finance.pages.columns import COLUMNS, IN_WORDS, Column, Kind, Table
from fridge_pipeline.finance.pages.sheet_rows import Rows, RowsWorksheet
from fridge_pipeline.finance.rules.month_books import MonthBooks

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


@dataclass(slots=True)
class _Part:
    """What the rows of one sheet come to, and which pieces they are: a portion's number, and from where to where."""

    pieces: list[tuple[int, int, int]] = field(default_factory=list)
    widths: dict[str, int] = field(default_factory=dict)
    with_decimals: set[str] = field(default_factory=set)
    known: dict[tuple[str | None, str], int] = field(default_factory=lambda: defaultdict(int))
    sums: dict[tuple[str | None, str], float] = field(default_factory=lambda: defaultdict(int))

    @property
    def height(self) -> int:
        """How many rows."""
        return sum(length for _, _, length in self.pieces)

    def look_at(self, table: Table, rows: pl.DataFrame) -> None:
        """Adds some rows to what they come to."""
        for column in table.columns:
            values = rows[column.name]
            longest = values.str.len_chars().max() if values.dtype == pl.String else 0
            self.widths[column.name] = max(self.widths.get(column.name, 0), int(longest or 0))  # type: ignore[arg-type]
            if column.kind is Kind.NUMBER and not (values.drop_nulls() % 1 == 0).all():
                self.with_decimals.add(column.name)
        if totals := table.totals.split():
            known = [pl.col(name).count().alias(f"{name} known") for name in totals]
            sums = [pl.col(name).sum() for name in totals]
            by = [pl.col("meter")] if "meter" in rows.columns else [pl.lit(None, pl.String).alias("meter")]
            for row in rows.group_by(*by).agg(*known, *sums).iter_rows(named=True):
                for name in totals:
                    self.known[row["meter"], name] += row[f"{name} known"]
                    self.sums[row["meter"], name] += row[name]


def write_table(workbook: xlsxwriter.Workbook, formats: Formats, table: Table, books: MonthBooks) -> list[Sheet]:
    """Writes a table; returns where its rows stand, no sheet when it has none.

    Totals are of what the filter shows, and by meter: quantities of two meters are never added. For that a hidden
    column says of each row whether it is shown, which no formula but SUBTOTAL knows. An empty column stands before it:
    Excel takes the last row of a filtered range for its total, and filters it no more, when it has a SUBTOTAL in it.
    """
    meters, portions = _meters(table, books), table.portions(books)
    first_row = len(meters) + 2  # below the title, the totals and the headings
    parts = _parts(table, portions, SHEET_ROWS_MAX - first_row)
    sheets = []
    for number, part in enumerate(parts, start=1):
        name = table.title if number == 1 else f"{table.title} {number}"
        sheet = Sheet(name, table, first_row, first_row + part.height - 1)
        rows = (portions[of]().slice(start, length) for of, start, length in part.pieces)
        _write_sheet(workbook.add_worksheet(name, RowsWorksheet), formats, sheet, part, rows, meters)
        sheets.append(sheet)
    return sheets if parts[0].height else []


def _meters(table: Table, books: MonthBooks) -> list[str | None]:
    """The meters that have a total each; none where a table has no totals, or no rows."""
    if not table.totals:
        return []
    frame = table.frame(books) if table.of_hours is None else books.totals.by_meter
    if "meter" not in table.names.split():
        return [None] if frame.height else []
    return frame["meter"].unique().sort().to_list()


def _parts(table: Table, portions: Sequence[Callable[[], pl.DataFrame]], rows_max: int) -> list[_Part]:
    """Which rows stand on which sheet, one at least; a sheet is full before the next begins."""
    parts = [_Part()]
    for number, portion in enumerate(portions):
        frame, start = portion(), 0
        while start < frame.height:
            if parts[-1].height == rows_max:
                parts.append(_Part())
            length = min(frame.height - start, rows_max - parts[-1].height)
            parts[-1].pieces.append((number, start, length))
            parts[-1].look_at(table, frame.slice(start, length))
            start += length
    return parts


def _write_sheet(
    worksheet: Any,
    formats: Formats,
    sheet: Sheet,
    part: _Part,
    portions: Iterable[pl.DataFrame],
    meters: list[str | None],
) -> None:
    """Top down: the writer never goes back."""
    columns, heading_row = sheet.table.columns, sheet.first_row - 1
    note = f"{sheet.table.meaning}. {FOLLOWS_FILTER}" if meters else sheet.table.meaning
    worksheet.write_string(0, 0, note, formats["note"])
    for row, meter in enumerate(meters, start=1):
        _write_totals(worksheet, formats, sheet, part, row, meter)
    for at, column in enumerate(columns):
        form = formats["number heading" if column.kind in NUMBER_FORMATS else "heading"]
        worksheet.write_string(heading_row, at, column.heading, form)
        worksheet.set_column(at, at, _width(column, part.widths.get(column.name, 0)))
    worksheet.freeze_panes(sheet.first_row, 1)
    worksheet.repeat_rows(heading_row)
    worksheet.set_landscape()
    worksheet.set_paper(9)  # A4
    worksheet.fit_to_pages(1, 0)
    if not part.height:
        worksheet.write_string(sheet.first_row, 0, NO_ROWS)
        return
    worksheet.autofilter(heading_row, 0, sheet.last_row, len(columns) - 1)
    names, shown_at = sheet.table.names.split(), _shown_at(sheet)
    tells_shown = bool(meters) and "meter" in names
    if tells_shown:
        worksheet.write_string(heading_row, shown_at, "Shown", formats["number heading"])
        worksheet.set_column(len(columns), shown_at, None, None, {"hidden": True})
    formats_of = [_format(formats, column, part) if column.kind in NUMBER_FORMATS else None for column in columns]
    cell = f"{xl_col_to_name(names.index('meter'))}{{}}" if tells_shown else ""
    formulas = [(shown_at, f"SUBTOTAL({SHOWN_CELLS},{cell})")] if tells_shown else []
    rows = Rows(sheet.first_row, sheet.last_row, formats_of, formulas)
    worksheet.write_rows(rows, (portion.select(map(_as_cell, columns)) for portion in portions))


def _write_totals(worksheet: Any, formats: Formats, sheet: Sheet, part: _Part, row: int, meter: str | None) -> None:
    """The totals of one meter, or of a table without meters. Blank where nothing is known."""
    names = sheet.table.names.split()
    worksheet.write_string(row, 0, "Total", formats["total"])
    of_meter = ""
    if meter is not None:
        beside = names.index("meter")
        worksheet.write_string(row, beside, meter, formats["total"])
        meters, shown = (xl_range(sheet.first_row, at, sheet.last_row, at) for at in (beside, _shown_at(sheet)))
        of_meter = f"{meters},{xl_rowcol_to_cell(row, beside)},{shown},1"
    for name in sheet.table.totals.split():
        at, total = names.index(name), part.sums[meter, name] if part.known[meter, name] else ""
        cells = xl_range(sheet.first_row, at, sheet.last_row, at)
        known, added = f"SUBTOTAL({SHOWN_NUMBERS},{cells})", f"SUBTOTAL({SHOWN_SUM},{cells})"
        if of_meter:
            known, added = f'COUNTIFS({of_meter},{cells},"<>")', f"SUMIFS({cells},{of_meter})"
        form = formats[f"total {COLUMNS[name].kind.name}"]
        worksheet.write_formula(row, at, f'=IF({known}=0,"",{added})', form, total)


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
        cells = cells.map_batches(partial(_in_words, IN_WORDS[column.kind]), return_dtype=pl.String)
    cut = pl.concat_str(cells.str.head(CELL_CHARACTERS_MAX - 1), pl.lit("…"))
    return pl.when(cells.str.len_chars() > CELL_CHARACTERS_MAX).then(cut).otherwise(cells).alias(column.name)


def _format(formats: Formats, column: Column, part: _Part) -> Any:
    """Decimals only where there are some."""
    if column.kind is Kind.NUMBER and column.name not in part.with_decimals:
        return formats[Kind.COUNT.name]
    return formats.get(column.kind.name)


def _width(column: Column, longest: int) -> int:
    _, least = NUMBER_FORMATS.get(column.kind, ("", WIDTH_MIN))
    return min(max(len(column.heading) + 3, least, longest + 2), WIDTH_MAX)  # 3 are for the filter's arrow


def _in_words(words: Callable[[str], str], codes: pl.Series) -> pl.Series:
    """Each code once: a month has millions of rows and a dozen of them."""
    known = codes.drop_nulls().unique()
    return codes.replace_strict(known, [words(code) for code in known], return_dtype=pl.String)
