"""The month's workbook: every table in full, a first sheet with the control totals and how to read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from fridge_pipeline.finance.pages.columns import HOW_TO_READ, MONTH_STATES, Kind, compared_in_words, verdict_in_words
from fridge_pipeline.finance.pages.sheet import NUMBER_FORMATS, Formats, Sheet, write_table
from fridge_pipeline.finance.pages.tables import FILE_ROWS, HOURS, SHEETS, USAGE_BY_MONTH
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.month_summary import MonthSummary, summarize

SUMMARY = "Summary"
#: Nothing that stands in a text may become a formula, a link or a number.
OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


@dataclass(slots=True)
class _SummarySheet:
    """The first sheet while it is written, from the top down."""

    workbook: xlsxwriter.Workbook
    worksheet: Any
    formats: Formats
    row: int = 0
    names: set[str] = field(default_factory=set)

    def line(self, label: str, text: str = "", form: str = "plain") -> None:
        """A line of words."""
        self.worksheet.write_string(self.row, 0, label, self.formats["heading" if form == "heading" else "label"])
        if text:
            self.worksheet.write_string(self.row, 1, text, self.formats["wrapped"])
        self.row += 1

    def total(self, label: str, name: str, formula: str, value: float | None, meaning: str) -> None:
        """A control total: a formula with its value, a defined name, and what it means. Missing is not zero."""
        self.worksheet.write_string(self.row, 0, label, self.formats["label"])
        if value is None or not formula:
            self.worksheet.write_string(self.row, 1, "not on record", self.formats["right"])
        else:
            self.worksheet.write_formula(self.row, 1, formula, self.formats[Kind.COUNT.name], value)
            self.define(name)
        self.worksheet.write_string(self.row, 2, meaning, self.formats["wrapped"])
        self.row += 1

    def define(self, name: str) -> None:
        """Names this row's number, so that other workbooks can refer to it."""
        name = re.sub(r"[^A-Za-z0-9_]", "_", name)
        while name.lower() in self.names:
            name += "_"
        self.names.add(name.lower())
        self.workbook.define_name(name, f"={SUMMARY}!$B${self.row + 1}")


def write_workbook(books: MonthBooks, made_at: datetime, path: Path) -> None:
    """Writes the workbook of a month to a file; the same books and time give the same bytes."""
    with xlsxwriter.Workbook(path, OPTIONS) as workbook:
        created = made_at.astimezone(UTC).replace(tzinfo=None)
        workbook.set_properties({"title": f"Usage {books.month.key}", "created": created})
        formats = _formats(workbook)
        first = _SummarySheet(workbook, workbook.add_worksheet(SUMMARY), formats)
        written: dict[str, list[Sheet]] = {}
        rows: dict[str, int] = {}
        for table in SHEETS:
            frame = table.frame(books)
            rows[table.key] = frame.height
            written[table.key] = write_table(workbook, formats, table, frame)
        _write_summary(first, summarize(books), books, made_at, written, rows)


def _formats(workbook: xlsxwriter.Workbook) -> Formats:
    formats = {
        "plain": workbook.add_format(),
        "title": workbook.add_format({"bold": True, "font_size": 16}),
        "label": workbook.add_format({"valign": "top"}),
        "note": workbook.add_format({"italic": True, "font_color": "#4A5560"}),
        "heading": workbook.add_format({"bold": True, "bottom": 1, "bg_color": "#EAF0F4"}),
        "number heading": workbook.add_format({"bold": True, "bottom": 1, "bg_color": "#EAF0F4", "align": "right"}),
        "wrapped": workbook.add_format({"text_wrap": True, "valign": "top"}),
        "right": workbook.add_format({"align": "right", "valign": "top", "italic": True}),
        "total": workbook.add_format({"bold": True}),
    }
    for kind, pattern in NUMBER_FORMATS.items():
        formats[kind.name] = workbook.add_format({"num_format": pattern, "valign": "top"})
        formats[f"total {kind.name}"] = workbook.add_format({"num_format": pattern, "bold": True})
    formats[f"total {Kind.NUMBER.name}"].set_num_format(NUMBER_FORMATS[Kind.COUNT])
    return formats


