"""The data directory: made once, whole or not at all."""

from __future__ import annotations

import importlib.resources
import shutil
import subprocess
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from fridge_pipeline.database.embedded import layout as files
from fridge_pipeline.database.embedded import passwords
from fridge_pipeline.database.embedded.binaries import MAJOR_VERSION
from fridge_pipeline.database.embedded.server_errors import DataDirectoryError

if TYPE_CHECKING:
    from fridge_pipeline.database.embedded.account import Account
    from fridge_pipeline.database.embedded.layout import Layout

OWN_FOLDER = Path("/proc/self/cwd")
# Nothing inherited: a PG* variable or a locale of the caller would change what is made or served.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
CREATE_DEADLINE_S = 120  # takes 1 s; a slow disk a few
INITDB = (
    f"--username={passwords.SUPERUSER}",
    "--encoding=UTF8",
    "--locale=C",  # of the operating system nothing is used: it differs from machine to machine ...
    "--locale-provider=builtin",  # ... and PostgreSQL's own C.UTF-8 sorts alike everywhere, for ever
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--auth-local=reject",  # there are no unix sockets
    "--auth-host=scram-sha-256",
    "--no-instructions",
)
SINGLE_USER = ("--single", "-c", "exit_on_error=on", "-c", "log_checkpoints=off")


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
    verifiers = {
        f"{role}_verifier": passwords.verifier(passwords.read_or_create(layout, role))
        for role in (passwords.SUPERUSER, passwords.OWNER)
    }
    roles = importlib.resources.files(__package__).joinpath("roles.sql").read_text()
    folder = ("-D", as_argument(account, unfinished))
    _run(unfinished, account, lock, [str(programs / "initdb"), *folder, *INITDB])
    single = [str(programs / "postgres"), SINGLE_USER[0], *folder, *SINGLE_USER[1:], "template1"]
    _run(unfinished, account, lock, single, Template(roles).substitute(verifiers))
    unfinished.rename(layout.data)
    files.sync_folder(layout.home)


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
