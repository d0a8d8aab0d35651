"""The data directory, made once, whole or not at all; and the system user whom the server runs as.

PostgreSQL refuses to run as root, because whoever breaks into the server would own the machine.
"""

from __future__ import annotations

import importlib.resources
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, TypedDict

from fridge_pipeline.database.embedded.layout import SETTINGS, DataDirectoryError, as_arguments, sync_folder
from fridge_pipeline.database.embedded.logins import OWNER, SUPERUSER, read_or_create_password

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fridge_pipeline.database.embedded.layout import Layout


MAJOR_VERSION = "18"
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
        return all(self._may(step) for step in (resolved, *resolved.parents))

    def can_run(self, program: Path) -> bool:
        """Whether this user may reach, read and execute a program, by the mode bits."""
        return self.can_enter(program.parent) and self._may(program, read=True)

    def _may(self, path: Path, *, read: bool = False) -> bool:
        """Execute it, which for a folder is to pass through it, and read it if asked."""
        status = path.stat()
        wanted = stat.S_IXOTH | (stat.S_IROTH if read else 0)
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


OWN_FOLDER = Path("/proc/self/cwd")
# Nothing inherited: a PG* variable or a locale of the caller would change what is made or served.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
CREATE_DEADLINE_S = 120  # takes 1 s; a slow disk a few
INITDB = (
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--locale=C",  # of the operating system nothing is used: it differs from machine to machine ...
    "--locale-provider=builtin",  # ... and PostgreSQL's own C.UTF-8 sorts alike everywhere, for ever
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--auth-local=reject",  # there are no unix sockets
    "--auth-host=scram-sha-256",
    "--no-instructions",
)
SINGLE_USER = {**SETTINGS, "exit_on_error": "on", "log_min_error_statement": "panic"}  # statements hold passwords


def as_argument(account: Account, data: Path) -> str:
    """The path under which the server's user reaches a data directory it was started in.

    As root the home may lie below a folder that this user cannot enter. Linux follows ``/proc/self/cwd``
    without walking the parents, so a process that starts inside needs no other way in. Raises
    ``DataDirectoryError`` where the system has no such link.
    """
    if account.can_enter(data.parent):
        return str(data)
    if OWN_FOLDER.exists():
        return str(OWN_FOLDER)
    raise DataDirectoryError(
        f"user id {account.uid}, as which PostgreSQL must run instead of root, cannot enter {data.parent}: "
        "set FRIDGE_HOME to a folder that everybody may enter, or run as an ordinary user"
    )


def create(layout: Layout, programs: Path, account: Account, lock: int) -> None:
    """Make the data directory with its roles and databases; what a killed attempt left is removed first.

    ``lock`` is the open start lock: the programs inherit it, so if we are killed, nobody else begins before
    they have ended too. Raises ``DataDirectoryError`` with the programs' own words.
    """
    unfinished = layout.unfinished_data
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    account.own(unfinished)
    passwords = {f"{role}_password": read_or_create_password(layout, role) for role in (SUPERUSER, OWNER)}
    roles = importlib.resources.files(__package__).joinpath("roles.sql").read_text()
    folder = ("-D", as_argument(account, unfinished))
    _run(unfinished, account, lock, [str(programs / "initdb"), *folder, *INITDB])
    single = [str(programs / "postgres"), "--single", *folder, *as_arguments(SINGLE_USER), "template1"]
    _run(unfinished, account, lock, single, Template(roles).substitute(passwords))
    unfinished.rename(layout.data)
    sync_folder(layout.home)


def check_version(layout: Layout) -> None:
    """Raise ``DataDirectoryError`` when the data directory was made by another PostgreSQL than ours."""
    file = layout.data / "PG_VERSION"
    version = file.read_text().strip() if file.exists() else "unknown"
    if version != MAJOR_VERSION:
        raise DataDirectoryError(
            f"{layout.data} was made by PostgreSQL {version}, the programs here are {MAJOR_VERSION}: "
            "move its content over with pg_dump and pg_restore, or set FRIDGE_HOME to another folder"
        )


def _run(folder: Path, account: Account, lock: int, command: list[str], text: str = "") -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=ENVIRONMENT,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=CREATE_DEADLINE_S,
            check=False,
            pass_fds=(lock,),
            **account.run_as(),
        )
    except subprocess.TimeoutExpired as error:
        raise DataDirectoryError(
            f"{command[0]} took more than {CREATE_DEADLINE_S} s to prepare {folder}: is the disk that slow?"
        ) from error
    if done.returncode != 0:
        raise DataDirectoryError(
            f"{command[0]} could not prepare {folder} (exit code {done.returncode}); it says:\n" + done.stdout.strip()
        )
