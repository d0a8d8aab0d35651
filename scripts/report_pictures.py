"""Take the pictures of a month's report that docs/for-finance.md shows, from a month of real readings.

    .venv/bin/python -m scripts.report_pictures docs/images [--browser chromium]

The month is the one that tests/real_data/test_whole_month.py bills and proves; its page is what the pictures show.
Needs the real readings, which are not part of the project, and Chromium.
"""

from __future__ import annotations

import argparse
import base64
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.browser import NoBrowserError, Page, PageError, find_browser, open_page

EXIT_WITHOUT_BROWSER = 3

REPOSITORY = Path(__file__).parents[1]
TEST = "tests/real_data/test_whole_month.py"
DESKTOP, PHONE = (1280, 900), (390, 844)


def main() -> int:
    """Writes two pictures; 0 when all are there, 1 when the month could not be made, 3 without a browser."""
    parser = argparse.ArgumentParser(description="Take the pictures of a month's report.")
    parser.add_argument("folder", type=Path, help="where the PNG files go")
    parser.add_argument("--browser", help="program to use (default: the first Chromium there is)")
    asked = parser.parse_args()
    try:
        browser = find_browser(asked.browser)
        with tempfile.TemporaryDirectory(prefix="fridge-report-", ignore_cleanup_errors=True) as folder:
            take_pictures(browser, report_of_the_month(Path(folder)), asked.folder)
    except NoBrowserError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_WITHOUT_BROWSER
    except PageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def report_of_the_month(folder: Path) -> Path:
    """The page that the test makes. Raises ``PageError`` when it does not pass, or is skipped."""
    command = [sys.executable, "-m", "pytest", TEST, "-n", "0", "-q", f"--basetemp={folder / 'test'}"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    pages = list(folder.glob("test/*/report/*.html"))
    if done.returncode or not pages:
        raise PageError(f"there is no month to take pictures of:\n{done.stdout}")
    return pages[0]


def take_pictures(browser: str, report: Path, folder: Path) -> None:
    """The top of the page on a desk and on a phone."""
    folder.mkdir(parents=True, exist_ok=True)
    with open_page(browser) as page:
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
        for name, size in (("report-desktop", DESKTOP), ("report-phone", PHONE)):
            _show(page, report, size)
            _write(page, folder / f"{name}.png", {"x": 0, "y": 0, "width": size[0], "height": size[1]})


def _show(page: Page, report: Path, size: tuple[int, int]) -> None:
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=size[0],
        height=size[1],
        deviceScaleFactor=1.5 if size == PHONE else 1,
        mobile=size == PHONE,
    )
    page.call("Page.enable")
    page.call("Page.navigate", url=report.as_uri())
    page.call("Runtime.evaluate", expression=LOADED, awaitPromise=True)


LOADED = "new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done))"


def _write(page: Page, picture: Path, clip: dict[str, float]) -> None:
    shot = page.call("Page.captureScreenshot", format="png", clip=clip | {"scale": 1}, captureBeyondViewport=True)
    picture.write_bytes(base64.b64decode(shot["data"]))
    sys.stdout.write(f"{picture}: {picture.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    sys.exit(main())
