"""Strangers: whether files that lie under known names, each with other content, are somebody else's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import psycopg

from fridge_pipeline.database.queries import statement
from fridge_pipeline.ingest.landing.landing_errors import LandingError
from fridge_pipeline.ingest.landing.private_copy import Snapshot
from fridge_pipeline.ingest.landing.source_rows import file_batches
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.rules.landing_files import LandingFile
from fridge_pipeline.ingest.rules.reading import IDS, judge, valid_readings

#: So many files are read, none of them larger; and of each so many sensors are asked for.
FILES_READ = 3
BYTES_MAX = 2**26
SENSORS_MAX = 10_000


def are_strangers(connection: psycopg.Connection, zone: LandingZone, files: Sequence[LandingFile]) -> bool:
    """Whether of some files not one is known by its content, and not one has a sensor that was ever stored.

    What cannot be read says nothing, and so does a file without a reading: then they are no strangers.
    """
    return bool(files) and all(_is_strange(connection, zone, file) for file in files[:FILES_READ])


def _is_strange(connection: psycopg.Connection, zone: LandingZone, file: LandingFile) -> bool:
    if file.size > BYTES_MAX:
        return False
    try:
        with (
            TemporaryDirectory(prefix="stranger-") as folder,
            zone.snapshot(file, Path(folder), BYTES_MAX) as snapshot,
        ):
            content, sensors = snapshot.content_hash, _sensors(snapshot, file)
    except LandingError:
        return False
    asked = {"path": file.path, "content": content, "tenants": sensors["tenant_id"], "sensors": sensors["sensor_id"]}
    row = connection.execute(statement("knows_of_file"), asked).fetchone()
    return bool(sensors["sensor_id"]) and not (row and row[0])


def _sensors(snapshot: Snapshot, file: LandingFile) -> dict[str, list[str | None]]:
    """Those of its first readings, each once; without a tenant where only the register says whose they are."""
    by_register = file.source is not None and file.source.tenant_id.register
    for rows in file_batches(snapshot, file.format, file.source, file.path_below_hour):
        owned = rows.with_columns(tenant_id=pl.lit("by register")) if by_register else rows
        found = valid_readings(judge(owned, file.landing_hour)).select(IDS).unique().head(SENSORS_MAX)
        if found.height:
            owners = [None] * found.height if by_register else found["tenant_id"].to_list()
            return {"tenant_id": owners, "sensor_id": found["sensor_id"].to_list()}
    return {name: [] for name in IDS}
