"""A folder that is for its owner alone, whatever the umask: books, passwords, sockets and records stand in it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

OWNER_ALONE = 0o700


class SharedFolderError(PermissionError):
    """The folder belongs to everybody, so it cannot be made private."""


def make_private(folder: Path) -> Path:
    """Makes the folder where it does not exist, takes everybody else's rights away, and returns it.

    One of another owner is left as it is (a volume that is mounted so).
    Raises ``SharedFolderError`` for the root and for folders like ``/tmp``.
    """
    folder.mkdir(mode=OWNER_ALONE, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) == OWNER_ALONE:
        return folder
    if folder.resolve() == Path(folder.anchor or os.sep) or folder.stat().st_mode & stat.S_ISVTX:
        raise SharedFolderError(f"{folder} is shared by all users; name a folder of its own in FRIDGE_HOME")
    with suppress(PermissionError):  # of another owner
        folder.chmod(OWNER_ALONE)
    return folder
