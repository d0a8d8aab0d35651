"""The console as a hostile reader, a careless page and a stranger's name meet it: it shows text, and answers."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import timedelta
from urllib.parse import quote

import pytest

from fridge_pipeline.console.application import PAGE_HEADERS, SAFE_HEADERS
from fridge_pipeline.console.frame import Page
from fridge_pipeline.console.table_files import _one_at_a_time
from fridge_pipeline.console.tenant_link import KEY_FILE, TENANT_PAGES, LinkKey, make_link_key
from fridge_pipeline.finance.rules.evidence_format import FORMULA_BEGINS
from fridge_pipeline.visible import UNSEEN, visible
from tests.console.conftest import Shown, shown  # noqa: F401 # pytest finds it here
from tests.security.test_shown_as_text import HOSTILE

#: What somebody may write where an address has a value.
WRITTEN = (
    HOSTILE,
    "\0",
    "../../../etc/passwd",
    "..%2f..%2f",
    "<script>alert(1)</script>",
    "'; select 1 --",
    "{tenant}",
    "%(now)s",
    "\ud7ff\U0010ffff",
    "9999-12",
    "0001-01",
    "9999-12-31-23:00",
    "0001-01-01-00:00",
    "-1",
    "1e9",
    "9" * 400,
    "x" * 20_000,
    "nan",
    "١٢",
    "",
    ".",
)
ANSWERS = {200, 404, 503}


def addresses(page: Page, number: int) -> list[str]:
    """Of a page with each of these in each of its places; every third one in a filter, another third in the next."""
    found = []
    for text in WRITTEN:
        part = quote(text, safe="")
        path = "/" if page.path == "/" else "/".join(part if each.startswith("{") else each for each in page.parts)
        found += [path if path == "/" else f"/{path}"]
        found += [f"{page.path if '{' not in page.path else f'/{path}'}{ending}" for ending in (".csv", ".xlsx")]
    plain = "/".join("2026-01" if "month" in each else quote("cohoes") if "{" in each else each for each in page.parts)
    for place, name in enumerate((*(each.name for each in page.filters), "page", "table", "nobody"), start=number):
        found += [f"/{plain}?{name}={quote(text, safe='')}" for text in WRITTEN[place % 3 :: 3]]
    return found


def is_shown_as_text(text: str) -> bool:
    return visible(text) == text


@pytest.mark.prove
def test_whatever_stands_in_an_address_is_answered_in_words_without_a_character_that_acts(shown: Shown) -> None:  # noqa: F811
    asked = {address for number, page in enumerate(shown.console.pages) for address in addresses(page, number)}
    assert len(asked) > 500
    for address in asked:
        answer = shown.ask(address)
        assert answer.status_code in ANSWERS, f"{address[:200]}: {answer.status_code}"
        kept = {name: answer.headers.get(name) for name in SAFE_HEADERS}
        assert kept == SAFE_HEADERS, address[:200]
        assert answer.headers.get("location") is None
        if answer.headers["content-type"].startswith("text/html"):
            assert answer.headers["content-security-policy"] == PAGE_HEADERS["Content-Security-Policy"]
            assert "<script" not in answer.text
            assert HOSTILE not in re.sub(r'<input name="[a-z_]+" value="[^"]*"', "", answer.text), "but as it was typed"
        assert "root:" not in answer.text


def test_names_of_the_books_act_nowhere_on_a_page_nor_begin_a_formula_in_a_file(shown: Shown) -> None:  # noqa: F811
    """A tenant, its name, a sensor, a file: each hostile, and on every page that shows tenants, hours or files."""
    tenant, hour = f"=1+1{HOSTILE.replace(chr(10), '')}", "2026-01-31-23:00"
    with shown.books.database.owned.connect() as connection:
        connection.execute(
            "insert into fridge.tenants (tenant_id, name) values (%s, %s) on conflict do nothing", (tenant, HOSTILE)
        )
    paths = ["/tenants", f"/tenants/{quote(tenant, safe='')}", f"/tenants/{quote(tenant, safe='')}/months/2026-01"]
    paths += [f"/tenants/{quote('<b>nobody</b>', safe='')}/hours/{hour}", "/exceptions", "/sources", "/unbilled"]
    pages = [shown.ask(path) for path in paths]
    assert {page.status_code for page in pages[:3]} == {200}
    for page in pages:
        assert not {character for character in page.text if ord(character) in UNSEEN}
        assert not [line for line in page.text.splitlines() if HOSTILE[:6] in line]
        assert is_shown_as_text(page.text)
    assert r"\x1b[2J\u202eb\u200b" in pages[0].text
    text = shown.ask("/tenants.csv").text
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}, "no name begins a row of its own"
    assert f"'{tenant}" in {row[0] for row in rows}
    begun = [cell for row in rows for cell in row if cell.startswith(tuple(FORMULA_BEGINS))]
    assert [cell for cell in begun if not cell[1:2].isdigit()] == []
    with zipfile.ZipFile(io.BytesIO(shown.ask("/tenants.xlsx").content)) as workbook:
        sheets = [workbook.read(name).decode() for name in workbook.namelist() if name.startswith("xl/worksheets/")]
    assert all("<f>" not in sheet for sheet in sheets)
    assert all(is_shown_as_text(sheet) for sheet in sheets)


def test_it_answers_under_its_own_names_by_reading_alone_and_in_nobodys_frame(shown: Shown) -> None:  # noqa: F811
    link = make_link_key(shown.home).address("cohoes", shown.books.clock() + timedelta(days=1))
    for path in ("/", "/months", "/tenants.csv", "/tenants.xlsx", "/console.css", "/reports/x", link, f"{link}.csv"):
        for host in ("rebound.example", "127.0.0.1.rebound.example", "rebound.example:80", ""):
            assert shown.ask(path, Host=host).status_code == 403, (path, host)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer = shown.ask(path, method, **{"Content-Type": "application/json"})
            assert answer.status_code in {403, 405}, (path, method)
        good = shown.ask(path)
        assert (good.headers["x-frame-options"], good.headers["referrer-policy"]) == ("DENY", "no-referrer")
        assert good.headers["cross-origin-resource-policy"] == "same-origin"


def test_an_address_of_a_tenant_opens_no_other_page_and_no_other_tenant_and_signs_all_that_it_says(
    shown: Shown,  # noqa: F811
) -> None:
    now, key = shown.books.clock(), make_link_key(shown.home)
    day = timedelta(days=1)
    of_cohoes, of_other = (key.address(tenant, now + day) for tenant in ("cohoes", "A/b"))
    said, signature = of_cohoes.rsplit(".", 1)
    forged = [
        f"{of_other.rsplit('.', 1)[0]}.{signature}",  # another tenant's words, this one's signature
        f"{key.address('cohoes', now + 9 * day).rsplit('.', 1)[0]}.{signature}",  # and another day's
        f"{said}.{signature.lower()}",
        f"{said}.",
        f"{said}",
        f"{of_cohoes}.csv.csv",
        f"{of_cohoes}.xlsx.csv",
        f"{TENANT_PAGES}/{LinkKey(bytes(32)).address('cohoes', now + day).rpartition('/')[2]}",
    ]
    assert {shown.ask(each).status_code for each in forged} == {404}
    assert shown.ask(of_cohoes).status_code == 200
    opened = shown.ask(f"{of_cohoes}?tenant=A/b&table=months&page=9")
    assert (opened.status_code, "Usage of cohoes" in opened.text) == (200, True)
    assert (shown.home / KEY_FILE).stat().st_mode & 0o077 == 0


def test_no_page_holds_a_secret_of_the_installation(shown: Shown) -> None:  # noqa: F811
    secrets = [shown.books.database.dsn.rpartition("password=")[2][:20], make_link_key(shown.home).secret.hex()]
    secrets += ["sk_test_", "postgresql://", "password="]
    for page in shown.console.pages:
        if "{" not in page.path:
            for ending in ("", ".csv"):
                text = shown.ask(f"{page.path if page.path != '/' else ('/index' if ending else '/')}{ending}").text
                assert [secret for secret in secrets if secret and secret in text] == [], page.path


def test_workbooks_are_made_one_at_a_time_and_who_waits_too_long_is_told(
    shown: Shown,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fridge_pipeline.console.table_files.WAITED_SECONDS", 0.05)
    with _one_at_a_time:
        busy = shown.ask("/tenants.xlsx")
    assert (busy.status_code, "One is made at a time" in busy.text) == (503, True)
    assert shown.ask("/tenants.xlsx").status_code == 200
