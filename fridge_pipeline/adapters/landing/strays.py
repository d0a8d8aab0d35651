"""Strays: what lies in a local landing zone outside every landing hour, where nobody would ever load it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from fridge_pipeline.domain.hour import Hour, NotAnHourError
from fridge_pipeline.domain.landing_file import is_landing_file, storable_path

#: Any hour, to see whether a date folder is one.
_SOME_HOUR = "00"


def stray_paths(root: Path, at_most: int) -> list[str]:
    """Folders (with a slash behind them) and files that are in no landing hour, relative to the root.

    Names that announce themselves as unfinished are left out, and so is what cannot be listed.
    """
    return list(islice(_strays(root), at_most))


def _strays(root: Path) -> Iterator[str]:
    for date in _entries(root):
        if not _is_folder(date) or not _is_hour(f"{date.name}/{_SOME_HOUR}"):
            yield _shown(date, date.name)
            continue
        for hour in _entries(Path(date.path)):
            path = f"{date.name}/{hour.name}"
            if not _is_folder(hour) or not _is_hour(path):
                yield _shown(hour, path)
                continue
            for inside in _entries(Path(hour.path)):
                if _is_folder(inside):
                    yield _shown(inside, f"{path}/{inside.name}")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        return sorted((entry for entry in entries if is_landing_file(entry.name)), key=lambda entry: entry.name)
    return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):  # a link in a circle
        return entry.is_dir()
    return False


def _is_hour(folder: str) -> bool:
    with suppress(NotAnHourError):
        Hour.from_folder(folder)
        return True
    return False


def _shown(entry: os.DirEntry[str], path: str) -> str:
    return storable_path(path) + ("/" if _is_folder(entry) else "")
