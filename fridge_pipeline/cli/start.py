"""Where the console script ``fridge`` begins: what it imports takes seconds, in which Ctrl-C must show no traceback."""

from __future__ import annotations

import os
import signal
from types import FrameType


def main() -> None:
    """Runs the command line."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _end)
    from fridge_pipeline.cli.main import main as run  # noqa: PLC0415 # not before the line above

    run()


def _end(number: int, _frame: FrameType | None) -> None:
    os.write(2, b"interrupted\n")
    os._exit(128 + number)
