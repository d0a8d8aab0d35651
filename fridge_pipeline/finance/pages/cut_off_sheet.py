"""Cut-off as a sheet of the workbook: month billed by month recorded, how late months came, and the estimate."""

from __future__ import annotations

from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_range

from fridge_pipeline.finance.pages.columns import Kind
from fridge_pipeline.finance.pages.cut_off_grids import IN_ALL, INTRO, TITLE, Grid, shown_cut_offs
from fridge_pipeline.finance.pages.sheet import NO_ROWS, Formats
from fridge_pipeline.finance.rules.month_books import MonthBooks

MONTH_WIDTH, NUMBER_WIDTH, COLUMNS_MAX = 16, 14, 40


def write_cut_off(workbook: xlsxwriter.Workbook, formats: Formats, books: MonthBooks, stamp_line: str = "") -> None:
    """Top down, meter by meter; the sheet Months recorded has the same by tenant, for a pivot table or a filter."""
    worksheet = workbook.add_worksheet(TITLE)
    worksheet.set_column(0, 0, MONTH_WIDTH)
    worksheet.set_column(1, COLUMNS_MAX, NUMBER_WIDTH)
    worksheet.set_landscape()
    worksheet.set_paper(9)  # A4
    worksheet.fit_to_pages(1, 0)
    worksheet.write_string(0, 0, f"{INTRO} {stamp_line}".rstrip(), formats["note"])
    row, shown = 2, shown_cut_offs(books)
    if not shown:
        worksheet.write_string(row, 0, NO_ROWS)
    for each in shown:
        worksheet.write_string(row, 0, each.meter, formats["title"])
        worksheet.write_string(row + 1, 0, each.summary)
        row += 3
        for grid in each.grids:
            row = _write_grid(worksheet, formats, grid, row) + 1
        for sentence in each.estimate:
            worksheet.write_string(row, 0, sentence)
            row += 1
        row += 1


def _write_grid(worksheet: Any, formats: Formats, grid: Grid, row: int) -> int:
    """Returns the row below it. A last column that is the sum of the others is a formula."""
    worksheet.write_string(row, 0, grid.meaning, formats["note"])
    worksheet.write_string(row + 1, 0, grid.first_heading, formats["heading"])
    for at, heading in enumerate(grid.headings, start=1):
        worksheet.write_string(row + 1, at, heading, formats["number heading"])
    form = formats[(Kind.SHARE if grid.is_share else Kind.COUNT).name]
    for at_row, (label, values) in enumerate(grid.rows, start=row + 2):
        worksheet.write_string(at_row, 0, label, formats["label"])
        for at, (heading, value) in enumerate(zip(grid.headings, values, strict=True), start=1):
            if value is None:
                continue
            if heading == IN_ALL:
                worksheet.write_formula(at_row, at, f"=SUM({xl_range(at_row, 1, at_row, at - 1)})", form, value)
            else:
                worksheet.write_number(at_row, at, value, form)
    return row + 2 + len(grid.rows)
