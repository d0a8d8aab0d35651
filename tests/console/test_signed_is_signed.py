"""Law L13 on every page of a closed month that a late file has changed: what was signed, and what is now beside it."""

from __future__ import annotations

import io

import openpyxl
import pytest

from tests.console.conftest import Shown
from tests.finance.evidence.books import HOURS
from tests.finance.report.html_reading import PageRead

#: Two of its 7 readings came late, in the first hour, and were signed; the late file brought 5 more into the second.
SIGNED, NOW = "8", "13"
SIGNED_HOUR, HOUR_NOW = "3", "8"

#: The page, its table, whose row, and the columns in which signed and now stand.
READINGS = ("Meter", "temperature_readings")
PAGES = (
    ("/index", "standing", ("Month", "2026-01"), ("Signed usage", "Usage now"), None),
    ("/months/2026-01", "figures", READINGS, ("Signed usage", "Usage now"), None),
    ("/months/2026-01", "changes", READINGS, ("Signed usage", "Usage now"), (SIGNED_HOUR, HOUR_NOW)),
    ("/tenants?month=2026-01&tenant=cohoes", "tenants", READINGS, ("Signed usage", "Usage"), (SIGNED, NOW)),
    ("/tenants/cohoes", "signed", READINGS, ("Signed usage", "Usage now"), (SIGNED, NOW)),
    (
        "/tenants/cohoes/months/2026-01",
        "hours",
        ("Hour (UTC)", "2026-01-31T23:00:00Z"),
        ("Signed usage", "Usage"),
        (SIGNED_HOUR, HOUR_NOW),
    ),
    (f"/tenants/cohoes/hours/{HOURS[1].key}", "tie_out", READINGS, ("Signed usage", "Usage"), (SIGNED_HOUR, HOUR_NOW)),
    ("/invoices/in_1", "periods", READINGS, ("Signed usage", "Usage now"), (SIGNED, NOW)),
    (
        "/invoices/in_1/lines/il_1",
        "hours",
        ("Hour (UTC)", "2026-01-31T23:00:00Z"),
        ("Signed usage", "Usage"),
        (SIGNED_HOUR, HOUR_NOW),
    ),
    (
        "/cutoff?tenant=cohoes",
        "cutoff",
        ("Billed in", "2026-01"),
        ("Whole month as signed", "Whole month now"),
        (SIGNED, NOW),
    ),
)


COMPARISON = """
    insert into fridge.invoice_comparisons (
        invoice_id, tenant_id, stripe_customer_id, event_name, period_start, period_end, usage_quantity,
        accepted_quantity, invoice_quantity, difference, compared_at
    )
    select invoice_id, tenant_id, stripe_customer_id, 'temperature_readings', '2026-01-01Z', '2026-02-01Z', 8, 8, 8, 0,
        now()
    from fridge.invoices
"""


@pytest.fixture(scope="module")
def compared(shown: Shown) -> Shown:
    """With an invoice that was compared when it billed what was signed."""
    with shown.books.database.connect() as connection:
        connection.execute(COMPARISON)
    return shown


@pytest.mark.parametrize(("path", "table", "row", "columns", "numbers"), PAGES, ids=[page[0] for page in PAGES])
def test_signed_is_signed_on_every_page_of_a_closed_month_with_now_beside_it(
    compared: Shown,
    path: str,
    table: str,
    row: tuple[str, str],
    columns: tuple[str, str],
    numbers: tuple[str, str] | None,
) -> None:
    name, value = row
    rows = [
        each for each in compared.table(path, table) if each[name] == value and "active" not in each.get("Meter", "")
    ]
    assert rows, compared.table(path, table)
    signed, now = (rows[0][column] for column in columns)
    assert int(now) - int(signed) == int(HOUR_NOW) - int(SIGNED_HOUR)
    assert numbers in {None, (signed, now)}
    address, _, query = path.partition("?")
    page = PageRead(compared.ask(f"{'/' if address == '/index' else address}?{query}").text)
    assert all(column in page.text for column in columns)
    book = openpyxl.load_workbook(io.BytesIO(compared.ask(f"{address}.xlsx?{query}").content))
    cells = {cell.value for sheet in book.worksheets for line in sheet.iter_rows() for cell in line}
    assert {int(signed), int(now)} <= cells


def test_signed_and_now_stand_in_the_list_of_invoices_where_they_differ(compared: Shown) -> None:
    (row,) = compared.table("/invoices")
    assert f"temperature_readings: signed {SIGNED}, now {NOW}" in row["Signed and now"]


def test_what_nobody_has_signed_is_not_said_to_be_signed(compared: Shown) -> None:
    assert {row["Signed usage"] for row in compared.table("/tenants?month=2026-02")} == {""}
    hours = compared.table("/tenants/cohoes/months/2026-02")
    assert hours
    assert {row["Signed usage"] for row in hours} == {""}
