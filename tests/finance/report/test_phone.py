"""On a phone every number of the page is in sight, without pushing a table to the side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Page, page_of_a_test
from tests.finance.report.html_reading import PageRead

WIDTH = 390

#: What is drawn further right than the screen goes, and boxes that hold more than they show.
CUT = """
    JSON.stringify({
        width: document.documentElement.scrollWidth,
        cut: [...document.querySelectorAll('main td, main tbody th, main caption, main p')]
            .filter((each) => each.getBoundingClientRect().right > innerWidth).map((each) => each.innerText),
        boxes: [...document.querySelectorAll('.box')].filter((each) => each.scrollWidth > each.clientWidth).length,
        numbers: document.querySelectorAll('main td.number').length,
        block: getComputedStyle(document.querySelector('.signature-block')).display,
    })"""


@pytest.fixture
def browser() -> Iterator[Page]:
    with page_of_a_test() as page:
        yield page


def looked_at(page: Page) -> dict[str, object]:
    answer = page.call("Runtime.evaluate", expression=CUT)
    found: dict[str, object] = json.loads(answer["result"]["value"])
    return found


def test_no_table_is_cut_at_the_width_of_a_phone_and_paper_has_a_block_to_sign_in(
    browser: Page, page_text: str, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text(page_text, encoding="utf-8")
    browser.show(WIDTH, 844, mobile=True)
    browser.open_whole(tmp_path / "page.html")
    found = looked_at(browser)
    assert (found["width"], found["cut"], found["boxes"], found["block"]) == (WIDTH, [], 0, "none")
    assert int(str(found["numbers"])) > 300
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert looked_at(browser)["block"] == "block"


def test_every_cell_says_by_itself_what_it_is(page: PageRead) -> None:
    """Where rows are cards there are no column headings to look up to."""
    headings = {heading for table in page.tables for heading, _ in table.headings}
    labels = [attributes.get("data-label") for tag, attributes in page.tags if tag == "td"]
    assert labels
    assert set(labels) <= headings
