"""The workbook, read by readers that know nothing of its writer."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from openpyxl.workbook.workbook import Workbook

from fridge_pipeline.finance.pages import sheet as sheet_module
from fridge_pipeline.finance.pages.page import render_page
from fridge_pipeline.finance.pages.tables import SHEETS
from fridge_pipeline.finance.pages.workbook import write_workbook
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.month_summary import summarize
from tests.finance.report.books import (
    MADE_AT,
    METERS,
    empty_books,
    quiet_books,
    tie_out_of,
    troubled_books,
    with_frames,
)
from tests.finance.report.decided_books import with_decisions
from tests.finance.report.html_reading import PageRead
from tests.finance.report.workbook_reading import TITLE_AND_TOTALS, named, read_sheet


@pytest.fixture(scope="session")
def books() -> MonthBooks:
    return with_decisions(troubled_books(tenants=7, days=21))


@pytest.fixture(scope="session")
def path(books: MonthBooks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("workbook") / "usage-2026-01.xlsx"
    write_workbook(books, MADE_AT, path)
    return path


@pytest.fixture(scope="session")
def values(path: Path) -> Workbook:
    """With the numbers that the formulas had when they were written."""
    return openpyxl.load_workbook(path, data_only=True)


@pytest.fixture(scope="session")
def formulas(path: Path) -> Workbook:
    """With the formulas themselves."""
    return openpyxl.load_workbook(path)


def test_totals_on_the_page_equal_those_in_the_workbook_and_the_sums_of_the_books(
    books: MonthBooks, path: Path, values: Workbook
) -> None:
    page = PageRead(render_page(books, [], MADE_AT))
    by_meter = {row[0].split(" (")[0]: row for row in page.table("One row per meter").rows}
    hours, monthly = read_sheet(path, "Hours"), read_sheet(path, "Usage by month")
    for meter in METERS:
        own = tie_out_of(books).filter(pl.col("meter") == meter)
        for at, key, column, heading in (
            (1, "derived", "derived_quantity", "Derived again"),
            (2, "usage", "usage_quantity", "Usage"),
            (3, "stated", "stated_quantity", "Stated to Stripe"),
            (4, "stripe", "stripe_quantity", "Stripe's own"),
        ):
            expected = own[column].sum()
            assert by_meter[meter][at] == f"{expected:,.0f}"
            assert named(values, f"control_{key}_{meter}") == expected
            assert hours.filter(pl.col("Meter") == meter)[heading].sum() == expected
        assert monthly.filter(pl.col("Meter") == meter)["Usage"].sum() == named(values, f"control_usage_{meter}")
    files = summarize(books).files
    once = tie_out_of(books).unique(["tenant_id", "hour"])
    for column in ("file_rows", "inserted", "duplicates", "rejected"):
        assert once[column].sum() == files[column] == named(values, f"control_{column}")
        assert f"{files[column]:,}" in page.text
    assert named(values, "control_rows_lost") == 0


def test_every_sheet_has_every_row_of_its_table(books: MonthBooks, values: Workbook) -> None:
    assert values.sheetnames == ["Summary", "Cut-off", *(table.title for table in SHEETS)]
    for table in SHEETS:
        sheet, frame = values[table.title], table.frame(books)
        headings = [column.heading for column in table.columns]
        above = next(row for row in range(1, 6) if [cell.value for cell in sheet[row]][: len(headings)] == headings)
        assert sheet.max_row - above == frame.height, table.title
        assert sheet.freeze_panes == f"B{above + 1}", "headings and tenants stay in sight"
        assert str(sheet.auto_filter.ref).startswith(f"A{above}:"), table.title
        assert str(sheet.auto_filter.ref).endswith(str(sheet.max_row)), table.title


def test_numbers_are_numbers_and_times_are_times(values: Workbook) -> None:
    sheet = values["Hours"]
    headings = [cell.value for cell in sheet[TITLE_AND_TOTALS + 1]]
    row = dict(zip(headings, sheet[TITLE_AND_TOTALS + 2], strict=True))
    assert row["Hour (UTC)"].value == datetime(2026, 1, 1)  # noqa: DTZ001 - a workbook knows no zones; it is UTC
    assert row["Hour (UTC)"].number_format == "yyyy-mm-dd hh:mm"
    assert (row["Usage"].data_type, row["Usage"].number_format) == ("n", "#,##0")
    assert (row["Late share"].data_type, row["Late share"].number_format) == ("n", "0.0%")
    later = sheet[TITLE_AND_TOTALS + 2 + 2 * 13]
    assert later[2].value == datetime(2026, 1, 1, 13)  # noqa: DTZ001


def test_what_nobody_knows_is_blank_and_never_zero(path: Path, values: Workbook) -> None:
    hours = read_sheet(path, "Hours").filter(pl.col("Tenant") == "tenant-06")
    assert hours["Stripe's own"].null_count() == hours.height
    assert hours["Stated to Stripe"].null_count() == hours.height
    whole = values["Usage by month"]
    (unmapped,) = [
        row for row in whole.iter_rows(min_row=5) if (row[0].value, row[2].value) == ("tenant-06", METERS[0])
    ]
    assert (unmapped[4].value, unmapped[5].value) == (None, None)


def test_totals_are_those_of_the_rows_that_the_filter_shows(formulas: Workbook, values: Workbook) -> None:
    """By meter: quantities of two meters are never added. A hidden column says which rows are shown."""
    sheet, last = formulas["Usage by month"], values["Usage by month"].max_row
    for row, meter in ((2, "active_sensors"), (3, "temperature_readings")):
        shown = f"C5:C{last},C{row},P5:P{last},1"
        assert sheet.cell(row, 3).value == meter
        assert sheet.cell(row, 4).value == f'=IF(COUNTIFS({shown},D5:D{last},"<>")=0,"",SUMIFS(D5:D{last},{shown}))'
        assert values["Usage by month"].cell(row, 4).value == named(values, f"control_usage_{meter}")
    assert {sheet[f"P{row}"].value for row in (5, last)} == {"=SUBTOTAL(103,C5)", f"=SUBTOTAL(103,C{last})"}
    assert sheet.column_dimensions["O"].hidden  # as a group, with P
    assert {sheet[f"O{row}"].value for row in range(1, last + 1)} == {None}, "not beside what is filtered"
    assert "Totals are those of the rows that the filter shows" in sheet["A1"].value
    files, last = formulas["Rows in files"], values["Rows in files"].max_row
    assert files["C2"].value == f'=IF(SUBTOTAL(102,C4:C{last})=0,"",SUBTOTAL(109,C4:C{last}))'
    ((sheet_name, cell),) = formulas.defined_names["control_file_rows"].destinations
    assert str(formulas[sheet_name][cell].value).startswith("=SUM('Rows in files'!$C$4:$C$"), (
        "a filter changes no total"
    )


def test_a_text_is_a_text_whatever_it_looks_like(tmp_path: Path) -> None:
    names = ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "https://example.com", "007", "x" * 40_000, "a\x00b\x1fc"]
    write_workbook(quiet_books(names, days=1), MADE_AT, tmp_path / "a.xlsx")
    workbook = openpyxl.load_workbook(tmp_path / "a.xlsx")
    cells = {cell for row in workbook["Usage by month"].iter_rows(min_row=5, max_col=1) for cell in row}
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.hyperlink for cell in cells} == {None}
    found = {str(cell.value) for cell in cells}
    assert set(names[:5]) <= found
    assert "x" * 32_766 + "…" in found, "as much as a cell takes, and said so"


def test_an_empty_month_has_all_sheets_and_no_number(tmp_path: Path) -> None:
    write_workbook(empty_books(), MADE_AT, tmp_path / "a.xlsx")
    workbook = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert len(workbook.sheetnames) == 2 + len(SHEETS)
    for table in SHEETS:
        texts = [cell.value for row in workbook[table.title].iter_rows() for cell in row if cell.value is not None]
        assert "No rows in this month" in texts
        assert not any(isinstance(text, int | float) for text in texts)
    assert [str(row[1].value) for row in workbook["Summary"].iter_rows(max_row=3) if row[0].value == "Tie-out"] == [
        "○ No data"
    ]


def test_a_table_longer_than_a_sheet_goes_on_in_the_next_and_its_totals_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_module, "SHEET_ROWS_MAX", 40)
    books = quiet_books(["cohoes"], days=2)
    write_workbook(books, MADE_AT, tmp_path / "a.xlsx")
    workbook = openpyxl.load_workbook(tmp_path / "a.xlsx", data_only=True)
    parts = [name for name in workbook.sheetnames if name.startswith("Hours")]
    assert parts == ["Hours", "Hours 2", "Hours 3"]
    assert max(workbook[name].max_row for name in parts) == 40
    rows = [read_sheet(tmp_path / "a.xlsx", name) for name in parts]
    assert sum(part.height for part in rows) == tie_out_of(books).height
    expected = tie_out_of(books).filter(pl.col("meter") == METERS[0])["derived_quantity"].sum()
    assert named(workbook, f"control_derived_{METERS[0]}") == expected
    formula = openpyxl.load_workbook(tmp_path / "a.xlsx").defined_names[f"control_derived_{METERS[0]}"]
    ((sheet, cell),) = formula.destinations
    assert str(openpyxl.load_workbook(tmp_path / "a.xlsx")[sheet][cell].value).count("SUMIFS('Hours") == 3


def test_the_same_books_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        write_workbook(quiet_books(["cohoes"], days=1), MADE_AT, tmp_path / name)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_a_month_that_is_not_compared_with_stripe_says_so_with_numbers_on_page_and_workbook(tmp_path: Path) -> None:
    quiet = quiet_books(["cohoes"], days=1)
    unread = (pl.lit("not_read").alias("status"), pl.lit(None, pl.Float64).alias("stripe_quantity"))
    first = pl.int_range(pl.len()) < 12
    partly = tie_out_of(quiet).with_columns(
        pl.when(first).then(each).otherwise(each.meta.output_name()).alias(each.meta.output_name()) for each in unread
    )
    for tie_out, verdict, compared, not_compared in (
        (tie_out_of(quiet).with_columns(unread), "Not compared with Stripe yet", "not compared with Stripe yet", 48),
        (partly, "36 of 48 hours compared with Stripe", "36 of 48 hours compared with Stripe", 12),
    ):
        books = with_frames(quiet, tie_out=tie_out)
        text = PageRead(render_page(books, [], MADE_AT)).text
        assert f"○ {verdict}." in text
        assert "Ties out" not in text
        assert "Every difference has a cause" not in text
        write_workbook(books, MADE_AT, tmp_path / "month.xlsx")
        sheet = openpyxl.load_workbook(tmp_path / "month.xlsx", data_only=True)["Summary"]
        told = [(row[0].value, row[1].value) for row in sheet.iter_rows(max_col=2)]
        assert ("Tie-out", f"○ {verdict}") in told
        assert ("Compared", compared) in told
        assert sum(int(str(value)) for name, value in told if name == "Hours not compared") == not_compared
        assert f"{not_compared} are not compared with Stripe yet; in all {compared}." in text
