"""The month's workbook: every table in full, a first sheet with the control totals and how to read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from fridge_pipeline.finance.pages.columns import Kind
from fridge_pipeline.finance.pages.cut_off_sheet import write_cut_off
from fridge_pipeline.finance.pages.sheet import NUMBER_FORMATS, Formats, Sheet, write_table
from fridge_pipeline.finance.pages.signed_tables import changed_in_words
from fridge_pipeline.finance.pages.streamed_workbook import StreamedWorkbook
from fridge_pipeline.finance.pages.tables import FILE_ROWS, HOURS, SHEETS, USAGE_BY_MONTH
from fridge_pipeline.finance.pages.words import (
    HOW_TO_READ,
    MONTH_STATES,
    compared_in_words,
    meter_in_words,
    outcome_lines,
    verdict_in_words,
)
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.month_summary import MonthSummary, Row, summarize
from fridge_pipeline.finance.rules.signed_and_now import changed_meters
from fridge_pipeline.finance.rules.stamp import Stamp

SUMMARY = "Summary"
#: Excel's own limit.
HEADER_CHARACTERS_MAX = 255
ROWS_LOST = "=control_file_rows-control_inserted-control_duplicates-control_rejected"
#: Nothing that stands in a text may become a formula, a link or a number.
OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the first sheet: a label, what is said or counted, and what that means.

    A control total has a ``name``, so that other workbooks can refer to it, and the ``formula`` that it comes to; its
    ``value`` is ``None`` where nothing is on record. Missing is not zero.
    """

    label: str = ""
    value: str | float | datetime | None = ""
    meaning: str = ""
    name: str = ""
    formula: str = ""
    is_heading: bool = False


def write_workbook(books: MonthBooks, made_at: datetime, path: Path, stamp: Stamp | None = None) -> None:
    """Writes the workbook of a month to a file; the same books and time give the same bytes.

    The ``stamp`` stands on the first sheet in full, and in a line on every sheet and printed page.
    """
    created = made_at.astimezone(UTC).replace(tzinfo=None)
    with StreamedWorkbook(path, OPTIONS) as workbook:
        workbook.set_properties({"title": f"Usage {books.month.key}", "created": created})
        formats = _formats(workbook)
        first = workbook.add_worksheet(SUMMARY)
        written: dict[str, list[Sheet]] = {}
        counted = []
        write_cut_off(workbook, formats, books, stamp.line if stamp is not None else "")
        for table in SHEETS:
            stamped = replace(table, meaning=f"{table.meaning}. {stamp.line}") if stamp is not None else table
            written[table.title] = write_table(workbook, formats, stamped, books)
            height = sum(sheet.last_row + 1 - sheet.first_row for sheet in written[table.title])
            counted.append(_Line(table.title, height, f"{table.meaning}."))
        summary = summarize(books)
        lines = [*_head(summary, created), *_changes(books), *_stamped(stamp), _Line()]
        if not books.is_empty:
            lines += _file_totals(summary.files, written[FILE_ROWS.title])
            for meter in summary.meters:
                lines += _meter_totals(meter, written)
        lines += [_Line("Sheets", is_heading=True), *counted, _Line(), _Line("How to read this", is_heading=True)]
        lines += [_Line(word, "", meaning) for word, meaning in HOW_TO_READ]
        if stamp is not None:
            for sheet in workbook.worksheets():
                sheet.set_header(f"&L{stamp.line.replace('&', '&&')}"[:HEADER_CHARACTERS_MAX])
        _write_lines(workbook, first, formats, f"Usage of {books.month.first_day:%B %Y}", lines)


def _formats(workbook: xlsxwriter.Workbook) -> Formats:
    heading = {"bold": True, "bottom": 1, "bg_color": "#EAF0F4"}
    formats = {
        "title": workbook.add_format({"bold": True, "font_size": 16}),
        "label": workbook.add_format({"valign": "top"}),
        "note": workbook.add_format({"italic": True, "font_color": "#4A5560"}),
        "heading": workbook.add_format(heading),
        "number heading": workbook.add_format(heading | {"align": "right"}),
        "wrapped": workbook.add_format({"text_wrap": True, "valign": "top"}),
        "right": workbook.add_format({"align": "right", "valign": "top", "italic": True}),
        "total": workbook.add_format({"bold": True}),
    }
    for kind, (pattern, _) in NUMBER_FORMATS.items():
        total = NUMBER_FORMATS[Kind.COUNT][0] if kind is Kind.NUMBER else pattern
        formats[kind.name] = workbook.add_format({"num_format": pattern, "valign": "top"})
        formats[f"total {kind.name}"] = workbook.add_format({"num_format": total, "bold": True})
    return formats


