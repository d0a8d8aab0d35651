"""Which program this is, and the runs on record that it made."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

import psycopg

from fridge_pipeline.commit import commit
from fridge_pipeline.database.queries import PACKAGE, statement

#: What decides what the program does; the rest of the folder is caches and sample data.
_SOURCE = frozenset({".py", ".sql", ".yml"})


@cache
def program_identity(models_folder: Path) -> Mapping[str, str]:
    """Version, commit and source hash of the program and its SQL models, and the versions of Python and polars.

    As of the first call in a process: what is asked where the code is loaded tells of this code, not of later files.
    """
    return {
        "name": "fridge_pipeline",
        "version": importlib.metadata.version("fridge_pipeline"),
        "commit": commit(),
        "source_sha256": source_sha256(PACKAGE, models_folder),
        "python": platform.python_version(),
        "polars": importlib.metadata.version("polars"),
    }


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
