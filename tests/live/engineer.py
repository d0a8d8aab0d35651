"""The Dagster UI as a data engineer uses it, in a browser; pictures of what is seen go where they are asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.browser import Page, PageError
from tests.live.running_fridge import RunningFridge

CHAIN = ("raw_readings", "inserted_counts", "active_sensors", "meter_events")
GROUPS = ("ingest", "usage", "billing")  # finance stays folded: its models would make all others too small to read
EXPANDED = "expanded=" + ",".join(f"global@global:{group}" for group in GROUPS)
SHOWN = 'not group:"planning"'  # a plan is no part of the path
SELECTION = 'group:"ingest" or group:"usage" or key:"meter_events"'

NARROW_NAVIGATION = "localStorage.setItem('large-screen-nav-open', 'false')"
DESK = (1600, 1000)
WIDE = (2000, 1000)  # wide enough for the assets to be drawn with all they say
SHARPNESS = 1.25
MARGIN = 24
FRAME_OF_GRAPH = """
    (() => {
        const boxes = [...document.querySelectorAll('foreignObject')].map((each) => each.getBoundingClientRect())
        const left = Math.min(...boxes.map((each) => each.left)), top = Math.min(...boxes.map((each) => each.top))
        const right = Math.max(...boxes.map((each) => each.right))
        const bottom = Math.max(...boxes.map((each) => each.bottom))
        return {x: left, y: top, width: right - left, height: bottom - top}
    })()
"""
DIALOG_SECONDS = 60.0
PARTITIONS_FIELD = "input[placeholder='No matching partitions']"


def not_materialized_in(text: str) -> list[str]:
    """The chain's assets that the graph does not show with a materialization, asset by asset as its text lists them."""
    parts = re.split(r"^(\w+)\nLatest event\n", text, flags=re.MULTILINE)
    latest = dict(zip(parts[1::2], parts[2::2], strict=True))
    return [name for name in CHAIN if not re.match(r"(just now|.* ago|\w{3} \d+)", latest.get(name, ""))]


@dataclass
class Engineer:
    """Somebody before the UI of a running installation; ``pictures`` is the folder for what is seen."""

    page: Page
    demo: RunningFridge
    pictures: Path

    def sees_the_graph(self) -> Path:
        """The asset graph with every asset of the chain materialized; its picture."""
        self.page.show(*WIDE, SHARPNESS, before_each=NARROW_NAVIGATION)
        self.page.open(f"{self.demo.url}/asset-groups~{quote(SHOWN, safe='')}/?{EXPANDED}")
        self.page.wait_for("the chain materialized", lambda text: text if not not_materialized_in(text) else None)
        self.page.wait_for_rest()
        frame = self.page.evaluate(FRAME_OF_GRAPH)
        clip = {
            "x": frame["x"] - MARGIN,
            "y": frame["y"] - MARGIN,
            "width": frame["width"] + 2 * MARGIN,
            "height": frame["height"] + 2 * MARGIN,
        }
        return self._take("asset-graph", clip)

    def launches_a_backfill(self, first: str, last: str, hours: int) -> None:
        """Of the chain, from its graph: *Materialize all…*, a range of hours, *Launch backfill*."""
        self.page.show(*DESK)
        for tries_left in (1, 0):
            self.page.open(f"{self.demo.url}/asset-groups~{quote(SELECTION, safe='')}/?{EXPANDED}")
            self.page.wait_for_text(*CHAIN)
            self.page.click_until("Materialize all…", lambda text: "Launch runs to materialize 5 assets" in text)
            self.page.click_place(PARTITIONS_FIELD)
            self.page.type(f"[{first}...{last}]")
            try:
                self.page.wait_for_text(f"{hours} partitions", "Launch backfill", patience=DIALOG_SECONDS)
                break
            except PageError:  # on a busy machine a click comes late, and the next one closes the dialog again
                if not tries_left:
                    raise
        self._take("launch-backfill")
        self.page.click("Launch backfill", "button")

    def sees_the_backfill(self, backfill_id: str, hours: int) -> None:
        """Its page, once it says that it is done."""
        self.page.open(f"{self.demo.url}/runs/b/{backfill_id}")
        self.page.wait_for_text("Succeeded", "100% completed", f"{hours}")
        self.page.wait_for_rest()
        self._take("backfill")

    def sees_the_hours(self, asset: str, hour: str, *says: str) -> None:
        """An hour of an asset with what it says."""
        self.page.open(f"{self.demo.url}/assets/{asset}?view=partitions&partition={quote(hour)}")
        self.page.wait_for_text("Metadata", *says)
        self.page.wait_for_rest()
        self._take("hours")

    def sees_a_plot(self, asset: str, *names: str) -> None:
        """The numbers of an asset, drawn over its hours."""
        self.page.open(f"{self.demo.url}/assets/{asset}?view=overview")
        self.page.wait_for_text("Metadata", *names)
        self.page.click_until("Plots", lambda _text: self.page.evaluate("document.querySelectorAll('canvas').length"))
        self.page.wait_for_text(*names)
        self.page.evaluate("document.querySelector('canvas').scrollIntoView({block: 'center'})")
        self.page.wait_for_rest()
        self._take("plots")

    def sees_a_check(self, asset: str, check: str) -> None:
        """A check of an asset that has passed."""
        self.page.open(f"{self.demo.url}/assets/{asset}?view=checks&checkDetail={check}")
        self.page.wait_for_text(check, "Passed")
        self.page.wait_for_rest()
        self._take("check")

    def opens_the_report(self, month: str, *says: str) -> None:
        """The month's page, by the link that its asset shows."""
        self.page.open(f"{self.demo.url}/assets/audit_report?view=partitions&partition={month}")
        self.page.wait_for_text("Metadata", "tie_out")
        link = self.page.wait_for(
            "a link to the page",
            lambda _text: self.page.evaluate(
                "[...document.querySelectorAll('a')].map((each) => each.href)"
                f".find((each) => each.includes('/{month}/') && each.endsWith('.html'))"
            ),
        )
        self._take("report-asset")
        self.page.open(str(link))
        self.page.wait_for_text(*says)

    def _take(self, name: str, clip: dict[str, float] | None = None) -> Path:
        picture = self.pictures / f"{name}.png"
        self.page.picture(picture, clip)
        return picture