def _head(summary: MonthSummary, created: datetime) -> Iterator[_Line]:
    symbol, word, sentence = verdict_in_words(summary)
    signed = summary.signatures
    for meter, outcome in outcome_lines(summary):
        yield _Line(f"Billed: {meter}", outcome, "What has become of its usage by now, and what its invoices owe.")
    yield _Line("Tie-out", f"{symbol} {word}", sentence)
    compared = compared_in_words(*summary.compared)
    yield _Line("Compared", compared, "An hour here is one hour of one tenant on one meter.")
    yield _Line("Month", signed["status"], MONTH_STATES.get(signed["status"], ""))
    yield _Line("Prepared by", signed["prepared_by"] or "nobody")
    yield _Line("Approved by", signed["approved_by"] or "nobody")
    yield _Line("Made at (UTC)", created)


def _stamped(stamp: Stamp | None) -> Iterator[_Line]:
    if stamp is not None:
        yield _Line("Books", stamp.kind)
        for label, text in stamp.lines():
            yield _Line(label, "", text)


def _changes(books: MonthBooks) -> Iterator[_Line]:
    for meter in changed_meters(books):
        yield _Line("Not what was signed any more", meter.meter, f"{changed_in_words(meter)}. See Signed and now.")


def _file_totals(files: Row, places: Sequence[Sheet]) -> Iterator[_Line]:
    yield _Line("Rows in files", is_heading=True)
    for label, name, meaning in (
        ("Rows in files", "file_rows", "Rows of the landing files that gateways delivered."),
        ("Inserted", "inserted", "Readings stored for the first time: these are the usage."),
        ("Duplicates", "duplicates", "Readings that were stored already; they never count again."),
        ("Rejected", "rejected", "Rows that are no valid reading; kept with file, line and reason."),
    ):
        formula = f"=SUM({','.join(place.cells(name) for place in places)})" if places else ""
        yield _Line(label, files[name], meaning, f"control_{name}", formula)
    lost, meaning = files["difference"], "Must be 0: nothing vanishes."
    yield _Line("Rows without an outcome", lost, meaning, "control_rows_lost", ROWS_LOST)
    if files["tenant_hours_not_recorded"]:
        said = f"{files['tenant_hours_not_recorded']:,} of {files['tenant_hours']:,} tenant-hours"
        yield _Line("Hours not recorded", said)
    yield _Line()


def _meter_totals(meter: Row, written: dict[str, list[Sheet]]) -> Iterator[_Line]:
    hours, months, name = written[HOURS.title], written[USAGE_BY_MONTH.title], meter["meter"]
    yield _Line(meter_in_words(name), is_heading=True)
    for label, key, places, column, meaning in (
        ("Derived again", "derived", hours, "derived_quantity", "Counted a second time, in SQL."),
        ("Usage", "usage", months, "quantity", "What the month comes to."),
        ("Stated to Stripe", "stated", months, "stated", "The newest statement of each hour."),
        ("Stripe's own", "stripe", months, "stripe", "Stripe's sums as last read."),
    ):
        text = name.replace('"', '""')
        parts = [f'SUMIFS({place.cells(column)},{place.cells("meter")},"{text}")' for place in places]
        yield _Line(label, meter[key], meaning, f"control_{key}_{name}", f"={'+'.join(parts)}")
    yield _Line("Hours", meter["hours"], "Tenant-hours of this meter in the tie-out.")
    yield _Line("Hours explained", meter["explained"], "They differ, with a cause.")
    yield _Line("Hours unexplained", meter["unexplained"], "They differ, and nothing explains it.")
    meaning = "Not compared with Stripe yet: not read, or not since they were stated."
    yield _Line("Hours not compared", meter["not_read"], meaning)
    yield _Line()


def _write_lines(
    workbook: xlsxwriter.Workbook, worksheet: Any, formats: Formats, title: str, lines: Sequence[_Line]
) -> None:
    for at, width in enumerate((34, 26, 95)):
        worksheet.set_column(at, at, width)
    worksheet.hide_gridlines(2)
    worksheet.write_string(0, 0, title, formats["title"])
    names: set[str] = set()
    for row, line in enumerate(lines, start=2):
        for at, text, form in (
            (0, line.label, "heading" if line.is_heading else "label"),
            (2, line.meaning, "wrapped"),
        ):
            if text:
                worksheet.write_string(row, at, text, formats[form])
        _write_value(worksheet, row, line, formats)
        if line.formula and line.value is not None:
            name = re.sub(r"[^A-Za-z0-9_]", "_", line.name)
            while name.lower() in names:
                name += "_"
            names.add(name.lower())
            workbook.define_name(name, f"={SUMMARY}!$B${row + 1}")
    worksheet.set_first_sheet()
    worksheet.activate()


def _write_value(worksheet: Any, row: int, line: _Line, formats: Formats) -> None:
    match line.value:
        case "":
            return
        case None:
            worksheet.write_string(row, 1, "not on record", formats["right"])
        case str():
            worksheet.write_string(row, 1, line.value, formats["wrapped"])
        case datetime():
            worksheet.write_datetime(row, 1, line.value, formats[Kind.MOMENT.name])
        case number if line.formula:
            worksheet.write_formula(row, 1, line.formula, formats[Kind.COUNT.name], number)
        case number:
            worksheet.write_number(row, 1, number, formats[Kind.COUNT.name])
