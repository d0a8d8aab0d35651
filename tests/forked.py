"""A process that was forked, made into a command that a shell has started."""

from __future__ import annotations

import gc
import os
import site
import sys
import sysconfig
from collections.abc import Mapping, Sequence


def become(arguments: Sequence[str], folder: str, environment: Mapping[str, str], streams: Sequence[int]) -> None:
    """Takes over input, output and errors (open file descriptors, closed here), folder, environment and arguments."""
    gc.freeze()  # what was imported before stays shared with the process it came from, and is not looked through
    gc.set_threshold(50_000, 20, 50)
    for own, given in enumerate(streams):
        os.dup2(given, own)
        os.close(given)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    site.addpackage(sysconfig.get_path("purelib"), "dagster_commands.pth", None)  # as an interpreter does at its start
    sys.argv = list(arguments)
