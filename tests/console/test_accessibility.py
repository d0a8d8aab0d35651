"""What axe, the checker that most accessibility audits begin with, finds on the console's pages, light and dark."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from tests.browser import Page
from tests.console.conftest import Shown
from tests.console.test_pages import PLACES
from tests.console.test_readers_walk import browser, url

__all__ = ["browser", "url"]  # fixtures

AXE = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")

#: The rules of WCAG 2.1, A and AA, and those that axe calls best practice.
RUN = """
    axe.run(document, {resultTypes: ['violations']}).then((found) => JSON.stringify(found.violations
        .filter((each) => ['serious', 'critical'].includes(each.impact))
        .map((each) => [each.id, each.impact, each.nodes.length, each.nodes[0].html.slice(0, 300)])))"""

BAD_PAGE = "document.body.innerHTML = '<main><img src=\"/a.png\"><button></button></main>'"


def serious(page: Page) -> list[list[object]]:
    """Each serious or critical finding: its rule, how bad, how often, and the first place."""
    page.evaluate(AXE)
    found = page.call("Runtime.evaluate", expression=RUN, awaitPromise=True, returnByValue=True)
    return list(json.loads(found["result"]["value"]))


@pytest.mark.prove
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page_of_the_console(
    browser: Page, url: str, shown: Shown, scheme: str
) -> None:
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    found = {}
    for each in shown.console.pages:
        path = each.path.format(**PLACES)
        browser.open(f"{url}{path}")
        browser.wait_for_text("All times are UTC")
        found[path] = serious(browser)
    assert {path: findings for path, findings in found.items() if findings} == {}
    browser.evaluate(BAD_PAGE)
    assert {rule for rule, *_ in serious(browser)} >= {"image-alt", "button-name"}
