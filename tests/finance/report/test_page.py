from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.finance import pages as report
from fridge_pipeline.finance.pages.page import render_page
from fridge_pipeline.finance.pages.tables import SECTIONS
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.reason_codes import cause_in_words
from tests.finance.report.books import (
    FAULTS,
    MADE_AT,
    METERS,
    closed_books,
    empty_books,
    quiet_books,
    tie_out_of,
    troubled_books,
    with_frames,
)
from tests.finance.report.conftest import explained
from tests.finance.report.html_reading import PageRead

#: All that could make a browser ask for something.
ASKING = {"src", "srcset", "data", "poster", "action", "formaction", "background", "ping", "manifest", "xlink:href"}
HOSTILE = ["<script>alert(1)</script>", "=1+1", '"><img src=x onerror=alert(1)>', "x" * 2000, "-rf; rm ~", "{{ 7*7 }}"]


@pytest.fixture(scope="session")
def pages(page: PageRead) -> dict[str, PageRead]:
    made = {"closed": closed_books(), "empty": empty_books()}
    return {"troubled": page} | {name: PageRead(render_page(books, [], MADE_AT)) for name, books in made.items()}


def test_the_page_asks_the_network_for_nothing(page: PageRead, page_text: str) -> None:
    assert [(tag, name) for tag, attributes in page.tags for name in attributes if name in ASKING] == []
    assert page.of("link") + page.of("iframe") + page.of("img") + page.of("form") == []
    style = page_text[page_text.index("<style>") : page_text.index("</style>")]
    assert re.findall(r"url\(|@import|@font-face|https?:", style) == []
    links = {attributes.get("href") or "" for attributes in page.of("a")}
    assert {link for link in links if not link.startswith("#")} == {"usage-2026-01.xlsx"}
    assert "default-src 'none'" in str(page.of("meta"))


