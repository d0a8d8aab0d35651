"""The load of some landing files: one transaction in which their readings, rejects and counts appear together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import adbc_driver_manager
import polars as pl

from fridge_pipeline.database.queries import statement
from fridge_pipeline.ingest.rules.reading import NUMBERED_SCHEMA, NUMBERS
from fridge_pipeline.ingest.rules.source_contract import SeenShape

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi as adbc_dbapi

#: SQLSTATEs by which PostgreSQL says that another load is storing the same readings right now:
#: unique_violation, deadlock_detected, serialization_failure.
CONTENDED_SQLSTATES = frozenset({"23505", "40P01", "40001"})

READING_COLUMNS = ("recorded_at", "temperature_c", "sensor_key", "file_id")
REJECTED_COLUMNS = ("file_id", "path", "line", "reason", "raw", "tenant_id")
_NOT_KEPT = pl.Schema({"file_id": pl.Int32(), "path": pl.String(), "reason": pl.String(), "row_count": pl.Int64()})
TENANT_COLUMNS = ("file_id", "tenant_id", "row_count", "inserted_count", "duplicate_count", "rejected_count")

#: Kinds of exceptions about rows of a file that are no usage: whoever settles one decides that they never are.
OF_UNUSED_ROWS = ("unreadable_file", "rows_rejected", "columns_refused", "sensors_unregistered")

WAITING_COLUMNS = ("file_id", "sensor_id", "row_count", "last_recorded_at", "register_entry")

_TIME = pl.Datetime("us", "UTC")
_LANDING_FILES = pl.Schema(
    {
        "file_id": pl.Int32(),
        "path": pl.String(),
        "landing_hour": _TIME,
        "content_hash": pl.String(),
        "version_token": pl.String(),
        "size_bytes": pl.Int64(),
        "row_count": pl.Int64(),
        "inserted_count": pl.Int64(),
        "duplicate_count": pl.Int64(),
        "rejected_count": pl.Int64(),
        "status": pl.String(),
        "first_recorded_at": _TIME,
        "last_recorded_at": _TIME,
        "run_id": pl.String(),
        "loaded_at": _TIME,
        "source": pl.String(),
        "source_sha256": pl.String(),
        "read_number": pl.Int32(),
    }
)


class ContendedLoadError(RuntimeError):
    """Another load stored some of the same readings meanwhile; load the files again, carefully."""


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
    source: str | None = None
    source_sha256: str | None = None
    read_number: int = 1


@dataclass(frozen=True, slots=True)
class KnownContent:
    """A content that was loaded: how often it was read, and whether it is to be read again.

    ``source`` is by what it was read last, with hash and definition as JSON; ``None`` by none.
    """

    times_read: int
    is_wanted_again: bool
    has_readings: bool
    source: str | None
    source_sha256: str | None
    definition: str | None


@dataclass(frozen=True, slots=True)
class FileException:
    """What a person must know of a landing file; ``deadline_at`` is until when its usage can be billed."""

    landing_hour: datetime
    path: str
    detail: str
    deadline_at: datetime | None


@dataclass(frozen=True, slots=True)
class Content:
    """What a landing file holds, and by which definition of a source it was read."""

    landing_hour: datetime
    path: str
    content_hash: str
    source_sha256: str | None


class LoadTransaction:
    """One open transaction. Every frame it takes and gives has the columns named at the method.

    ``careful`` trades speed for certainty: readings go through ``on conflict do nothing`` instead of a plain
    COPY, for files whose readings another load is storing at the same time.
    """

    def __init__(self, connection: adbc_dbapi.Connection, *, careful: bool) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._careful = careful

    def begin(self) -> None:
        """Makes looking for stored identities cost what is looked for, until the transaction ends."""
        self._fetch_all("prefer_index_lookups", ())

    def kept_from(self) -> datetime | None:
        """The first moment of which readings are kept, until the transaction ends; ``None``: all are."""
        ((_, moment),) = self._fetch_all("kept_from", ())
        return moment  # type: ignore[no-any-return]  # Arrow's driver gives rows without types

    def lock(self, paths: Sequence[str]) -> None:
        """Waits until no other load of these paths is under way; held until the transaction ends."""
        self._fetch_all("lock_landing_files", (json.dumps(paths),))

    def share_register(self) -> None:
        """Waits for an import of the sensor register, and has the next one wait until the transaction ends."""
        self._fetch_all("share_sensor_register", ())

    def known(self, contents: Sequence[tuple[str, str]]) -> dict[tuple[str, str], KnownContent]:
        """Those of these (path, content hash) that have been loaded."""
        rows = self._fetch_all("known_contents", (_json(contents), json.dumps(OF_UNUSED_ROWS)))
        return {(path, content_hash): KnownContent(*known) for path, content_hash, *known in rows}

    def waiting_before(self, contents: Sequence[Content]) -> dict[tuple[str, str], int]:
        """(exception's kind, path) → rows of other contents of these paths that wait."""
        given = [{**asdict(content), "landing_hour": content.landing_hour.isoformat()} for content in contents]
        return {(kind, path): rows for kind, path, rows in self._fetch_all("waiting_before", (json.dumps(given),))}

    def leave_to_newer_sources(self, list_sha256: str, now: datetime) -> None:
        """Where other sources than these were noted meanwhile, what was loaded by now is read again by them."""
        self._cursor.execute(statement("leave_to_newer_sources"), (list_sha256, now))

    def new_file_ids(self, count: int) -> list[int]:
        """The numbers under which files' readings are stored; numbers rise, gaps may occur."""
        return [int(row[0]) for row in self._fetch_all("new_file_ids", (count,))]

    def store_readings(self, readings: pl.DataFrame) -> pl.DataFrame:
        """Stores ``READING_COLUMNS`` rows, and their ``numbers`` where they have any, sorted by identity.

        Returns those that were new, with ``recorded_at``, ``sensor_key`` and ``file_id`` at least.
        Raises ``ContendedLoadError`` when another load got ahead on one of them.
        """
        rows = readings.select(*READING_COLUMNS, NUMBERS)
        if not self._careful:
            self._ingest("stored_readings", rows.to_arrow())
            return readings
        if "numbers" not in rows.columns:
            rows = rows.with_columns(numbers=pl.lit(None, NUMBERED_SCHEMA["numbers"]))
        with _contention():
            self._cursor.execute("drop table if exists pg_temp.contested_readings")
            self._cursor.adbc_ingest("contested_readings", rows.to_arrow(), mode="create", temporary=True)
            self._cursor.execute(statement("insert_readings_beside_others"))
            return pl.DataFrame(pl.from_arrow(self._cursor.fetch_arrow_table()))

    def store_rejected(self, rejected: pl.DataFrame) -> None:
        """Stores ``REJECTED_COLUMNS`` rows: what was no valid reading, where it stood and why."""
        self._ingest("rejected_readings", rejected.select(REJECTED_COLUMNS).to_arrow())

    def store_not_kept(self, counts: Sequence[tuple[int, str, str, int]]) -> None:
        """Stores how many more rows were rejected: number and path of the file, reason, rows."""
        if counts:
            self._ingest("rejected_not_kept", pl.DataFrame(counts, schema=_NOT_KEPT, orient="row").to_arrow())

    def store_waiting(self, waiting: pl.DataFrame) -> None:
        """Stores ``WAITING_COLUMNS`` rows: of which sensors rows wait for the register."""
        if waiting.height:
            self._ingest("waiting_sensors", waiting.select(WAITING_COLUMNS).to_arrow())

    def store_shapes(self, shapes: Sequence[SeenShape], refused: Mapping[int, str | None]) -> None:
        """Stores which columns are news, and the numbers of files with the shape for which their rows are refused."""
        if shapes:
            rows = [asdict(each) for each in shapes]
            self._cursor.execute(statement("store_shapes"), (json.dumps(rows, default=str),))
        files = [{"file_id": file_id, "shape_sha256": sha256} for file_id, sha256 in refused.items() if sha256]
        if files:
            self._cursor.execute(statement("store_refused_files"), (json.dumps(files),))

    def store_tenants(self, tenants: pl.DataFrame) -> None:
        """Stores ``TENANT_COLUMNS`` rows: whose rows the files hold. Call it before ``record``: they add up to it."""
        self._ingest("landing_file_tenants", tenants.select(TENANT_COLUMNS).to_arrow())

    def open_exceptions(self, kind: str, told: Sequence[FileException], now: datetime) -> None:
        """Opens the exceptions that a person must see; a file has one of a kind, which says what is so now."""
        rows = [asdict(each) for each in told]
        self._cursor.execute(statement("open_file_exceptions"), (kind, json.dumps(rows, default=str), now))

    def close_exceptions(self, kind: str, paths: Sequence[str], now: datetime) -> None:
        """What a kind of exceptions says of these files is over."""
        self._cursor.execute(statement("close_file_exceptions"), (kind, json.dumps(paths), now))

    def close_renamed(self, kind: str, contents: Sequence[Content], now: datetime) -> None:
        """What a kind says of files with these contents in the same hour under other names is over."""
        given = [{**asdict(content), "landing_hour": content.landing_hour.isoformat()} for content in contents]
        self._cursor.execute(statement("close_renamed_exceptions"), (kind, json.dumps(given), now))

    def record(self, loaded: Sequence[LoadedFile]) -> None:
        """Writes the files' counts and commits everything at once."""
        rows = {name: [getattr(file, name) for file in loaded] for name in _LANDING_FILES}
        self._ingest("landing_files", pl.DataFrame(rows, schema=_LANDING_FILES).to_arrow())
        with _contention():
            self._connection.commit()

    def _ingest(self, table: str, rows: Any) -> None:
        with _contention():
            self._cursor.adbc_ingest(table, rows, mode="append", db_schema_name="fridge")

    def _fetch_all(self, name: str, parameters: tuple[object, ...]) -> list[Any]:
        self._cursor.execute(statement(name), parameters)
        return list(self._cursor.fetchall())  # to the last row: Arrow's driver keeps the query open until then


def _json(pairs: Sequence[tuple[str, str]]) -> str:
    return json.dumps([{"path": path, "content_hash": content_hash} for path, content_hash in pairs])


@contextmanager
def _contention() -> Iterator[None]:
    try:
        yield
    except adbc_driver_manager.Error as error:
        if error.sqlstate in CONTENDED_SQLSTATES:
            raise ContendedLoadError(str(error)) from error
        raise


@contextmanager
def load_transaction(connection: adbc_dbapi.Connection, *, careful: bool = False) -> Iterator[LoadTransaction]:
    """A transaction on a connection that many loads share; no trace without ``record``."""
    transaction = LoadTransaction(connection, careful=careful)
    try:
        transaction.begin()
        yield transaction
    finally:
        # On a connection that is lost there is nothing to roll back, and its own error says more.
        with suppress(adbc_driver_manager.OperationalError):
            connection.rollback()