def _write_summary(
    sheet: _SummarySheet,
    summary: MonthSummary,
    books: MonthBooks,
    made_at: datetime,
    written: dict[str, list[Sheet]],
    rows: dict[str, int],
) -> None:
    worksheet = sheet.worksheet
    worksheet.set_column(0, 0, 34)
    worksheet.set_column(1, 1, 26)
    worksheet.set_column(2, 2, 95)
    worksheet.hide_gridlines(2)
    worksheet.write_string(0, 0, f"Usage of {books.month.first_day:%B %Y}", sheet.formats["title"])
    sheet.row = 2
    symbol, word, sentence = verdict_in_words(summary)
    for label, text, meaning in (
        ("Tie-out", f"{symbol} {word}", sentence),
        ("Compared", compared_in_words(*summary.compared), "An hour here is one hour of one tenant on one meter."),
        ("Month", summary.signatures.status, MONTH_STATES.get(summary.signatures.status, "")),
        ("Prepared by", summary.signatures.prepared_by or "nobody", ""),
        ("Approved by", summary.signatures.approved_by or "nobody", ""),
    ):
        worksheet.write_string(sheet.row, 2, meaning, sheet.formats["wrapped"])
        sheet.line(label, text)
    worksheet.write_string(sheet.row, 0, "Made at (UTC)")
    worksheet.write_datetime(
        sheet.row, 1, made_at.astimezone(UTC).replace(tzinfo=None), sheet.formats[Kind.MOMENT.name]
    )
    sheet.row += 2
    if not books.is_empty:
        _write_file_totals(sheet, summary, written[FILE_ROWS.key])
        _write_meter_totals(sheet, summary, written)
    sheet.line("Sheets", form="heading")
    for table in SHEETS:
        worksheet.write_number(sheet.row, 1, rows[table.key], sheet.formats[Kind.COUNT.name])
        worksheet.write_string(sheet.row, 2, f"{table.meaning}.", sheet.formats["wrapped"])
        sheet.line(table.title)
    sheet.row += 1
    sheet.line("How to read this", form="heading")
    for word_, meaning in HOW_TO_READ:
        worksheet.write_string(sheet.row, 2, meaning, sheet.formats["wrapped"])
        sheet.line(word_)
    worksheet.set_first_sheet()
    worksheet.activate()


def _write_file_totals(sheet: _SummarySheet, summary: MonthSummary, places: Sequence[Sheet]) -> None:
    files = summary.files
    sheet.line("Rows in files", form="heading")
    first = sheet.row + 1
    for label, column, value, meaning in (
        ("Rows in files", "file_rows", files.file_rows, "Rows of the landing files that gateways delivered."),
        ("Inserted", "inserted", files.inserted, "Readings stored for the first time: these are the usage."),
        ("Duplicates", "duplicates", files.duplicates, "Readings that were stored already; they never count again."),
        ("Rejected", "rejected", files.rejected, "Rows that are no valid reading; kept with file, line and reason."),
    ):
        formula = f"=SUM({','.join(place.cells(column) for place in places)})" if places else ""
        sheet.total(label, f"control_{column}", formula, value, meaning)
    formula = f"=B{first}-SUM(B{first + 1}:B{first + 3})"
    sheet.total(
        "Rows without an outcome", "control_rows_lost", formula, files.difference, "Must be 0: nothing vanishes."
    )
    if files.tenant_hours_not_recorded:
        sheet.line("Hours not recorded", f"{files.tenant_hours_not_recorded:,} of {files.tenant_hours:,} tenant-hours")
    sheet.row += 1


def _write_meter_totals(sheet: _SummarySheet, summary: MonthSummary, written: dict[str, list[Sheet]]) -> None:
    hours, months = written[HOURS.key], written[USAGE_BY_MONTH.key]
    for meter in summary.meters:
        sheet.line(meter.meter, form="heading")
        worksheet = sheet.worksheet
        heading = f"$A${sheet.row}"
        for label, key, places, column, value, meaning in (
            ("Derived again", "derived", hours, "derived_quantity", meter.derived, "Counted a second time, in SQL."),
            ("Usage", "usage", months, "quantity", meter.usage, "What the month comes to."),
            ("Stated to Stripe", "stated", months, "stated", meter.stated, "The newest statement of each hour."),
            ("Stripe's own", "stripe", months, "stripe", meter.stripe, "Stripe's sums as last read."),
        ):
            parts = [f"SUMIFS({place.cells(column)},{place.cells('meter')},{heading})" for place in places]
            sheet.total(label, f"control_{key}_{meter.meter}", f"={'+'.join(parts)}", value, meaning)
        for label, count, meaning in (
            ("Hours", meter.hours, "Tenant-hours of this meter in the tie-out."),
            ("Hours explained", meter.explained, "They differ, with a cause."),
            ("Hours unexplained", meter.unexplained, "They differ, and nothing explains it."),
            ("Hours not compared", meter.not_read, "Not compared with Stripe yet: not read since they were stated."),
        ):
            worksheet.write_number(sheet.row, 1, count, sheet.formats[Kind.COUNT.name])
            worksheet.write_string(sheet.row, 2, meaning, sheet.formats["wrapped"])
            sheet.line(label)
        sheet.row += 1
