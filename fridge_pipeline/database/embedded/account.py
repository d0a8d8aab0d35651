"""Which system user the server runs as, and what that user can reach.

PostgreSQL refuses to run as root, because whoever breaks into the server would own the machine.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from fridge_pipeline.database.embedded.server_errors import DataDirectoryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STAND_INS_FOR_ROOT = ("postgres", "nobody")  # the first that this machine has


class RunAs(TypedDict, total=False):
    """Arguments of ``subprocess`` that change the user of a child."""

    user: int
    group: int
    extra_groups: Sequence[int]


@dataclass(frozen=True, slots=True)
class Account:
    """The system user of the server; ``switches`` says whether it is another one than ours."""

    uid: int
    gid: int
    switches: bool

    def run_as(self) -> RunAs:
        """The arguments with which ``subprocess`` starts a child as this user."""
        if not self.switches:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Give a new folder to this user."""
        if self.switches:
            os.chown(folder, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Whether this user may walk down to a folder, by the mode bits of it and of every parent."""
        if not self.switches:
            return True
        resolved = folder.resolve()
        return all(self._may(step, execute=True) for step in (resolved, *resolved.parents))

    def can_run(self, program: Path) -> bool:
        """Whether this user may reach, read and execute a program, by the mode bits."""
        return self.can_enter(program.parent) and self._may(program, execute=True, read=True)

    def _may(self, path: Path, *, execute: bool, read: bool = False) -> bool:
        status = path.stat()
        wanted = (stat.S_IXOTH if execute else 0) | (stat.S_IROTH if read else 0)
        if status.st_uid == self.uid:
            wanted <<= 6
        elif status.st_gid == self.gid:
            wanted <<= 3
        return status.st_mode & wanted == wanted


def server_account(data: Path) -> Account:
    """The user for the server of a data directory (which need not be there yet).

    Ourselves, unless we are root: then the owner of the data directory, or for a new one the first of
    ``STAND_INS_FOR_ROOT``. Raises ``DataDirectoryError`` when the machine has none of these.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switches=False)
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid, switches=True)
    for name in STAND_INS_FOR_ROOT:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue  # this machine does not have that one
        return Account(entry.pw_uid, entry.pw_gid, switches=True)
    raise DataDirectoryError(
        "PostgreSQL does not run as root, and this machine has no user named "
        f"{' or '.join(STAND_INS_FOR_ROOT)}: create one, or run as an ordinary user"
    )
