"""Load some landing files: read, judge, deduplicate, store, count; all of them or nothing."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self, TypeVar

import polars as pl
import psycopg

from fridge_pipeline.catalogue.number_record import keep_numbers
from fridge_pipeline.catalogue.reading_number import ReadingNumber
from fridge_pipeline.catalogue.register_record import newest_entry, read_register
from fridge_pipeline.database.run import Run
from fridge_pipeline.ingest.landing.landing_errors import (
    LandingFileChangedError,
    LandingFileVanishedError,
    UnreadableFileError,
)
from fridge_pipeline.ingest.landing.private_copy import Snapshot
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.landing_record import begin_attempts, end_attempts, lost_attempts
from fridge_pipeline.ingest.load_transaction import ContendedLoadError, LoadedFile, LoadTransaction, load_transaction
from fridge_pipeline.ingest.prepare import TENANT_BYTES_MAX, LoadAloneError, prepare
from fridge_pipeline.ingest.rejection_tally import RejectionTally
from fridge_pipeline.ingest.rules.landing_files import LandingFile
from fridge_pipeline.ingest.rules.sensor_register import REGISTER_SCHEMA, SensorRegister
from fridge_pipeline.ingest.rules.source import numbers_of
from fridge_pipeline.ingest.source_contracts import Contracts, as_read_before, list_sha256_of
from fridge_pipeline.ingest.stored_keys import SensorDirectory, StoredKeys
from fridge_pipeline.ingest.tallies import FileTally, TenantTally
from fridge_pipeline.ingest.tell_files import tell_files

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection


Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """The same items in the same order, each made in a thread of its own while the one before it is in use.

    Never more than one item ahead, so memory stays flat. What making an item raises is raised here, in its turn.
    Closing it waits for the item that is being made.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        upcoming = thread.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = thread.submit(next, items, None)
            yield item


#: How often files are tried while other loads store the same readings. Whoever got ahead has committed by then, so that
#: the second attempt knows its readings and mostly gets through; from the third on it goes the careful way.
ATTEMPTS = 7
PLAIN_ATTEMPTS = 2

#: A file is read no more once so many loads of it have died.
LOST_MAX = 2


@dataclass(slots=True)
class FilesLoad:
    """``loaded``: the files whose present content was new; ``unread``: path → why its bytes could not be fetched.

    ``moved`` are paths at which no longer the listed file was.
    """

    loaded: list[LoadedFile] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)


