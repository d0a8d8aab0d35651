"""Load: every landing file of some hours that has not been loaded yet, a file whole or not at all (laws L1 and L3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.exceptions import ExceptionKey, close_exception, open_exception, open_exceptions
from fridge_pipeline.database.run import AtFailpoint, Failpoint, Run
from fridge_pipeline.ingest.landing.landing_errors import LandingFolderError
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.landing_record import listing_fingerprints, loaded_versions, record_landing_hour
from fridge_pipeline.ingest.load_files import FilesLoader
from fridge_pipeline.ingest.load_transaction import LoadedFile
from fridge_pipeline.ingest.recognize_zone import Recognition
from fridge_pipeline.ingest.rules.landing_files import LandingFile, Shard
from fridge_pipeline.ingest.source_contracts import note_definitions


@dataclass(slots=True)
class HourLoad:
    """What loading a landing hour came to.

    ``loaded`` are the files loaded just now, ``unfetched`` counts files whose bytes could not be fetched, ``is_empty``
    says that there is no landing file, and ``failure`` why the folder could not be listed (``None`` when it could).
    """

    hour: Hour
    listed: int = 0
    loaded: list[LoadedFile] = field(default_factory=list)
    unfetched: int = 0
    failure: str | None = None
    is_empty: bool = False

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


#: Files loaded in one transaction: many small ones cost little more than one large one, and a failure costs little.
FILES_AT_ONCE = 500
BYTES_AT_ONCE = 32 * 2**20


def load_hours(
    run: Run, zone: LandingZone, hours: HourRange, workspace: Path, shard: Shard | None = None
) -> Iterator[HourLoad]:
    """Loads what is new in each hour of the range, in order; an hour that fails does not stop the next.

    With a ``shard`` only that share of each hour's files, so no hour counts as loaded before a load without one.
    ``workspace`` is a folder for the private copies that files are read from. What is wrong with a file or a
    folder becomes an exception for a person; only a lost database ends the range.
    """
    with run.database.connect() as connection, _lazily(run, connection, workspace) as loader:
        note_definitions(connection, zone.sources, run.clock())
        known = listing_fingerprints(connection, hours)
        failed_before = {hour for hour, kinds in open_exceptions(connection, hours).items() if "load_failed" in kinds}
        recognition = Recognition(connection, zone, run.clock())
        listings = (
            _recognized(_listing(connection, zone, hour, known.get(hour), shard), recognition) for hour in hours.hours()
        )
        for some in _some_at_once(listings):
            _load_listings(some, zone, loader, run.at_failpoint)
            _record(connection, some, failed_before, run.clock())
            yield from (listing.load for listing in some)


@dataclass(slots=True)
class _Listing:
    """An hour's landing files that are not loaded, and what becomes of them; no fingerprint when nothing is new.

    ``present`` are all of its landing files where something is.
    """

    load: HourLoad
    fingerprint: str | None = None
    present: Sequence[LandingFile] = ()
    new: list[LandingFile] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)


def _recognized(listing: _Listing, recognition: Recognition) -> _Listing:
    """The listing, or in its place a failure: with other files than were loaded nobody knows whose they are."""
    hour = listing.load.hour
    if not listing.new:
        return listing
    recognition.saw(hour, listing.present)
    replaced = recognition.replaced([hour])
    if replaced is None or not replaced.holds(hour):
        return listing
    return _Listing(HourLoad(hour, failure=replaced.told))


def _listing(
    connection: psycopg.Connection, zone: LandingZone, hour: Hour, known: str | None, shard: Shard | None
) -> _Listing:
    listing = _Listing(HourLoad(hour))
    try:
        found = zone.listing(hour, known)
    except LandingFolderError as error:
        listing.load.failure = str(error)
        return listing
    listing.load.is_empty = found.fingerprint is None
    if found.fingerprint is not None and found.fingerprint != known:
        files, versions = found.files if shard is None else shard.of(found.files), loaded_versions(connection, hour)
        listing.load.listed, listing.present = len(files), found.files
        listing.new = [file for file in files if versions.get(file.path) != (file.version, file.size)]
        # Of a shard nobody knows whether the other files are loaded.
        listing.fingerprint = found.fingerprint if shard is None else None
    return listing


def _some_at_once(listings: Iterable[_Listing]) -> Iterator[list[_Listing]]:
    """Consecutive hours that together have about as many new files as are loaded at once; at least one hour."""
    some: list[_Listing] = []
    for listing in listings:
        some.append(listing)
        if sum(len(each.new) for each in some) >= FILES_AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _load_listings(
    listings: Sequence[_Listing], zone: LandingZone, loader: Callable[[], FilesLoader], at_failpoint: AtFailpoint
) -> None:
    of_path = {file.path: listing for listing in listings for file in listing.new}
    for files in files_at_once(file for listing in listings for file in listing.new):
        result = loader().load(zone, files)
        for loaded in result.loaded:
            of_path[loaded.path].load.loaded.append(loaded)
        for path, reason in result.unread.items():
            of_path[path].unread[path] = reason
        for path in result.moved:  # it may come back as it was listed, and is not loaded
            of_path[path].fingerprint = None
        if result.loaded:
            at_failpoint(Failpoint.FILES_LOADED)


def files_at_once(files: Iterable[LandingFile]) -> Iterator[list[LandingFile]]:
    """Some files at a time, in order, and a large file alone."""
    some: list[LandingFile] = []
    for file in files:
        if some and (len(some) == FILES_AT_ONCE or sum(each.size for each in some) + file.size > BYTES_AT_ONCE):
            yield some
            some = []
        some.append(file)
    if some:
        yield some


def _record(
    connection: psycopg.Connection, listings: Sequence[_Listing], failed_before: set[Hour], now: datetime
) -> None:
    """A listing counts as loaded only when every file's bytes could be fetched; else the hour is tried again."""
    with connection.transaction():
        for listing in listings:
            load = listing.load
            load_failed = ExceptionKey("load_failed", None, load.hour)
            if load.failure is not None:
                open_exception(connection, load_failed, load.failure, now)
            elif load.hour in failed_before:
                close_exception(connection, load_failed, now)
            for path, reason in listing.unread.items():
                open_exception(connection, ExceptionKey("unreadable_file", None, load.hour, path), reason, now)
            load.unfetched = len(listing.unread)
            if listing.fingerprint is not None and not listing.unread:
                paths = [file.path for file in listing.present]
                record_landing_hour(connection, load.hour, listing.fingerprint, paths, now)


@contextmanager
def _lazily(run: Run, books: psycopg.Connection, workspace: Path) -> Iterator[Callable[[], FilesLoader]]:
    """A loader that connects when the first file needs it: hours without news cost no connection."""
    with ExitStack() as stack:
        opened: list[FilesLoader] = []

        def loader() -> FilesLoader:
            if not opened:
                opened.append(stack.enter_context(FilesLoader.open(run, books, workspace)))
            return opened[0]

        yield loader
