"""Take the pictures of a month's report that docs/for-finance.md shows, from a month of real readings.

    .venv/bin/python -m scripts.report_pictures docs/images

The month is the one that tests/real_data/test_whole_month.py bills and proves; its page is what the pictures show.
Needs the real readings, which are not part of the project, and Chromium.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.browser import NoBrowserError, PageError, find_browser, open_page

REPOSITORY = Path(__file__).parents[1]
TEST = "tests/real_data/test_whole_month.py"


def main(pictures: Path) -> None:
    """Writes two pictures into a folder: the top of the page on a desk and on a phone."""
    browser = find_browser()
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fridge-report-", ignore_cleanup_errors=True) as folder:
        report = report_of_the_month(Path(folder))
        with open_page(browser) as page:
            for name, width, height, sharpness in (("desktop", 1280, 900, 1), ("phone", 390, 844, 1.5)):
                page.show(width, height, sharpness, mobile=name == "phone")
                page.open_whole(report)
                page.picture(pictures / f"report-{name}.png", {"x": 0, "y": 0, "width": width, "height": height})


def report_of_the_month(folder: Path) -> Path:
    """The page that the test makes. Raises ``PageError`` when it does not pass, or is skipped."""
    command = [sys.executable, "-m", "pytest", TEST, "-n", "0", "-q", f"--basetemp={folder / 'test'}"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    pages = list(folder.glob("test/*/report/*.html"))
    if done.returncode or not pages:
        raise PageError(f"there is no month to take pictures of:\n{done.stdout}")
    return pages[0]


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except (NoBrowserError, PageError) as error:
        sys.exit(str(error))
