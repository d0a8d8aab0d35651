"""The cut-off of a month on page and workbook: the same numbers, and an estimate that says what it rests on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from fridge_pipeline.finance.pages.page import render_page
from fridge_pipeline.finance.pages.workbook import write_workbook
from fridge_pipeline.finance.rules.month_books import MonthBooks
from tests.finance.report.books import MADE_AT, METERS, MONTH, quiet_books, rows
from tests.finance.report.decided_books import EARLIER, with_decisions
from tests.finance.report.html_reading import PageRead

MATRIX = "One row per month billed: in which months its temperature_readings was recorded"


@pytest.fixture(scope="module")
def books() -> MonthBooks:
    return with_decisions(quiet_books(["tenant-00"], days=2))


@pytest.fixture(scope="module")
def shown(books: MonthBooks) -> PageRead:
    return PageRead(render_page(books, [], MADE_AT))


def test_the_matrix_says_of_each_month_billed_when_it_was_recorded_and_adds_up_to_it(
    books: MonthBooks, shown: PageRead
) -> None:
    table = shown.table(MATRIX)
    assert [heading for heading, _ in table.headings] == [
        *("Billed in", "2025-08", "2025-09", "2025-10", "2025-11", "2025-12", "2026-01", "In all")
    ]
    assert table.rows[0] == ["2025-08", "300", "", "", "", "", "", "300"]
    assert table.rows[1] == ["2025-09", "100", "300", "", "", "", "", "400"]
    usage = books.usage_monthly.filter(pl.col("meter") == METERS[0])["quantity"].sum()
    before, own = (int(cell.replace(",", "")) for cell in table.rows[-1][5:7])
    assert (before + own, table.rows[-1][-1]) == (usage, f"{usage:,}")
    assert (
        f"{usage:,} billed in January 2026: {own:,} recorded in January 2026, {before:,} recorded before." in shown.text
    )


def test_the_estimate_is_shown_with_what_it_rests_on_or_with_why_there_is_none(
    books: MonthBooks, shown: PageRead
) -> None:
    in_time = shown.table(MATRIX).rows[-1][6]
    own = int(in_time.replace(",", ""))
    lateness = shown.table("One row per service month: of its temperature_readings that has arrived")
    assert lateness.rows[0] == ["2025-08", "75.0%", "25.0%", "0.0%", "0.0%", "0.0%", "0.0%"]
    assert lateness.rows[-1] == ["2026-01", "100.0%", "", "", "", "", ""], "what cannot have come yet is not zero"
    expected = shown.table("One row per service month that is estimated")
    assert expected.rows[0] == ["2026-01", in_time, f"{round(own / 3):,}"]
    assert (
        "From in the month to 1 month after what had arrived grew 1.3333 times, in the 4 closed service months 2025-08 "
        "to 2025-11." in shown.text
    )
    assert "Estimate for accruals: about " in shown.text
    assert "What comes more than 2 months after is not in it." in shown.text
    alone = replace(books, stg_month_signoffs=books.stg_month_signoffs.clear())
    none = PageRead(render_page(alone, [], MADE_AT)).text
    assert (
        "No estimate: fewer than 3 service months are closed together with the month after them; there are 0." in none
    )
    assert "Estimate for accruals" not in none


def test_what_is_not_on_record_has_a_column_of_its_own_and_makes_no_estimate(books: MonthBooks) -> None:
    unknown = rows(
        "usage_by_service_month",
        {"tenant_id": "tenant-00", "meter": METERS[0], "month_billed": MONTH.first_day, "quantity": 7},
    )
    with_unknown = replace(books, usage_by_service_month=pl.concat([books.usage_by_service_month, unknown]))
    read = PageRead(render_page(with_unknown, [], MADE_AT))
    assert read.table(MATRIX).column("Not on record") == ["", "", "", "", "", "7"]
    assert "7 with no month on record." in read.text
    assert "No estimate: of some of this usage it is not on record when it was recorded." in read.text


def test_the_workbook_has_the_same_matrix_and_every_tenant_by_month_recorded(
    books: MonthBooks, shown: PageRead, tmp_path: Path
) -> None:
    write_workbook(books, MADE_AT, tmp_path / "a.xlsx")
    values = openpyxl.load_workbook(tmp_path / "a.xlsx", data_only=True)
    cells = [[cell for cell in row if cell is not None] for row in values["Cut-off"].iter_rows(values_only=True)]
    at = cells.index([MATRIX])
    for row, expected in zip(cells[at + 2 :], shown.table(MATRIX).rows, strict=False):
        assert [f"{cell:,}" if isinstance(cell, int) else cell for cell in row] == [cell for cell in expected if cell]
    sheet = values["Months recorded"]
    found = [row[:5] for row in sheet.iter_rows(min_row=5, values_only=True)]
    assert len(found) == books.usage_by_service_month.height
    assert {str(row[2])[:7] for row in found} == {f"{month:%Y-%m}" for month in [*EARLIER, MONTH.first_day]}
