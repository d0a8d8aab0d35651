"""A page in headless Chromium, driven over its DevTools protocol: what a person would see, click and type.

The protocol, because only that can tell when a page is there: the UI is drawn long after it has loaded.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
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

START_SECONDS_MAX = 180.0
PAGE_SECONDS_MAX = 150.0
PAUSE_SECONDS = 0.3
CLICKS_MAX, CLICK_SECONDS = 4, 12.0
SETTLE_LOOKS = 6  # so many equal looks in a row: nothing moves or loads any more

#: The smallest elements whose whole text is this one, and that are drawn.
FIND = """
    ((text, selector) => {
        const same = [...document.querySelectorAll(selector)].filter((each) => (each.innerText || '').trim() === text)
        const drawn = same.filter((each) => each.getBoundingClientRect().width > 0)
        const found = drawn.filter((each) => !drawn.some((other) => other !== each && each.contains(other))).pop()
        if (!found) return null
        found.scrollIntoView({block: 'center'})
        const box = found.getBoundingClientRect()
        return {x: box.x + box.width / 2, y: box.y + box.height / 2}
    })"""
PLACE = """
    ((selector) => {
        const found = document.querySelector(selector)
        if (!found) return null
        const box = found.getBoundingClientRect()
        return {x: box.x + Math.min(60, box.width / 2), y: box.y + box.height / 2}
    })"""

LOADED = "new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done))"

T = TypeVar("T")


class NoBrowserError(RuntimeError):
    """There is no Chromium on this machine."""


class PageError(RuntimeError):
    """The page did not show what it must; the text is what it showed."""


def find_browser() -> str:
    """The program to start. Raises ``NoBrowserError``."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise NoBrowserError(f"no browser found: install one of {', '.join(BROWSERS)}")


@contextmanager
def page_of_a_test() -> Iterator[Page]:
    """A page for a test, which is skipped where there is no browser."""
    try:
        browser = find_browser()
    except NoBrowserError as error:
        pytest.skip(str(error))
    with open_page(browser) as page:
        yield page


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
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _devtools_port(process: subprocess.Popen[bytes], file: Path) -> str:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        if len(lines) > 1:  # the port, then the browser's own address: it is written whole
            return lines[0]
        time.sleep(PAUSE_SECONDS)
    raise PageError("the browser did not start; start it by hand with --headless to see why")


class Page:
    """One page of a headless browser."""

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

    def show(
        self, width: int, height: int, sharpness: float = 1, *, mobile: bool = False, before_each: str = ""
    ) -> None:
        """Sets the window's size, a light scheme, and a script that runs before each page."""
        size = {"width": width, "height": height, "deviceScaleFactor": sharpness, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
        self.call("Page.enable")
        if before_each:
            self.call("Page.addScriptToEvaluateOnNewDocument", source=before_each)

    def open(self, url: str) -> None:
        """Goes to an address; what it shows is there only later."""
        self.call("Page.navigate", url=url)

    def open_whole(self, file: Path) -> None:
        """Goes to a file, and waits until all of it has loaded."""
        self.open(file.as_uri())
        self.call("Runtime.evaluate", expression=LOADED, awaitPromise=True)

    def evaluate(self, script: str) -> Any:
        """The value of a script in the page."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def text(self) -> str:
        """What a reader sees."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def address(self) -> str:
        """Where the page is."""
        return str(self.evaluate("location.href"))

    def wait_for(self, what: str, look: Callable[[str], T | None], patience: float = PAGE_SECONDS_MAX) -> T:
        """What ``look`` makes of the page's text, once it makes something of it. Raises ``PageError``."""
        deadline = time.monotonic() + patience
        while not (found := look(text := self.text())):
            if time.monotonic() > deadline:
                raise PageError(f"waited {patience:.0f} s in vain for {what}. The page shows:\n{text}")
            time.sleep(PAUSE_SECONDS)
        return found

    def wait_for_text(self, *words: str, patience: float = PAGE_SECONDS_MAX) -> str:
        """The page's text once it holds all these words."""
        return self.wait_for(
            ", ".join(words), lambda text: text if all(each in text for each in words) else None, patience
        )

    def wait_for_rest(self) -> None:
        """Until nothing that can be read changes any more, but for the seconds since it was loaded."""
        looks = [""]

        def is_at_rest(text: str) -> bool:
            looks.append(re.sub(r"\d+ seconds? ago", "", text))
            return len(looks) > SETTLE_LOOKS and len(set(looks[-SETTLE_LOOKS:])) == 1

        self.wait_for("the page to come to rest", is_at_rest)

    def click(self, text: str, selector: str = "button, a, [role=tab], [role=button], div, span") -> None:
        """Clicks what says just this, once it is there."""
        script = f"{FIND}({json.dumps(text)}, {json.dumps(selector)})"
        self._click_at(self.wait_for(f"{text!r} to click", lambda _text: self.evaluate(script)))

    def click_until(self, text: str, look: Callable[[str], T | None]) -> T:
        """Clicks what says just this, and again when nothing came of it: a page that is being drawn forgets a click."""
        for _ in range(CLICKS_MAX):
            self.click(text)
            with suppress(PageError):
                return self.wait_for(f"what a click on {text!r} shows", look, CLICK_SECONDS)
        raise PageError(f"{CLICKS_MAX} clicks on {text!r} came to nothing. The page shows:\n{self.text()}")

    def click_place(self, selector: str) -> None:
        """Clicks the first element of a selector, once it is there."""
        self._click_at(self.wait_for(selector, lambda _text: self.evaluate(f"{PLACE}({json.dumps(selector)})")))

    def type(self, text: str) -> None:
        """Types into what has the focus, and Enter behind it."""
        self.call("Input.insertText", text=text)
        time.sleep(PAUSE_SECONDS)
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13)

    def picture(self, file: Path, clip: dict[str, float] | None = None) -> None:
        """Writes what is seen, or a part of it, as PNG."""
        more = {"clip": {**clip, "scale": 1}} if clip is not None else {}
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png", **more)["data"]))

    def _click_at(self, place: dict[str, float]) -> None:
        for kind, button, clicks in (
            ("mouseMoved", "none", 0),
            ("mousePressed", "left", 1),
            ("mouseReleased", "left", 1),
        ):
            self.call("Input.dispatchMouseEvent", type=kind, **place, button=button, clickCount=clicks)
