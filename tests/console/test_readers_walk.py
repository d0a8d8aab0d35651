"""A controller's morning, an auditor's sample and a phone, in a real browser, without any script of ours."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import uvicorn

from tests.browser import Page, PageError, page_of_a_test
from tests.console.conftest import Shown
from tests.finance.evidence.books import HOURS

#: What is drawn further right than a phone's screen goes, and texts that stand on too little contrast to be read.
CUT = """
    JSON.stringify({
        width: document.documentElement.scrollWidth,
        cut: [...document.querySelectorAll('main td, main tbody th, main p, nav a')]
            .filter((each) => each.getBoundingClientRect().right > innerWidth).map((each) => each.innerText),
    })"""


@pytest.fixture(scope="module")
def url(shown: Shown) -> Iterator[str]:
    """Where the console is served."""
    server = uvicorn.Server(uvicorn.Config(shown.console, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def browser() -> Iterator[Page]:
    """A window of a desk's size."""
    with page_of_a_test() as page:
        page.show(1280, 1000)
        yield page


def test_a_controllers_morning_leads_from_what_waits_to_the_hour_and_to_what_the_signed_month_is_now(
    browser: Page, url: str
) -> None:
    browser.open(url)
    text = browser.wait_for_text("Today", "Unbilled by cause", "month closed: the change waits for a reopening")
    assert "SANDBOX" in text
    browser.open(browser.evaluate("document.querySelector('a[href*=month_closed]').href"))
    text = browser.wait_for_text("Hour by hour", "cohoes", "By time left")
    assert "kind=month_closed" in browser.address()
    browser.click("2026-01-31 23:00", "a")
    browser.wait_for_text(f"Tenant cohoes in {HOURS[1].key}", "after-closing.csv", "b.csv")
    browser.click("Months", "a")
    browser.wait_for_text("2026-01", "closed", "grace")
    browser.click("2026-01", "th a")
    text = browser.wait_for_text("2026-01 is closed, approved by grace", "Signed usage", "Changed since it was signed")
    assert "temperature_readings\t92\t97" in text
    if pictures := os.environ.get("PICTURES"):
        browser.picture(Path(pictures) / "console.png")


def test_an_auditor_draws_a_sample_by_a_form_and_follows_an_hour_to_its_file(browser: Page, url: str) -> None:
    browser.open(f"{url}/sample")
    browser.wait_for_text("Sample", "Seed")
    for name, text in (("n", "3"), ("seed", "7"), ("month", "2026-01")):
        browser.click_place(f"input[name={name}]")
        browser.call("Input.insertText", text=text)
    browser.click("Show", "button")
    browser.wait_for("the sample", lambda text: "3 rows" in text or None)
    assert browser.address() == f"{url}/sample?n=3&seed=7&month=2026-01"
    drawn = browser.evaluate("[...document.querySelectorAll('tbody td[data-label=\"Files\"]')].map((e) => e.innerText)")
    assert len(drawn) == 3
    browser.click_place('tbody td[data-label="Hour (UTC)"] a')
    text = browser.wait_for_text("Landing files", "SHA-256", "Statements to Stripe")
    assert drawn[0].rpartition("/")[2] in text
    assert "req_" in text


def nothing_is_cut(browser: Page, path: str, width: int) -> None:
    """Once the page is laid out, which takes a moment on a busy machine."""
    seen: list[dict[str, object]] = []

    def look(_text: str) -> bool:
        seen.append(json.loads(browser.evaluate(CUT)))
        return seen[-1] == {"width": width, "cut": []}

    with suppress(PageError):
        browser.wait_for("its layout", look, patience=10)
    assert seen[-1] == {"width": width, "cut": []}, path


PRINTED = ("/", "/exceptions", "/months/2026-01", f"/tenants/cohoes/hours/{HOURS[0].key}", "/sample", "/sources")

#: A4 across, without its margins, times half more, by which a browser makes a page smaller so that it fits at most.
PAPER_WIDTH = 1016 * 3 // 2


def test_on_paper_nothing_is_cut_and_a_page_says_which_stripe_it_is_of_and_names_no_link_that_paper_cannot_follow(
    browser: Page, url: str
) -> None:
    browser.call("Emulation.setDeviceMetricsOverride", width=PAPER_WIDTH, height=700, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia", media="print")
    for path in PRINTED:
        browser.open(f"{url}{path}")
        browser.wait_for_text("SANDBOX", "All times are UTC")
        text = browser.wait_for("the page as it is printed", lambda text: text if "Skip to" not in text else None)
        nothing_is_cut(browser, path, PAPER_WIDTH)
        assert "SANDBOX" in text, path
        assert "Excel workbook" not in text, path
        assert "CSV" not in text, path


def test_on_a_phone_nothing_is_cut_and_the_first_key_leads_to_the_numbers(browser: Page, url: str) -> None:
    browser.call("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=True)
    for path in ("/", "/months/2026-01", f"/tenants/cohoes/hours/{HOURS[0].key}", "/sample", "/changes", "/cutoff"):
        browser.open(f"{url}{path}")
        browser.wait_for_text("Skip to the numbers", "All times are UTC")
        nothing_is_cut(browser, path, 400)
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert browser.evaluate("document.activeElement.innerText") == "Skip to the numbers"
