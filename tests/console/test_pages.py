"""The console over HTTP: what each page shows, and what none of them does."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import openpyxl
import psycopg
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.console.console_columns import CHECKS
from fridge_pipeline.console.read_tables import NotAReaderError, Reader
from fridge_pipeline.invoices.rules.money import money
from tests.console.conftest import Shown
from tests.finance.evidence.books import HOURS
from tests.finance.report.html_reading import PageRead

PLACES = {"tenant": "cohoes", "month": "2026-01", "hour": HOURS[0].key, "invoice": "in_1", "line": "il_1"}


def addresses(shown: Shown) -> list[str]:
    """One of every page."""
    return [page.path.format(**PLACES) for page in shown.console.pages]


def read(shown: Shown, path: str) -> PageRead:
    """A page that is there."""
    answer = shown.ask(path)
    assert answer.status_code == 200, (path, answer.text)
    return PageRead(answer.text)


def links(page: PageRead) -> Iterator[str]:
    """Where a page leads."""
    return (str(each["href"]) for each in page.of("a"))


def test_every_page_is_there_with_a_caption_and_scopes_and_every_link_of_it_leads_to_something(shown: Shown) -> None:
    seen: set[str] = set()
    for path in addresses(shown):
        page = read(shown, path)
        assert all(table.caption and all(scope == "col" for _, scope in table.headings) for table in page.tables), path
        assert [level for level, _ in page.headings].count(1) == 1
        assert page.of("script") == []
        assert all("style" not in attributes for _, attributes in page.tags)
        seen.update(link.partition("#")[0] for link in links(page))
    there = {link: shown.ask(link).status_code for link in sorted(seen - {""})}
    assert len(there) > 120
    assert {link: status for link, status in there.items() if status != 200} == {}


def test_every_page_is_a_csv_and_a_workbook_of_exactly_the_rows_it_shows(shown: Shown) -> None:
    tables = 0
    for path in addresses(shown):
        page = read(shown, path)
        declared = next(each for each in shown.console.pages if each.path.format(**PLACES) == path).tables
        target = "/index" if path == "/" else path
        sheets = openpyxl.load_workbook(io.BytesIO(shown.ask(f"{target}.xlsx").content))
        shown_tables = iter(page.tables)
        for table in declared:
            rows = shown.table(target, table.name)
            sheet = sheets[table.title[:31]]
            assert sheet.max_row - 2 == len(rows), (path, table.name)
            if rows:
                on_page = next(shown_tables)
                assert [name for name, _ in on_page.headings] == list(rows[0]), (path, table.name)
                assert len(on_page.rows) == len(rows), (path, table.name)
                tables += 1
    assert tables > 25


def test_a_number_on_the_page_is_the_number_in_the_csv(shown: Shown) -> None:
    on_page = read(shown, "/tenants?month=2026-01").table("One row per tenant and meter")
    in_csv = shown.table("/tenants?month=2026-01")
    assert on_page.column("Usage") == [row["Usage"] or "no usage on record" for row in in_csv]
    found = {(row["Tenant"], row["Meter"]): int(row["Usage"]) for row in in_csv if row["Usage"]}
    usage = shown.books.usage()
    hours = (HOURS[0].key, HOURS[1].key)
    assert found["cohoes", "temperature_readings"] == sum(usage["cohoes", key][0] for key in hours)
    assert found["cohoes", "active_sensors"] == sum(usage["cohoes", key][1] for key in hours)


def test_what_a_text_of_the_books_says_is_text_on_the_page_and_no_formula_in_csv(shown: Shown) -> None:
    page = shown.ask("/unbilled").text
    assert "<b>nobody</b>" not in page
    assert "&lt;b&gt;nobody&lt;/b&gt;" in page
    odd = read(shown, "/tenants/%2E%2E%2Fetc")
    assert odd.headings[0] == (1, "Tenant ../etc")
    assert read(shown, "/tenants/A%2Fb").headings[0] == (1, "Tenant A/b")


def test_a_closed_month_shows_what_was_signed_with_what_it_is_now_beside(shown: Shown) -> None:
    by_meter = {row["Meter"]: row for row in shown.table("/months/2026-01")}
    of = by_meter["temperature_readings"]
    assert int(of["Usage now"]) - int(of["Signed usage"]) == 5
    (changed,) = (row for row in shown.table("/months/2026-01", "changes") if row["Meter"] == "temperature_readings")
    assert (changed["Tenant"], changed["Change"], changed["Hour (UTC)"]) == ("cohoes", "5", "2026-01-31T23:00:00Z")
    page = read(shown, "/months/2026-01")
    assert "2026-01 is closed, approved by grace" in page.text
    assert "neither signature nor time stamp beside it" in page.text
    assert "2026-02 is open" in read(shown, "/months/2026-02").text


def test_what_was_not_read_of_stripe_is_not_read_and_never_a_number(shown: Shown) -> None:
    read_hour, unread = (
        shown.table(f"/tenants/cohoes/hours/{hour.key}", "tie_out")[0]["Stripe's own"] for hour in (HOURS[0], HOURS[2])
    )
    assert (read_hour, unread) == ("2", "")
    page = read(shown, f"/tenants/cohoes/hours/{HOURS[2].key}").table("One row per meter")
    assert set(page.column("Stripe's own")) == {"not read"}


def test_an_hour_is_shown_from_its_files_to_stripes_answers(shown: Shown) -> None:
    address = f"/tenants/cohoes/hours/{HOURS[0].key}"
    files = {row["File"].rpartition("/")[2]: row for row in shown.table(address, "files")}
    assert sorted(files) == ["a.csv", "b.csv", "late.csv"]
    assert (files["b.csv"]["Inserted"], files["b.csv"]["Duplicates"], files["b.csv"]["Rejected"]) == ("0", "3", "1")
    revisions = [row for row in shown.table(address, "statements") if row["Meter"] == "temperature_readings"]
    assert [(row["Revision"], row["Quantity"]) for row in revisions] == [("1", "3"), ("2", "5")]
    sent = shown.table(address, "deliveries")
    assert {row["Came to"] for row in sent} == {"accepted"}
    assert all(row["Stripe request"].startswith("req_") for row in sent)


def test_the_unbilled_hours_of_the_first_page_are_those_that_are_listed(shown: Shown) -> None:
    first = {(row["Why"], row["Meter"]): int(row["Units owed"]) for row in shown.table("/index", "unbilled")}
    listed: dict[str, int] = {}
    for row in shown.table("/unbilled"):
        listed[row["Meter"]] = listed.get(row["Meter"], 0) + int(row["Units owed"])
    assert (
        sum(owed for (_, meter), owed in first.items() if meter == "temperature_readings")
        == listed["temperature_readings"]
    )
    (row,) = (row for row in shown.table("/index", "freshness") if row["What"].startswith("Oldest hour"))
    assert row["When (UTC)"] == "2026-01-31 23:00"


def test_a_sample_is_drawn_again_by_the_same_seed_and_another_by_another(shown: Shown) -> None:
    drawn = [shown.table(f"/sample?n=4&seed={seed}&month=2026-01") for seed in (7, 7, 8)]
    assert len(drawn[0]) == 4
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(row["SHA-256 of the files"] for row in drawn[0])


def test_the_time_line_has_every_act_of_a_person(shown: Shown) -> None:
    acts = shown.table("/changes?person=grace")
    assert ("month closed", "2026-01") in {(row["What"], row["About"]) for row in acts}
    whole = {row["What"] for row in shown.table("/changes")}
    assert whole >= {"tenant mapped", "month prepared", "role given", "schema changed", "evidence pack made"}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/tenants/nobody", "The books know no tenant nobody"),
        ("/months/2031-01", "The books hold no landing file, no usage and no signature of 2031-01"),
        ("/months/soon", "&#39;soon&#39; is not a month; write it like 2026-01"),
        ("/tenants/cohoes/hours/now", "now"),
        ("/invoices/in_2", "No invoice in_2 with a line of our meters was read"),
        ("/invoices/in_1/lines/il_2", "The invoice in_1 has no line il_2"),
        ("/tenants?name=x", "This page has no filter"),
        ("/exceptions?kind=x", "is no kind of this page"),
        ("/sample?n=100000", "a sample has 200 hours at most"),
        ("/exceptions?page=0", "is not a whole number above 0"),
        ("/reports/%2e%2e/tenant-links.key", "There is no such report"),
        ("/secret", "There is no page"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_in_a_sentence(shown: Shown, path: str, says: str) -> None:
    answer = shown.ask(path)
    assert answer.status_code == 404
    assert says.lower() in answer.text.lower()


def test_it_only_shows_and_only_under_its_own_name(shown: Shown) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert shown.ask("/", method, **{"content-type": "application/json"}).status_code == 405, method
    assert shown.ask("/", host="rebound.example").status_code == 403
    assert shown.ask("/", "HEAD").status_code == 200
    answer = shown.ask("/")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert shown.ask("/console.css").headers["content-type"].startswith("text/css")
    assert shown.ask("/reports/2026-02/usage-2026-02.html").text == "<title>The report</title>"


def test_it_reads_as_finance_and_refuses_to_start_as_the_pipeline(shown: Shown) -> None:
    assert shown.console.reader is not None
    with shown.console.reader.connection() as connection:
        assert connection.execute("select session_user::text").fetchone() == ("fridge_finance",)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create table fridge.mine (number integer)")
    shown.console.reader.require_reader()
    with pytest.raises(NotAReaderError, match="may change"):
        Reader(shown.books.database, shown.books.clock).require_reader()


def test_an_amount_is_in_the_unit_of_its_currency() -> None:
    amounts = ((123456, "usd"), (123456, "jpy"), (-5, "kwd"), (500, "isk"), (Decimal("5.250"), "usd"))
    assert [money(*each) for each in amounts] == [
        "1,234.56 USD", "123,456 JPY", "-0.005 KWD", "5.00 ISK", "0.0525 USD",
    ]  # fmt: skip


def test_hours_are_named_as_everywhere(shown: Shown) -> None:
    assert f"/tenants/cohoes/hours/{Hour(HOURS[0].start).key}" in set(
        links(read(shown, "/tenants/cohoes/months/2026-01"))
    )


def test_a_file_says_by_its_name_and_a_workbook_on_each_sheet_what_was_asked_for(shown: Shown) -> None:
    asked = "/sample.xlsx?n=4&seed=7&month=2026-01"
    answer = shown.ask(asked)
    assert 'filename="sample-n-4-seed-7-month-2026-01.xlsx"' in answer.headers["content-disposition"]
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content))["Sample"]
    assert str(sheet["A1"].value).endswith("Asked for: /sample?n=4&seed=7&month=2026-01")
    named = shown.ask("/sample.csv?n=4&seed=8&month=2026-01").headers["content-disposition"]
    assert 'filename="sample-n-4-seed-8-month-2026-01-sample.csv"' in named


def test_the_address_of_a_further_page_leads_there_again_and_beyond_the_last_nothing_is_claimed(shown: Shown) -> None:
    page = read(shown, "/unbilled?tenant=cohoes&page=2")
    assert "/unbilled?tenant=cohoes&page=2" in set(links(page))
    assert "No further rows." in page.text
    assert "Its address holds all that was asked: /unbilled?tenant=cohoes&page=2" in page.text


def test_a_tenant_that_the_books_do_not_know_is_said_to_be_unknown_and_not_to_have_nothing(shown: Shown) -> None:
    pages = [page.path for page in shown.console.pages if any(each.exists for each in page.filters)]
    assert len(pages) > 6
    for path in pages:
        answer = shown.ask(f"{path}?tenant=chooes")
        assert (answer.status_code, "The books know no tenant chooes" in answer.text) == (404, True), path
        assert shown.ask(f"{path}.csv?tenant=chooes").status_code == 404, path
    assert (
        "No usage waits. Asked for: tenant cohoes, month 2031-01."
        in read(shown, "/unbilled?tenant=cohoes&month=2031-01").text
    )


def test_the_first_page_names_every_kind_of_open_exception(shown: Shown) -> None:
    kinds = {row["Kind"]: row["Open"] for row in shown.table("/index", "kinds")}
    listed = [row["Kind"] for row in shown.table("/exceptions")]
    assert kinds
    assert kinds == {kind: str(listed.count(kind)) for kind in set(listed)}


def test_what_invoices_owe_stands_on_the_month_and_beside_each_exception_in_units_and_money(shown: Shown) -> None:
    number = shown.books.one(
        "insert into fridge.exceptions (kind, hour, subject, detail, opened_at, not_invoiced, amount, currency)"
        " values ('not_invoiced', '2026-01-03 00:00+00', 'temperature_readings cus_1', 'x', now(), 13, 26, 'usd')"
        " returning exception_id"
    )
    try:
        (owed,) = shown.table("/months/2026-01", "invoices")
        (listed,) = shown.table("/exceptions?month=2026-01&kind=not_invoiced")
    finally:
        shown.books.rows("update fridge.exceptions set closed_at = now() where exception_id = %s returning 1", number)
    shown_of_month = tuple(owed[name] for name in ("Meter", "Open", "Units owed", "Money"))
    assert shown_of_month == ("temperature_readings", "1", "13", "0.26 USD")
    assert (listed["Units owed"], listed["Money"]) == ("13", "0.26 USD")


def test_it_says_of_stripe_that_so_many_days_were_not_read_as_it_has_looked_at(shown: Shown) -> None:
    assert shown.console.reader is not None
    later = Reader(shown.console.reader.database, lambda: shown.books.clock() + timedelta(days=9), waited_seconds=60)
    then = replace(shown, console=replace(shown.console, reader=later))
    (row,) = (row for row in then.table("/index", "freshness") if row["What"].startswith("Stripe's own"))
    assert row["When (UTC)"] == "no day of the last 7 was read"


def test_of_what_was_never_compared_no_check_says_that_it_holds(empty: Shown) -> None:
    """Over no reading of Stripe and no invoice two checks said yes."""
    compared = ("nothing_unexplained", "invoices_are_explained", "stripe_is_read")
    found = empty.table("/checks")
    assert {row["What must hold"] for row in found if row["Holds"] == ""} == {CHECKS[name] for name in compared}


def test_a_deadline_of_an_invoice_is_not_told_as_stripes_limit_of_usage(shown: Shown) -> None:
    """What missed an invoice has until the next one; that was told as usage older than 35 days."""
    told = [row["What must hold"] for row in shown.table("/checks")]
    assert [each for each in told if "35 days" in each] == []
    assert len([each for each in told if "deadline" in each]) == 2
