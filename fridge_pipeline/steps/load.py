"""Load: every landing file of an hour that has not been loaded yet, each in one transaction (laws L1 and L3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg

from fridge_pipeline.adapters.landing.errors import LandingFileVanishedError, LandingFolderError, UnreadableFileError
from fridge_pipeline.adapters.landing.zone import LandingZone
from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.exceptions import ExceptionKey, close_exception, open_exception, open_exceptions
from fridge_pipeline.adapters.postgres.file_load import LoadedFile
from fridge_pipeline.adapters.postgres.landing_record import (
    listing_fingerprints,
    loaded_versions,
    record_landing_hour,
)
from fridge_pipeline.domain.hour import Hour
from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.steps.effect import Effect, Witness, unwatched
from fridge_pipeline.steps.load_file import FileLoader


@dataclass(slots=True)
class HourLoad:
    """What loading a landing hour came to.

    ``loaded`` are the files loaded just now, ``unfetched`` counts files whose bytes could not be fetched, and
    ``failure`` says why the folder could not be listed (``None`` when it could).
    """

    hour: Hour
    listed: int = 0
    loaded: list[LoadedFile] = field(default_factory=list)
    unfetched: int = 0
    failure: str | None = None

    @property
    def rows(self) -> int:
        """Rows of the files loaded just now."""
        return sum(file.row_count for file in self.loaded)

    @property
    def inserted(self) -> int:
        """Readings stored for the first time."""
        return sum(file.inserted_count for file in self.loaded)

    @property
    def duplicates(self) -> int:
        """Readings that were stored already."""
        return sum(file.duplicate_count for file in self.loaded)

    @property
    def rejected(self) -> int:
        """Rows that are no valid readings."""
        return sum(file.rejected_count for file in self.loaded)

    @property
    def unreadable(self) -> int:
        """Files of which not a single row could be read, or not all."""
        return sum(file.status != "loaded" for file in self.loaded)


def load_hours(
    database: Database,
    zone: LandingZone,
    hours: HourRange,
    workspace: Path,
    run_id: str,
    clock: Callable[[], datetime],
    witness: Witness = unwatched,
) -> Iterator[HourLoad]:
    """Loads what is new in each hour of the range, hour by hour; an hour that fails does not stop the next.

    ``workspace`` is a folder for the private copies that files are read from. What is wrong with a file or a
    folder becomes an exception for a person; only a lost database ends the range.
    """
    with database.connect() as connection, _lazily(database, workspace, run_id, clock) as loader:
        known = listing_fingerprints(connection, hours)
        failed_before = {hour for hour, kinds in open_exceptions(connection, hours).items() if "load_failed" in kinds}
        for hour in hours.hours():
            load = HourLoad(hour)
            try:
                fingerprint = zone.fingerprint(hour)
                if fingerprint is not None and known.get(hour) != fingerprint:
                    versions = loaded_versions(connection, hour)
                    unread = _load_files(load, zone, versions, loader, witness)
                    _record(connection, load, unread, fingerprint, clock())
                if hour in failed_before:
                    close_exception(connection, ExceptionKey("load_failed", None, hour), clock())
            except LandingFolderError as error:
                load.failure = str(error)
                open_exception(connection, ExceptionKey("load_failed", None, hour), load.failure, clock())
            yield load


def _load_files(
    load: HourLoad,
    zone: LandingZone,
    versions: dict[str, str],
    loader: Callable[[], FileLoader],
    witness: Witness,
) -> dict[str, str]:
    """Loads what is new of an hour; returns path → reason of files whose bytes could not even be fetched."""
    unread = {}
    files = zone.files(load.hour)
    load.listed = len(files)
    for file in files:
        if versions.get(file.path) == file.version:
            continue
        try:
            loaded = loader().load(zone, file)
        except LandingFileVanishedError:
            continue  # gone between listing and reading: the listing has changed, so the next look notices
        except UnreadableFileError as error:
            unread[file.path] = str(error)
            continue
        if loaded is not None:
            load.loaded.append(loaded)
            witness(Effect.FILE_LOADED)
    return unread


def _record(
    connection: psycopg.Connection, load: HourLoad, unread: dict[str, str], fingerprint: str, now: datetime
) -> None:
    """The listing counts as loaded only when every file's bytes could be fetched; else the hour is tried again."""
    for path, reason in unread.items():
        open_exception(connection, ExceptionKey("unreadable_file", None, load.hour, path), reason, now)
    load.unfetched = len(unread)
    if not unread:
        record_landing_hour(connection, load.hour, fingerprint, now)


@contextmanager
def _lazily(
    database: Database, workspace: Path, run_id: str, clock: Callable[[], datetime]
) -> Iterator[Callable[[], FileLoader]]:
    """A loader that connects when the first file needs it: hours without news cost no connection."""
    with ExitStack() as stack:
        opened: list[FileLoader] = []

        def loader() -> FileLoader:
            if not opened:
                opened.append(stack.enter_context(FileLoader.open(database, workspace, run_id, clock)))
            return opened[0]

        yield loader
