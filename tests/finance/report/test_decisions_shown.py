"""Who signed, reopened, released and withdrew stands in the report; exceptions say how much they are about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from fridge_pipeline.finance.pages.page import render_page
from fridge_pipeline.finance.pages.workbook import write_workbook
from tests.finance.report.books import MADE_AT, METERS, closed_books, hour_of, rows, troubled_books
from tests.finance.report.decided_books import REOPENED_FOR, with_decisions
from tests.finance.report.html_reading import PageRead
from tests.finance.report.workbook_reading import read_sheet


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("decisions") / "a.xlsx"
    write_workbook(with_decisions(troubled_books(tenants=13, days=21)), MADE_AT, path)
    return path


def test_the_page_lists_every_signature_of_the_month_and_why_it_was_reopened(page: PageRead) -> None:
    table = page.table("One row per signature about the month")
    columns = (table.column(name) for name in ("Number", "What", "Who", "Machine", "Why"))
    assert list(zip(*columns, strict=True)) == [
        ("11", "prepared", "ada", "books-1", ""),
        ("12", "approved: closed", "grace", "books-1", ""),
        ("13", "reopened", "grace", "books-1", REOPENED_FOR),
    ]


def test_an_open_exception_says_how_many_units_it_is_about_and_until_when(page: PageRead) -> None:
    table = page.table("One row per kind, tenant and subject")
    told = {
        about: (owed, deadline)
        for about, owed, deadline in zip(
            table.column("About"), table.column("Units owed"), table.column("Deadline (UTC)"), strict=True
        )
    }
    assert told == {
        METERS[0]: ("2,310", ""),
        METERS[1]: ("14", "2026-02-06 16:00"),
        "2026-01-08/16/gateway-9.csv": ("not a quantity", ""),
    }


def test_an_exception_about_invoices_is_shown_with_its_units_and_its_money(tmp_path: Path) -> None:
    missed = {"kind": "not_invoiced", "tenant_id": "tenant-01", "opened_at": hour_of(9, 4), "detail": "two periods"}
    books = replace(
        troubled_books(tenants=13, days=21),
        exceptions_open=rows(
            "exceptions_open",
            missed | {"subject": METERS[0], "not_invoiced": 1.5, "amount_minor_units": 5, "currency": "usd"},
            missed | {"subject": METERS[0], "not_invoiced": 12.0, "amount_minor_units": 6, "currency": "usd"},
            missed | {"subject": METERS[1], "not_invoiced": -3.0, "amount_minor_units": -70, "currency": "jpy"},
        ),
    )
    table = PageRead(render_page(books, [], MADE_AT)).table("One row per kind, tenant and subject")
    columns = (table.column(name) for name in ("About", "Units owed", "Money"))
    assert sorted(zip(*columns, strict=True)) == [
        (METERS[1], "-3", "-70 JPY"),
        (METERS[0], "13.5", "0.11 USD"),
    ]
    write_workbook(books, MADE_AT, tmp_path / "a.xlsx")
    sheet = read_sheet(tmp_path / "a.xlsx", "Exceptions", 1)
    assert sheet.select("Units owed", "Money").rows() == [(1.5, "0.05 USD"), (12, "0.06 USD"), (-3, "-70 JPY")]


def test_beside_what_is_billed_stands_what_its_invoices_owe_in_units_and_money(tmp_path: Path) -> None:
    """``100 % billed`` is what Stripe counts: a controller took it for what is invoiced."""
    found = {"opened_at": hour_of(9, 4), "detail": "x", "currency": "usd", "tenant_id": "tenant-01"}
    books = replace(
        troubled_books(tenants=13, days=21),
        exceptions_open=rows(
            "exceptions_open",
            found | {"kind": "not_invoiced", "subject": METERS[0], "not_invoiced": 10.0, "amount_minor_units": 13},
            found | {"kind": "not_invoiced", "subject": METERS[0], "not_invoiced": 3.0, "currency": None},
            found
            | {"kind": "invoiced_too_much", "subject": f"{METERS[0]} cus_1", "not_invoiced": -1500.0}
            | {"tenant_id": None, "amount_minor_units": -2000},
            found | {"kind": "not_invoiced", "subject": METERS[1], "currency": None},
            found | {"kind": "unmapped", "subject": METERS[1], "owed": 7},
        ),
    )
    told = {
        METERS[0]: "on invoices: 13 not invoiced (0.13 USD, 3 without a price), 1,500 invoiced too much (20.00 USD)",
        METERS[1]: "on invoices: 0 not invoiced (a document that reaches nobody)",
    }
    text = PageRead(render_page(books, [], MADE_AT)).text
    assert f"5 lost (5.0 %: 5 too late); {told[METERS[0]]}" in text
    assert f"{METERS[1]} : {told[METERS[1]]}" in text
    write_workbook(books, MADE_AT, tmp_path / "a.xlsx")
    said = [value for row in openpyxl.load_workbook(tmp_path / "a.xlsx")["Summary"].values for value in row if value]
    assert [each for each in said if str(each).endswith(told[METERS[0]])] != []
    assert told[METERS[1]] in said


def test_the_workbook_has_sheets_of_signatures_releases_withdrawals_and_files(path: Path) -> None:
    signed = read_sheet(path, "Signatures", 1)
    assert signed["What"].to_list() == ["prepared", "approved: closed", "reopened"]
    released = read_sheet(path, "Releases", 1)
    assert released.select("Tenant", "Usage", "Who", "Why").rows() == [("tenant-12", 2310, "grace", "a new cold store")]
    withdrawn = read_sheet(path, "Withdrawals", 2)
    assert withdrawn.select("File", "Inserted", "Who", "Why").rows() == [
        ("2026-01-08/04/gateway-3.csv", 90, "ada", "readings of the test bench")
    ]
    files = read_sheet(path, "Files", 2)
    assert files.filter(
        pl.col("Rows in files") != pl.col("Inserted") + pl.col("Duplicates") + pl.col("Rejected")
    ).is_empty()
    assert files["Withdrawn"].to_list() == ["no", "no", "yes"]


def test_a_printed_page_has_a_block_to_sign_in_with_the_names_of_those_who_have_signed() -> None:
    read = PageRead(render_page(closed_books(), [], MADE_AT))
    assert "Prepared by ada Name Date Signature Approved by grace Name Date Signature" in read.text
