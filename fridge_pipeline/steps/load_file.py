"""Load one landing file: read, judge, deduplicate, store, count; all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import polars as pl
from adbc_driver_manager.dbapi import Connection

from fridge_pipeline.adapters.landing.errors import UnreadableFileError
from fridge_pipeline.adapters.landing.formats import read_batches
from fridge_pipeline.adapters.landing.snapshot import Snapshot
from fridge_pipeline.adapters.landing.zone import LandingZone
from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.file_load import ContendedLoadError, FileLoad, LoadedFile, file_load
from fridge_pipeline.adapters.postgres.sensor_directory import SensorDirectory
from fridge_pipeline.domain.landing_file import LandingFile
from fridge_pipeline.domain.reading import judge, rejected_rows, valid_readings

#: How often a file is tried again, the careful way, while other loads store the same readings.
CAREFUL_ATTEMPTS = 5

IDENTITY = ("recorded_at", "sensor_key")


@dataclass(slots=True)
class Tally:
    """The running counts of one file: rows = inserted + duplicate + rejected."""

    rows: int = 0
    inserted: int = 0
    duplicates: int = 0
    rejected: int = 0
    first_recorded_at: datetime | None = None
    last_recorded_at: datetime | None = None


class FileLoader:
    """Loads landing files one after another over the same connections."""

    def __init__(
        self,
        connection: Connection,
        sensors: SensorDirectory,
        workspace: Path,
        run_id: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._sensors = sensors
        self._workspace = workspace
        self._run_id = run_id
        self._clock = clock

    @classmethod
    @contextmanager
    def open(cls, database: Database, workspace: Path, run_id: str, clock: Callable[[], datetime]) -> Iterator[Self]:
        """A loader with connections of its own."""
        workspace.mkdir(parents=True, exist_ok=True)
        with database.connect_bulk() as connection, SensorDirectory.open(database) as sensors:
            yield cls(connection, sensors, workspace, run_id, clock)

    def load(self, zone: LandingZone, file: LandingFile) -> LoadedFile | None:
        """Loads a file's present content and returns its counts; ``None`` when just this content is loaded already.

        A file that cannot be read, or only in part, is recorded with what could be read and opens an exception.
        Raises ``OSError`` when the file cannot be fetched, ``ContendedLoadError`` when others never let it through.
        """
        with zone.snapshot(file, self._workspace) as snapshot:
            for attempt in range(CAREFUL_ATTEMPTS + 1):
                try:
                    with file_load(self._connection, careful=attempt > 0) as load:
                        return self._load(load, file, snapshot)
                except ContendedLoadError:
                    if attempt == CAREFUL_ATTEMPTS:
                        raise
        return None

    def _load(self, load: FileLoad, file: LandingFile, snapshot: Snapshot) -> LoadedFile | None:
        load.lock(file.path)
        if load.is_known(file.path, snapshot.content_hash):
            return None
        file_id, tally, damage = load.new_file_id(), Tally(), snapshot.damage
        try:
            for raw in read_batches(snapshot, file.format):
                self._store(load, file, file_id, judge(raw, file.landing_hour), tally)
        except UnreadableFileError as error:
            damage = str(error)
        now = self._clock()
        if damage is None:
            load.close_unreadable(file.landing_hour.start, file.path, now)
        else:
            load.open_unreadable(file.landing_hour.start, file.path, _unreadable_detail(file, damage, tally), now)
        loaded = self._counts(file, file_id, snapshot, tally, damage, now)
        load.record(loaded)
        return loaded

    def _store(self, load: FileLoad, file: LandingFile, file_id: int, judged: pl.DataFrame, tally: Tally) -> None:
        rejected = rejected_rows(judged)
        if rejected.height:
            load.store_rejected(rejected.with_columns(file_id=pl.lit(file_id, pl.Int32), path=pl.lit(file.path)))
        valid = valid_readings(judged)
        inserted = self._store_new(load, file_id, valid, tally) if valid.height else 0
        tally.rows += judged.height
        tally.rejected += rejected.height
        tally.inserted += inserted
        tally.duplicates += valid.height - inserted

    def _store_new(self, load: FileLoad, file_id: int, valid: pl.DataFrame, tally: Tally) -> int:
        """Stores those not stored yet; of several with one identity in a file, the first."""
        keys = self._sensors.keys_of(valid.select("tenant_id", "sensor_id").unique())
        self._sensors.ensure_months(valid["recorded_at"])
        readings = (
            valid.lazy()
            .join(keys.lazy(), on=["tenant_id", "sensor_id"], how="inner", validate="m:1", maintain_order="left")
            .select(*IDENTITY, "temperature_c", file_id=pl.lit(file_id, pl.Int32))
            .unique(subset=IDENTITY, keep="first", maintain_order=True)
            .collect()
        )
        new = readings.join(load.existing_keys(readings), on=IDENTITY, how="anti").sort(IDENTITY)
        if new.is_empty():
            return 0
        first, last = new.item(0, "recorded_at"), new.item(-1, "recorded_at")
        tally.first_recorded_at = min(tally.first_recorded_at or first, first)
        tally.last_recorded_at = max(tally.last_recorded_at or last, last)
        return load.store_readings(new)

    def _counts(
        self,
        file: LandingFile,
        file_id: int,
        snapshot: Snapshot,
        tally: Tally,
        damage: str | None,
        now: datetime,
    ) -> LoadedFile:
        return LoadedFile(
            file_id=file_id,
            path=file.path,
            landing_hour=file.landing_hour.start,
            content_hash=snapshot.content_hash,
            version_token=file.version,
            size_bytes=snapshot.size,
            row_count=tally.rows,
            inserted_count=tally.inserted,
            duplicate_count=tally.duplicates,
            rejected_count=tally.rejected,
            status=_status(damage, tally),
            first_recorded_at=tally.first_recorded_at,
            last_recorded_at=tally.last_recorded_at,
            run_id=self._run_id,
            loaded_at=now,
        )


def _status(damage: str | None, tally: Tally) -> str:
    if damage is None:
        return "loaded"
    return "damaged" if tally.rows else "unreadable"


def _unreadable_detail(file: LandingFile, damage: str, tally: Tally) -> str:
    if file.format is None:
        return f"{damage}; nothing of it is loaded. Ask for it in one of these formats, and close this exception."
    rest = f"{tally.rows} rows before the damage were read" if tally.rows else "no row could be read"
    return f"{damage}; {rest}. Ask for the file again under the same name: only its new readings will count."
