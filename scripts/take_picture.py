"""Take the picture of the asset graph from a running UI: what docs/asset-graph.png shows.

    .venv/bin/python scripts/take_picture.py docs/asset-graph.png [--url http://127.0.0.1:3000] [--browser chromium]

Without ``--url`` the demo is run in a folder of its own, and removed afterwards. Drives headless Chromium over
its DevTools protocol, because only that can tell when the page is there: it is drawn long after it has loaded.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",  # the page is our own, and as root Chromium has no other way
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
WIDTH, HEIGHT = 2000, 1000  # wide enough for the assets to be drawn with all they say
GROUPS = ("ingest", "usage", "billing")  # finance stays folded: its models would make all others too small to read
GRAPH_PAGE = "/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in GROUPS)
NARROW_NAVIGATION = "localStorage.setItem('large-screen-nav-open', 'false')"
MARGIN = 24
SHARPNESS = 1.25
FRAME_OF_GRAPH = """
    (() => {
        const boxes = [...document.querySelectorAll('foreignObject')].map((each) => each.getBoundingClientRect())
        const left = Math.min(...boxes.map((each) => each.left)), top = Math.min(...boxes.map((each) => each.top))
        const right = Math.max(...boxes.map((each) => each.right))
        const bottom = Math.max(...boxes.map((each) => each.bottom))
        return {x: left, y: top, width: right - left, height: bottom - top}
    })()
"""
SHOWN = ("raw_readings", "inserted_counts", "active_sensors", "meter_events")

EXIT_WITHOUT_BROWSER = 3
START_SECONDS_MAX = 180.0
PAGE_SECONDS_MAX = 90.0
PAUSE_SECONDS = 0.3
SETTLE_LOOKS = 8  # so many equal looks in a row: nothing moves or loads any more
DEMO_HOURS = 48


class NoBrowserError(RuntimeError):
    """There is no Chromium on this machine."""


class PageError(RuntimeError):
    """The page did not show what it must; the text is what it showed."""


def main() -> int:
    """Writes the picture; 0 when the assets are shown materialized, 1 when not, 3 without a browser."""
    parser = argparse.ArgumentParser(description="Take a picture of the asset graph in the Dagster UI.")
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--url", help="a running UI; without it the demo is run for the picture")
    parser.add_argument("--browser", help=f"program to use (default: the first of {', '.join(BROWSERS)})")
    parser.add_argument("--patience", type=float, default=PAGE_SECONDS_MAX, help="seconds to wait for the page")
    asked = parser.parse_args()
    try:
        browser = find_browser(asked.browser)
        if asked.url:
            take_picture(browser, asked.url, asked.picture, asked.patience)
        else:
            with demo_ui() as url:
                take_picture(browser, url, asked.picture, asked.patience)
    except NoBrowserError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_WITHOUT_BROWSER
    except PageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    kilobytes = asked.picture.stat().st_size / 1000
    sys.stdout.write(f"{asked.picture}: {kilobytes:.0f} kB, shows {', '.join(SHOWN)} materialized\n")
    return 0


def find_browser(wish: str | None) -> str:
    """The program to start. Raises ``NoBrowserError``."""
    for name in [wish] if wish else BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise NoBrowserError(f"no browser found: install one of {', '.join(BROWSERS)}, or name one with --browser")


def take_picture(browser: str, ui_url: str, picture: Path, patience: float) -> None:
    """Writes the picture once the assets are shown materialized. Raises ``PageError``."""
    with open_page(browser) as page:
        page.call(
            "Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=SHARPNESS, mobile=False
        )
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
        page.call("Page.enable")
        page.call("Page.addScriptToEvaluateOnNewDocument", source=NARROW_NAVIGATION)
        page.call("Page.navigate", url=ui_url + GRAPH_PAGE)
        _await(page, patience)
        frame = page.evaluate(FRAME_OF_GRAPH)
        clip = {
            "x": frame["x"] - MARGIN,
            "y": frame["y"] - MARGIN,
            "width": frame["width"] + 2 * MARGIN,
            "height": frame["height"] + 2 * MARGIN,
            "scale": 1,
        }
        data = page.call("Page.captureScreenshot", format="png", clip=clip)["data"]
    picture.write_bytes(base64.b64decode(data))


def _await(page: Page, patience: float) -> None:
    """Waits until every asset is shown materialized and the page has come to rest."""
    deadline = time.monotonic() + patience
    before, equal = "", 0
    while equal < SETTLE_LOOKS:
        time.sleep(PAUSE_SECONDS)
        now = page.text()
        equal = equal + 1 if now == before and not missing_in(now) else 0
        before = now
        if time.monotonic() > deadline:
            raise PageError(f"not shown materialized: {', '.join(missing_in(now))}. The page shows:\n{now}")


def missing_in(text: str) -> list[str]:
    """The assets that the page's text does not show with a materialization, asset by asset as the graph lists them."""
    parts = re.split(r"^(\w+)\nLatest event\n", text, flags=re.MULTILINE)
    latest = dict(zip(parts[1::2], parts[2::2], strict=True))
    return [name for name in SHOWN if not re.match(r"(just now|.* ago|\w{3} \d+)", latest.get(name, ""))]


@contextmanager
def open_page(browser: str) -> Iterator[Page]:
    """A page in a browser of its own, with nothing remembered; both end with the ``with`` block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [browser, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            port = _devtools_port(process, Path(profile) / "DevToolsActivePort")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=30) as answer:
                target = next(each for each in json.load(answer) if each["type"] == "page")
            with connect(target["webSocketDebuggerUrl"], max_size=None) as connection:
                yield Page(connection)
        finally:
            _end_group(process)


def _devtools_port(process: subprocess.Popen[bytes], file: Path) -> str:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        if len(lines) > 1:  # the port, then the browser's own address: it is written whole
            return lines[0]
        time.sleep(PAUSE_SECONDS)
    raise PageError("the browser did not start; start it by hand with --headless to see why")


@contextmanager
def demo_ui() -> Iterator[str]:
    """The URL of a demo run for the picture, in a folder of its own; its hours are the whole partition grid."""
    first = datetime.now(UTC) - timedelta(hours=DEMO_HOURS)
    with tempfile.TemporaryDirectory(prefix="fridge-picture-", ignore_cleanup_errors=True) as folder:
        foreign = ("FRIDGE_", "STRIPE_", "DAGSTER_")
        variables = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        variables |= {"FRIDGE_HOME": f"{folder}/home", "FRIDGE_PARTITIONS_START": first.strftime("%Y-%m-%d-%H:00")}
        log = Path(folder) / "demo.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(Path(sys.executable).parent / "fridge"), "demo"],
                env={**variables, "COLUMNS": "200"},
                stdout=output,
                stderr=output,
            )
        try:
            yield _demo_url(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _demo_url(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"Dagster UI\s+(http://\S+)", log.read_text(encoding="utf-8"))
        if found:
            return found.group(1)
        time.sleep(PAUSE_SECONDS)
    raise PageError(f"the demo did not start:\n{log.read_text(encoding='utf-8')}")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Page:
    """One page of a headless browser, driven over the DevTools protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._calls = 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol and its result."""
        self._calls += 1
        self._connection.send(json.dumps({"id": self._calls, "method": method, "params": params}))
        while True:
            answer = json.loads(self._connection.recv(timeout=PAGE_SECONDS_MAX))
            if answer.get("id") == self._calls:
                if "error" in answer:
                    raise PageError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def evaluate(self, script: str) -> Any:
        """The value of a script in the page."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def text(self) -> str:
        """What a reader sees."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))


if __name__ == "__main__":
    sys.exit(main())
