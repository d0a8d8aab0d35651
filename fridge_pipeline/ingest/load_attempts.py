"""Attempts at loading landing files, on record before a file is read: whoever dies while it reads leaves one behind.

Call these while the paths are locked: then no attempt on record is one that is still under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg

from fridge_pipeline.database.queries import statement
from fridge_pipeline.ingest.rules.landing_file import LandingFile


def lost_attempts(connection: psycopg.Connection, files: Sequence[LandingFile]) -> dict[str, int]:
    """Path → how many loads of the file, as it is now, never ended; files without any are left out."""
    return dict(connection.execute(statement("lost_load_attempts"), _named(files)).fetchall())


def begin_attempts(connection: psycopg.Connection, files: Sequence[LandingFile], now: datetime) -> None:
    """Records that these files are about to be read."""
    connection.execute(statement("begin_load_attempts"), {**_named(files), "now": now})


def end_attempts(connection: psycopg.Connection, files: Sequence[LandingFile]) -> None:
    """Whatever became of these files, the process has survived it."""
    connection.execute(statement("end_load_attempts"), {"paths": [file.path for file in files]})


def _named(files: Sequence[LandingFile]) -> dict[str, object]:
    return {"paths": [file.path for file in files], "versions": [file.version for file in files]}