def test_the_page_runs_only_the_style_and_script_that_its_own_policy_names(page: PageRead, page_text: str) -> None:
    policy = next(str(meta["content"]) for meta in page.of("meta") if "http-equiv" in meta)
    for tag in ("style", "script"):
        (source,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page_text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert [attributes for _, attributes in page.tags if any(name in {"style", "onclick"} for name in attributes)] == []


def test_headings_never_skip_a_level_and_there_is_one_title(pages: dict[str, PageRead]) -> None:
    for name, read in pages.items():
        levels = [level for level, _ in read.headings]
        assert levels.count(1) == 1, name
        assert levels[0] == 1, name
        assert all(after <= before + 1 for before, after in pairwise(levels)), name


def test_the_page_begins_with_what_was_billed_can_be_recovered_and_is_lost_in_units_and_percent_by_cause(
    page: PageRead,
) -> None:
    said = "of 100 used 15 billed (15.0 %), 80 recoverable (80.0 %: 80 unmapped), 5 lost (5.0 %: 5 too late)"
    assert said in page.text
    assert page.text.index(said) < page.text.index("Control totals")


def test_every_table_has_a_caption_column_headings_and_row_headings(page: PageRead) -> None:
    months, lateness, expected = len(METERS), 1, 1  # of one meter there are earlier months
    assert len(page.tables) == 3 + len(METERS) + months + lateness + expected + len(SECTIONS)
    for table in page.tables:
        assert table.caption.strip()
        assert {scope for _, scope in table.headings} == {"col"}
        assert all(heading for heading, _ in table.headings), table.caption
        assert table.rows, table.caption
        assert set(table.row_heads) <= {"row", "rowgroup"}, table.caption
        assert table.row_heads, table.caption


def test_who_does_not_see_finds_landmarks_a_skip_link_and_words_for_every_plot(pages: dict[str, PageRead]) -> None:
    for name, read in pages.items():
        assert read.of("html") == [{"lang": "en"}]
        assert [len(read.of(tag)) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1], name
        assert read.of("a")[0]["href"] == "#main"
        ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
        assert len(ids) == len(set(ids)), "an id names one element"
        named = [attributes.get(key) for _, attributes in read.tags for key in ("aria-labelledby", "for")]
        assert {word for each in named if each for word in each.split()} <= set(ids), name
        assert {str(link["href"])[1:] for link in read.of("a") if str(link["href"])[0] == "#"} <= set(ids), name
        for plot in read.of("svg"):
            assert plot["role"] == "img"
            assert plot.get("aria-label") or plot.get("aria-labelledby")
        boxes = [each for each in read.of("div") if each.get("class") == "box"]
        assert all(box["tabindex"] == "0" and box["aria-label"] for box in boxes), "reached by keyboard"


def test_a_plot_says_in_words_what_it_shows_and_that_a_day_without_data_is_not_zero(page: PageRead) -> None:
    words = [str(plot.get("aria-label")) for plot in page.of("svg")]
    assert (
        "temperature_readings of tenant-07 by day: most 3,010 on 2026-01-06, least 2,002 on 2026-01-07; "
        "no data on 1 of 31 days"
    ) in words
    assert "least 0" not in " ".join(words)


def test_the_status_is_told_by_symbol_and_word_never_by_colour_alone(
    troubled: MonthBooks, pages: dict[str, PageRead]
) -> None:
    assert "✕ Does not tie out." in pages["troubled"].text
    assert "✓ Ties out." in pages["closed"].text
    assert "○ No data." in pages["empty"].text
    explained_only = replace(quiet_books(["cohoes"], days=1), exceptions_open=troubled.exceptions_open)
    assert "▲ Ties out except for what is explained." in PageRead(render_page(explained_only, [], MADE_AT)).text


def test_a_closed_month_says_who_signed_and_an_open_one_that_nobody_has(pages: dict[str, PageRead]) -> None:
    assert "Month closed prepared by ada approved by grace signed 2026-02-02 09:30 UTC" in pages["closed"].text
    assert "Open: nobody has prepared the month for closing." in pages["troubled"].text


def test_an_empty_month_says_that_there_is_no_data_and_shows_no_number_as_a_fact() -> None:
    read = PageRead(render_page(empty_books(Month.from_key("2025-11")), [], MADE_AT))
    assert "The books hold no usage, no landing file and no statement of November 2025." in read.text
    assert read.tables == []
    assert read.of("svg") == []
    assert not re.search(r"\b0\b(?! usage)", re.sub(r"\(0\)|never shown as 0|-\S*|\d+:\d+", "", read.text))


def test_files_that_are_not_on_record_are_said_to_be_so_and_never_to_tie_out() -> None:
    books = quiet_books(["cohoes"], days=1)
    unknown = ("file_rows", "inserted", "duplicates", "rejected", "difference_in_files")
    blank = tie_out_of(books).with_columns(pl.lit(None, pl.Int64).alias(name) for name in unknown)
    read = PageRead(render_page(with_frames(books, tie_out=blank), [], MADE_AT))
    assert "Not recorded for any of the 24 tenant-hours" in read.text
    assert "adds up" not in read.text
    files, usage, *_ = read.table("One row per comparison").rows
    assert (files[4], files[5]) == ("48", "○ not known for some hours")
    assert (usage[4], usage[5]) == ("0", "✓ all hours tie out")


def test_every_difference_is_on_the_page_with_cause_amount_and_detail(page: PageRead) -> None:
    table = page.table("One row per tenant, meter, step and cause")
    by_tenant = {row[0]: row for row in table.rows}
    for tenant, _, _, _, cause, amount, is_explained, detail in FAULTS:
        row = by_tenant[tenant]
        assert row[3] == cause_in_words(cause)
        assert row[4] == ("▲ explained" if is_explained else "✕ unexplained")
        assert row[5] == f"{amount:+,.0f}".replace("-", "\N{MINUS SIGN}")
        assert row[7] == detail
    assert [row[4] for row in table.rows] == ["✕ unexplained"] * 3 + ["▲ explained"] * 4, "the pressing ones first"
    assert (
        page.table("One row per tenant and meter whose usage waits").column("Hours (UTC)")
        == ["744 hours, 2026-01-01 00:00 to 2026-01-31 23:00"] * 2
    )


def test_an_hour_that_differs_is_explained_and_for_any_other_the_page_names_sheet_and_command(page: PageRead) -> None:
    assert "The workbook's sheet Hours has every hour of every tenant. fridge explain TENANT HOUR shows" in page.text
    assert "tenant-04 2026-01-17 03:00 UTC fridge explain tenant-04 2026-01-17-03:00" in page.text
    assert "tenant-04 in 2026-01-17-03:00 Landing files of the hour none" in page.text
    assert "651 more such hours are left out here" in page.text


def test_hostile_tenant_names_are_shown_as_text() -> None:
    books = quiet_books(HOSTILE, days=1)
    books = with_frames(books, tie_out=tie_out_of(books).with_columns(pl.lit("explained").alias("status")))
    text = render_page(books, explained(books), MADE_AT)
    read = PageRead(text)
    assert len(read.of("script")) == 1
    assert read.of("img") == []
    for name in HOSTILE:
        assert name in read.text
    assert "fridge explain -- '-rf; rm ~' 2026-01-01-00:00" in read.text, "a shell takes it as one word, not as options"
    assert "fridge explain '<script>alert(1)</script>' 2026-01-01-00:00" in read.text


def test_a_large_month_stays_a_small_page_that_says_what_it_leaves_out() -> None:
    books = troubled_books(tenants=600, days=21)
    text = render_page(books, explained(books), MADE_AT)
    assert len(text.encode()) < 10_000_000
    assert len(re.findall('<tbody data-tenant="', text)) == 500
    assert "100 smaller tenants are left out, the workbook's sheet Usage by month has all" in text


def colours(scheme: str) -> dict[str, str]:
    style = (Path(report.__file__).parent / "templates" / "page.css").read_text()
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light))
    return found | (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", dark.split("}")[0])) if scheme == "dark" else {})


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_on_every_ground_it_stands_on(scheme: str) -> None:
    found = colours(scheme)
    pairs = [(text, ground) for text in ("ink", "quiet", "accent") for ground in ("paper", "raised")]
    pairs += [(state, "paper") for state in ("good", "warn", "bad", "none")]
    pairs += [(text, f"{state}-back") for state in ("good", "warn", "bad", "none") for text in ("ink", state)]
    assert {pair: ratio for pair in pairs if (ratio := contrast(found[pair[0]], found[pair[1]])) < 4.5} == {}
    assert contrast(found["column"], found["paper"]) > 3
    assert contrast(found["gap"], found["paper"]) > 3
