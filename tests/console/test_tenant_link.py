"""A tenant's own page: by its address alone, for its days, and of nobody else."""

from __future__ import annotations

import asyncio
import io
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from httpx import ASGITransport, AsyncClient, Response

from fridge_pipeline.console.tenant_link import KEY_FILE, LinkKey, LinkKeyError, make_link_key, read_link_key
from tests.console.conftest import URL, Shown
from tests.finance.report.html_reading import PageRead


@pytest.fixture
def address(shown: Shown) -> str:
    """Of cohoes, for a day."""
    return make_link_key(shown.home).address("cohoes", shown.books.clock() + timedelta(days=1))


def test_it_shows_this_tenants_usage_and_leads_to_nothing_else(shown: Shown, address: str) -> None:
    answer = shown.ask(address)
    assert answer.status_code == 200
    page = PageRead(answer.text)
    assert page.headings[0] == (1, "Usage of cohoes")
    ours = {path for path in (str(each["href"]) for each in page.of("a")) if not path.startswith("#")}
    assert all(path.startswith(address) or path == "/" for path in ours)
    usage = sum(inserted for (tenant, _), (inserted, _) in shown.books.usage().items() if tenant == "cohoes")
    days = page.table("One row per meter and UTC day")
    by_meter = zip(days.column("Meter"), days.column("Usage"), strict=True)
    assert sum(int(number) for meter, number in by_meter if meter == "temperature_readings") == usage
    assert not any(tenant in page.text for tenant in ("A/b", "../etc", "cus_"))
    csv = shown.ask(f"{address}.csv").text
    assert csv.splitlines()[0] == "Day (UTC),Meter,Usage,Hours with usage"


def test_each_file_that_it_offers_has_the_rows_of_its_table_and_not_the_address_in_its_name(
    shown: Shown, address: str
) -> None:
    """Its workbook was not there, the months had the days' file, and names of files held the signed address."""
    page = PageRead(shown.ask(address).text)
    offered = {str(each["href"]) for each in page.of("a") if str(each["href"]).startswith(address)} - {address}
    files = {path.removeprefix(address): shown.ask(path) for path in offered}
    assert {name: answer.status_code for name, answer in files.items()} == dict.fromkeys(
        (".csv", ".csv?table=months", ".xlsx"), 200
    )
    assert files[".csv?table=months"].text.startswith("Month,Meter,Usage")
    book = openpyxl.load_workbook(io.BytesIO(files[".xlsx"].content))
    assert [sheet["A2"].value for sheet in book] == ["Day (UTC)", "Month"]
    signed = address.rpartition(".")[2]
    assert not any(signed in answer.headers["Content-Disposition"] for answer in files.values())
    assert signed not in str(book.worksheets[0]["A1"].value)
    assert shown.ask(f"{address}.csv?table=tenants").status_code == 404


def test_what_is_changed_over_or_of_another_installation_is_answered_in_the_same_words(
    shown: Shown, address: str
) -> None:
    now, key = shown.books.clock(), make_link_key(shown.home)
    last = address[-1]
    changed = [
        *(f"{address[:-1]}{other}" for other in "AQgw089-_" if other != last),
        address.replace("/usage-of/W", "/usage-of/X"),
        address.partition(".")[0],
        f"{address}x",
        f"{address}=",
        key.address("cohoes", now - timedelta(seconds=1)),
        LinkKey(b"another installation's").address("cohoes", now + timedelta(days=1)),
        "/usage-of/cohoes",
        "/usage-of/",
        "/usage-of/é",
    ]
    answers = {shown.ask(each).text for each in changed}
    assert len(answers) == 1
    assert {shown.ask(each).status_code for each in changed} == {404}
    assert "This address shows nothing" in answers.pop()


def test_its_key_is_for_its_owner_alone_and_without_it_every_address_ends(shown: Shown, address: str) -> None:
    path = shown.home / KEY_FILE
    assert (oct(path.stat().st_mode)[-3:], len(path.read_bytes())) == ("600", 32)
    assert re.fullmatch(r"LinkKey\(…\)", repr(make_link_key(shown.home)))
    kept = path.read_bytes()
    path.unlink()
    try:
        assert shown.ask(address).status_code == 404
    finally:
        path.write_bytes(kept)
        path.chmod(0o600)


def test_a_key_that_is_no_key_signs_nothing_and_shows_nothing(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"")
    (tmp_path / KEY_FILE).chmod(0o600)
    for use in (read_link_key, make_link_key):
        with pytest.raises(LinkKeyError, match="holds 0 bytes instead of 32: remove it"):
            use(tmp_path)
    (tmp_path / KEY_FILE).unlink()
    assert make_link_key(tmp_path) == make_link_key(tmp_path) == read_link_key(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_key_that_others_can_read_or_that_lies_elsewhere_signs_nothing_and_shows_nothing(tmp_path: Path) -> None:
    make_link_key(tmp_path)
    key = tmp_path / KEY_FILE
    for mode in (0o604, 0o602, 0o666):
        key.chmod(mode)
        for use in (read_link_key, make_link_key):
            with pytest.raises(LinkKeyError, match="may be known to others"):
                use(tmp_path)
    key.chmod(0o660)  # as a volume of Kubernetes leaves it to its group
    assert read_link_key(tmp_path) is not None
    elsewhere = key.rename(tmp_path / "elsewhere")
    key.symlink_to(elsewhere)
    for use in (read_link_key, make_link_key):
        with pytest.raises(LinkKeyError, match="is no file of ours"):
            use(tmp_path)


def test_behind_a_sign_in_pages_want_a_name_and_a_tenants_address_opens_without_one(shown: Shown, address: str) -> None:
    behind = replace(shown, console=replace(shown.console, user_header="X-Forwarded-User"))
    for path in ("/", "/tenants.csv", "/months/2026-01.xlsx", "/reports/2026-02/usage-2026-02.html"):
        refused = behind.ask(path)
        assert (refused.status_code, "sign in at the proxy" in refused.text) == (403, True), path
    signed_in = behind.ask("/months", **{"X-Forwarded-User": "grace"})
    assert (signed_in.status_code, "signed in as grace" in signed_in.text) == (200, True)
    assert behind.ask("/months", **{"X-Forwarded-User": " "}).status_code == 403
    assert behind.ask(address).status_code == 200


def test_behind_a_sign_in_a_name_that_came_in_beside_the_proxys_opens_nothing(shown: Shown) -> None:
    console = replace(shown.console, user_header="X-Forwarded-User")

    async def asked() -> Response:
        async with AsyncClient(transport=ASGITransport(console), base_url=URL) as client:
            return await client.get("/months", headers=[("X-Forwarded-User", "ada"), ("X-Forwarded-User", "grace")])

    answer = asyncio.run(asked())
    assert (answer.status_code, "or more than one" in answer.text) == (403, True)
