"""Which program this is, and the runs on record that it made."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import psycopg

from fridge_pipeline.database.queries import PACKAGE, statement

#: What decides what the program does; the rest of the folder is caches and sample data.
_SOURCE = frozenset({".py", ".sql", ".yml"})


#: Where a build that leaves git behind writes the commit that it was made of.
BUILT_FROM = PACKAGE / "commit.txt"

#: What is said where neither a build nor git says it.
NO_COMMIT = "not known"

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def program_identity(models_folder: Path) -> dict[str, str]:
    """Version, commit and source hash of the program and its SQL models, and the versions of Python and polars."""
    return {
        "name": "fridge_pipeline",
        "version": importlib.metadata.version("fridge_pipeline"),
        "commit": commit(),
        "source_sha256": source_sha256(PACKAGE, models_folder),
        "python": platform.python_version(),
        "polars": importlib.metadata.version("polars"),
    }


def commit(built_from: Path = BUILT_FROM, checkout: Path = PACKAGE.parent) -> str:
    """The commit that this program was built from or is checked out at; git itself need not be there.

    What was edited since shows in the source hash alone.
    """
    try:
        if built_from.exists():
            said = built_from.read_text(encoding="ascii").strip()
        else:
            said = _checked_out(checkout / ".git")
    except (OSError, UnicodeDecodeError):
        return NO_COMMIT  # not a checkout
    return said if _COMMIT.fullmatch(said) else NO_COMMIT


def _checked_out(git: Path) -> str:
    """What HEAD is, in the files of a checkout or of a further work tree of one."""
    if git.is_file():
        git = git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text(encoding="ascii").strip()
    if not head.startswith("ref: "):
        return head
    name, common = head.removeprefix("ref: "), git / "commondir"
    top = git / common.read_text(encoding="utf-8").strip() if common.exists() else git
    if (top / name).exists():
        return (top / name).read_text(encoding="ascii").strip()
    packed = (top / "packed-refs").read_text(encoding="utf-8").splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), NO_COMMIT)


def source_sha256(*folders: Path) -> str:
    """One hash over the paths and texts of all source files below the folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in _SOURCE and path.is_file():
                text = path.read_bytes()
                digest.update(f"{folder.name}/{path.relative_to(folder).as_posix()}\0{len(text)}\0".encode())
                digest.update(text)
    return digest.hexdigest()


def record_run(
    connection: psycopg.Connection, run_id: str, program: Mapping[str, str], launched_by: str | None, now: datetime
) -> None:
    """Puts a run on record before it does anything; a step of it that does so again changes nothing."""
    row = {
        "run_id": run_id,
        "program_version": program["version"],
        "source_sha256": program["source_sha256"],
        "launched_by": launched_by,
        "now": now,
    }
    connection.execute(statement("record_run"), row)