class FilesLoader:
    """Loads landing files, some at a time, over the same connections.

    While one portion is compared with what is stored, and stored, the next is prepared in another thread. Arrow's
    connections stay in this one: used by two threads at once, if each for itself, its driver mixes up their answers.
    """

    def __init__(self, run: Run, connection: Connection, books: psycopg.Connection, workspace: Path) -> None:
        self._connection = connection
        self._books = books
        self._sensors = SensorDirectory(books)
        self._stored = StoredKeys(connection)
        self._workspace = workspace
        self._run_id = run.run_id
        self._clock = run.clock
        self._register = SensorRegister()
        self._numbers: dict[str, ReadingNumber] = {}
        self._list_sha256 = ""

    @classmethod
    @contextmanager
    def open(cls, run: Run, books: psycopg.Connection, workspace: Path) -> Iterator[Self]:
        """A loader with a bulk connection of its own; sensors and attempts go over ``books``, during a load."""
        workspace.mkdir(parents=True, exist_ok=True)
        with run.database.connect_bulk() as connection:
            yield cls(run, connection, books, workspace)

    def load(self, zone: LandingZone, files: Sequence[LandingFile]) -> FilesLoad:
        """Loads the files' present contents in one transaction, except those that are loaded already.

        A file that cannot be read, or only in part, is recorded with what could be read and opens an exception; one
        that is gone is left out. Raises ``ContendedLoadError`` when other loads never let the files through.
        """
        result, self._list_sha256 = FilesLoad(), list_sha256_of(zone.sources)
        try:
            self._load_together(zone, files, result)
        except LoadAloneError:
            for file in files:
                self._load_together(zone, [file], result)
        return result

    def _load_together(self, zone: LandingZone, files: Sequence[LandingFile], result: FilesLoad) -> None:
        with ExitStack() as copies:
            snapshots: list[tuple[LandingFile, Snapshot]] = []
            for file in files:
                try:
                    snapshots.append((file, copies.enter_context(zone.snapshot(file, self._workspace))))
                except (LandingFileVanishedError, LandingFileChangedError):
                    result.moved.append(file.path)
                except UnreadableFileError as error:
                    result.unread[file.path] = str(error)
            for attempt in range(ATTEMPTS):
                try:
                    with load_transaction(self._connection, careful=attempt >= PLAIN_ATTEMPTS) as transaction:
                        result.loaded += self._load(transaction, snapshots)
                    break
                except ContendedLoadError:
                    if attempt == ATTEMPTS - 1:
                        raise

    def _load(
        self, transaction: LoadTransaction, snapshots: Sequence[tuple[LandingFile, Snapshot]]
    ) -> list[LoadedFile]:
        tallies = _tallies(transaction, snapshots)
        if not tallies:
            return []
        self._register_for(transaction, tallies)
        self._numbers_for(tallies)
        contracts = self._contracts_for(tallies)
        with self._attempted(tallies):
            return self._load_new(transaction, tallies, contracts)

    def _register_for(self, transaction: LoadTransaction, tallies: Sequence[FileTally]) -> None:
        """Gives the files whose source asks the sensor register what it says, and goes on saying until the commit."""
        asking = [tally for tally in tallies if tally.file.source is not None and tally.file.source.tenant_id.register]
        if asking:
            transaction.share_register()
        if asking and (newest := newest_entry(self._books)) != self._register.newest_entry:
            entries = pl.DataFrame(read_register(self._books), schema=REGISTER_SCHEMA, orient="row")
            self._register = SensorRegister(entries, newest)
        for tally in asking:
            tally.register = self._register

    def _numbers_for(self, tallies: Sequence[FileTally]) -> None:
        """Gives the files whose source keeps numbers the places at which these are stored."""
        keeping = [tally for tally in tallies if tally.file.source is not None and tally.file.source.numbers]
        declared = numbers_of(tally.file.source for tally in keeping if tally.file.source is not None)
        if any(number.name not in self._numbers for number in declared):
            self._numbers = keep_numbers(self._books, declared, self._clock())
        for tally in keeping:
            tally.numbers = self._numbers

    def _contracts_for(self, tallies: Sequence[FileTally]) -> Contracts:
        """What is known of the columns of such files; they look at theirs by it."""
        sources = [tally.file.source for tally in tallies if tally.file.source is not None]
        contracts = Contracts(self._books, sources, self._clock)
        for tally in tallies:
            tally.look = contracts.looking_at(tally)
        return contracts

    @contextmanager
    def _attempted(self, tallies: Sequence[FileTally]) -> Iterator[None]:
        """On record while the files are read; one whose loads have died twice is not read."""
        files = [tally.file for tally in tallies]
        lost = lost_attempts(self._books, files)
        if lost and len(files) > 1:  # one of them, and nobody knows which
            raise LoadAloneError(f"{len(lost)} of {len(files)} files were being loaded when their process died")
        for tally in tallies:
            if lost.get(tally.file.path, 0) >= LOST_MAX:
                tally.stop(
                    f"its load died {LOST_MAX} times, with its process, machine or database, so it is not read again; "
                    "if something else killed it, deliver it under another name"
                )
        begin_attempts(self._books, files, self._clock())
        try:
            yield
        finally:
            with suppress(psycopg.OperationalError):  # then the load has failed for the same reason
                end_attempts(self._books, files)

    def _load_new(
        self, transaction: LoadTransaction, tallies: Sequence[FileTally], contracts: Contracts
    ) -> list[LoadedFile]:
        if self._sensors.tenant_bytes > TENANT_BYTES_MAX // 4:  # of other files, loaded before
            self._sensors.forget()
        tenants, rejections = TenantTally(self._sensors), RejectionTally()
        with TemporaryDirectory(prefix="order-", dir=self._workspace) as directory:
            self._store(transaction, tallies, tenants, rejections, Path(directory))
        by_tenant = tenants.summed()
        transaction.store_tenants(by_tenant)
        transaction.store_not_kept(
            [
                (tally.file_id, tally.file.path, reason, count)
                for tally in tallies
                for reason, count in tally.not_kept.items()
            ]
        )
        now = self._clock()
        transaction.store_waiting(
            rejections.waiting.rows({tally.file_id: tally.register.newest_entry for tally in tallies})
        )
        transaction.store_shapes(contracts.new, {tally.file_id: tally.refused_shape for tally in tallies})
        tell_files(transaction, tallies, rejections, by_tenant, now)
        if any(tally.rows == tally.rejected for tally in tallies):
            transaction.leave_to_newer_sources(self._list_sha256, now)
        loaded = [tally.loaded(self._run_id, now) for tally in tallies]
        transaction.record(loaded)
        return loaded

    def _store(
        self,
        transaction: LoadTransaction,
        tallies: Sequence[FileTally],
        tenants: TenantTally,
        rejections: RejectionTally,
        directory: Path,
    ) -> None:
        kept_from = transaction.kept_from()
        by_id = {tally.file_id: tally for tally in tallies}
        # Closed before anything else happens: a next attempt uses the same directory of sensors.
        with closing(ahead(prepare(tallies, tenants, rejections, kept_from, self._sensors, directory))) as portions:
            for portion in portions:
                if portion.rejected is not None:
                    transaction.store_rejected(portion.rejected)
                if portion.readings is not None:
                    new = self._stored.without_stored(portion.readings)
                    if new.height:
                        stored = transaction.store_readings(new)
                        _add_inserted(stored, by_id)
                        tenants.add_inserted(stored)


def _add_inserted(stored: pl.DataFrame, by_id: Mapping[int, FileTally]) -> None:
    """To the files whose readings were stored for the first time, how many and from when to when."""
    time = pl.col("recorded_at")
    for file_id, *numbers in stored.group_by("file_id").agg(pl.len(), time.min(), time.max().alias("last")).iter_rows():
        by_id[file_id].add_inserted(*numbers)


def _tallies(transaction: LoadTransaction, snapshots: Sequence[tuple[LandingFile, Snapshot]]) -> list[FileTally]:
    """One per file whose content is new, numbered; no other load of these paths is under way from here on."""
    transaction.lock([file.path for file, _ in snapshots])
    known = transaction.known([(file.path, snapshot.content_hash) for file, snapshot in snapshots])
    new = [
        (as_read_before(file, before), snapshot, before.times_read if before else 0)
        for file, snapshot in snapshots
        if (before := known.get((file.path, snapshot.content_hash))) is None or before.is_wanted_again
    ]
    file_ids = transaction.new_file_ids(len(new)) if new else []
    return [
        FileTally(file_id, file, snapshot, snapshot.damage, read_number=times_read + 1)
        for file_id, (file, snapshot, times_read) in zip(file_ids, new, strict=True)
    ]
