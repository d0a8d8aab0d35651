"""The load of one landing file: one transaction in which its readings, rejects and counts appear together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import adbc_driver_manager
import polars as pl
from adbc_driver_manager import dbapi as adbc_dbapi

from fridge_pipeline.adapters.postgres.statements import statement

#: SQLSTATEs by which PostgreSQL says that another load is storing the same readings right now:
#: unique_violation, deadlock_detected, serialization_failure.
CONTENDED_SQLSTATES = frozenset({"23505", "40P01", "40001"})

#: Up to so many readings an index lookup each is quicker than reading a long time range.
INDEX_LOOKUPS_MAX = 20_000

READING_COLUMNS = ("recorded_at", "temperature_c", "sensor_key", "file_id")
REJECTED_COLUMNS = ("file_id", "path", "line", "reason", "raw")


class ContendedLoadError(RuntimeError):
    """Another load stored some of the same readings meanwhile; load the file again, carefully."""


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """The row of ``landing_files``: rows = inserted + duplicate + rejected (law L3)."""

    file_id: int
    path: str
    landing_hour: datetime
    content_hash: str
    version_token: str
    size_bytes: int
    row_count: int
    inserted_count: int
    duplicate_count: int
    rejected_count: int
    status: str
    first_recorded_at: datetime | None
    last_recorded_at: datetime | None
    run_id: str
    loaded_at: datetime


class FileLoad:
    """One open transaction. Every frame it takes and gives has the columns named at the method.

    ``careful`` trades speed for certainty: readings go through ``on conflict do nothing`` instead of a plain
    COPY, for a file whose readings another load is storing at the same time.
    """

    def __init__(self, connection: adbc_dbapi.Connection, *, careful: bool) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._careful = careful

    def lock(self, path: str) -> None:
        """Waits until no other load of this path is under way; held until the transaction ends."""
        self._fetch_one("lock_landing_file", (path,))

    def is_known(self, path: str, content_hash: str) -> bool:
        """Whether exactly this content of this path has been loaded."""
        return bool(self._fetch_one("landing_file_is_known", (path, content_hash)))

    def new_file_id(self) -> int:
        """The number under which the file's readings are stored; numbers rise, gaps may occur."""
        return int(self._fetch_one("new_file_id", ()))

    def existing_keys(self, readings: pl.DataFrame) -> pl.DataFrame:
        """Which ``recorded_at``, ``sensor_key`` of these readings are stored, this transaction included.

        May return more keys of the same time range. A few readings are looked up one by one in the index, for
        their time range may span years of other readings; many are compared with all keys of their range.
        """
        first, last = readings["recorded_at"].min(), readings["recorded_at"].max()
        if readings.height > INDEX_LOOKUPS_MAX:
            self._cursor.execute(statement("keys_in_time_range"), (first, last))
            return self._fetch_frame()
        rows = readings.select("recorded_at", "sensor_key").to_arrow()
        self._cursor.execute("drop table if exists pg_temp.candidate_keys")
        self._cursor.adbc_ingest("candidate_keys", rows, mode="create", temporary=True)
        self._fetch_one("prefer_index_lookups", ())
        self._cursor.execute(statement("keys_among_candidates"), (first, last))
        return self._fetch_frame()

    def store_readings(self, readings: pl.DataFrame) -> int:
        """Stores ``READING_COLUMNS`` rows, sorted by identity; returns how many were new.

        Raises ``ContendedLoadError`` when another load got ahead on one of them.
        """
        rows = readings.select(READING_COLUMNS).to_arrow()
        if not self._careful:
            self._ingest("stored_readings", rows)
            return readings.height
        with _contention():
            self._cursor.execute("drop table if exists pg_temp.contested_readings")
            self._cursor.adbc_ingest("contested_readings", rows, mode="create", temporary=True)
            return int(self._fetch_one("insert_readings_beside_others", ()))

    def store_rejected(self, rejected: pl.DataFrame) -> None:
        """Stores ``REJECTED_COLUMNS`` rows: what was no valid reading, where it stood and why."""
        self._ingest("rejected_readings", rejected.select(REJECTED_COLUMNS).to_arrow())

    def open_unreadable(self, landing_hour: datetime, path: str, detail: str, now: datetime) -> None:
        """Opens the exception that a person must see; the same file opens one only."""
        self._cursor.execute(statement("record_unreadable_file"), (landing_hour, path, detail, now))

    def close_unreadable(self, landing_hour: datetime, path: str, now: datetime) -> None:
        """The file could be read after all."""
        self._cursor.execute(statement("close_unreadable_file"), (landing_hour, path, now))

    def record(self, loaded: LoadedFile) -> None:
        """Writes the file's counts and commits everything at once."""
        values = tuple(getattr(loaded, name) for name in LoadedFile.__dataclass_fields__)
        with _contention():
            self._cursor.execute(statement("record_landing_file"), values)
            self._connection.commit()

    def _ingest(self, table: str, rows: Any) -> None:
        with _contention():
            self._cursor.adbc_ingest(table, rows, mode="append", db_schema_name="fridge")

    def _fetch_one(self, name: str, parameters: tuple[object, ...]) -> Any:
        self._cursor.execute(statement(name), parameters)
        rows = self._cursor.fetchall()  # to the last row: Arrow's driver keeps the query open until then
        return rows[0][0] if rows else None

    def _fetch_frame(self) -> pl.DataFrame:
        frame = pl.from_arrow(self._cursor.fetch_arrow_table())
        if not isinstance(frame, pl.DataFrame):
            raise TypeError(f"expected a frame from PostgreSQL, got {type(frame).__name__}")
        return frame


@contextmanager
def _contention() -> Iterator[None]:
    try:
        yield
    except adbc_driver_manager.Error as error:
        if error.sqlstate in CONTENDED_SQLSTATES:
            raise ContendedLoadError(str(error)) from error
        raise


@contextmanager
def file_load(connection: adbc_dbapi.Connection, *, careful: bool = False) -> Iterator[FileLoad]:
    """A transaction for one landing file on a connection that many files share; no trace without ``record``."""
    try:
        yield FileLoad(connection, careful=careful)
    finally:
        connection.rollback()
