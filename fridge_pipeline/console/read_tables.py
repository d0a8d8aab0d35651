"""The rows of pages: read as finance, in one snapshot, bounded in number and time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from fridge_pipeline.console.frame import ROWS_MAX, Row, Table
from fridge_pipeline.database.connection import Database, one_snapshot
from fridge_pipeline.database.queries import statement

#: Finance's login has few connections, and its people use some of them by other programs.
CONNECTIONS_MAX = 6

#: Rows of a file are fetched so many at a time.
FETCHED_AT_ONCE = 2_000

#: For so long the database is asked, by whoever waits and by what nobody waits for.
LONG, LONGEST = "30s", "5min"

#: So many sums over all tenants are read at a time.
SLOW_AT_ONCE = 2

#: Whoever asks for one that takes longer gets the page without it: no page keeps its reader waiting.
WAITED_SECONDS = 0.2

#: What is older than so many times of what its table keeps is not shown until it was read anew.
STALE_TIMES = 12

#: So many results of slow queries are kept at most.
KEPT_MAX = 500


class NotAReaderError(PermissionError):
    """The login could do more than read."""


@dataclass(frozen=True, slots=True)
class Read:
    """The rows of a table, when they were read, and whether others follow."""

    rows: list[Row]
    read_at: datetime | None
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Books:
    """What one page reads, in one session and one snapshot: a session costs more than most statements."""

    connection: psycopg.Connection
    read_at: datetime

    def first_row(self, name: str, parameters: Mapping[str, Any]) -> Row | None:
        """The first row of a statement, if it has any."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement(name), parameters).fetchone()

    def read(self, table: Table, parameters: Mapping[str, Any], skipped: int = 0) -> Read:
        """The rows of one page of a table."""
        bounds = {**parameters, "limit": ROWS_MAX + 1, "offset": skipped}
        with self.connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(_bounded(table.query), bounds).fetchall()
        return Read([_with_more(table, row) for row in rows[:ROWS_MAX]], self.read_at, has_more=len(rows) > ROWS_MAX)


@dataclass
class Reader:
    """Whoever reads for the console: finance's login, a clock, and what it has read lately.

    ``gives_way`` is told of each server process that works for the console.
    """

    database: Database
    clock: Callable[[], datetime]
    waited_seconds: float = WAITED_SECONDS
    gives_way: Callable[[int], None] | None = None
    _kept: dict[object, Read] = field(default_factory=dict)
    _reading: dict[object, Future[Read]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _background: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(SLOW_AT_ONCE, "slow"))
    _free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(CONNECTIONS_MAX))

    @contextmanager
    def connection(self, longest: str = LONG) -> Iterator[psycopg.Connection]:
        """A session that sees the books as they are now until it ends, and that PostgreSQL lets write nothing."""
        with self._free, self.database.read_only().connect() as connection:
            if self.gives_way is not None:
                self.gives_way(connection.info.backend_pid)
            connection.execute(statement("console_session"), {"longest": longest})
            with one_snapshot(connection):
                yield connection

    def require_reader(self) -> None:
        """Raises ``NotAReaderError`` for a login that may change anything, as the pipeline's."""
        with self.connection() as connection:
            row = connection.execute(statement("console_login")).fetchone()
        if row is not None and row[1] is not None:
            raise NotAReaderError(
                f"the login {row[0]} may change {row[1]}: the console reads as finance and as nobody else. Name a "
                "login that is a member of fridge_finance alone in FRIDGE_FINANCE_DATABASE_URL"
            )

    @contextmanager
    def books(self, longest: str = LONG) -> Iterator[Books]:
        """The books as they are now."""
        now = self.clock()
        with self.connection(longest) as connection:
            yield Books(connection, now)

    def kept(self, table: Table, parameters: Mapping[str, Any], skipped: int = 0) -> Read:
        """The rows of one page of a table, which one reads for all who ask meanwhile, shown until they are read anew.

        Who asks first waits for a moment, and is then told that it is being read (``Read`` without a time).
        """
        now = self.clock()
        asked_for = tuple(sorted((name, str(value)) for name, value in parameters.items() if name != "now"))
        key = (table.query, asked_for, skipped)
        with self._lock:
            kept = self._kept.get(key)
            age = (now - kept.read_at).total_seconds() if kept is not None and kept.read_at is not None else None
            if kept is not None and age is not None and age < table.keeps:
                return kept
            reading = self._reading.get(key)
            if reading is None or reading.done():
                reading = self._background.submit(self._keep, key, table, parameters, skipped)
                self._reading[key] = reading
        if kept is not None and age is not None and age < table.keeps * STALE_TIMES:
            return kept
        try:
            return reading.result(timeout=self.waited_seconds)
        except TimeoutError:
            return Read([], None)

    def _keep(self, key: object, table: Table, parameters: Mapping[str, Any], skipped: int) -> Read:
        with self.books(LONGEST) as books:
            found = books.read(table, parameters, skipped)
        with self._lock:
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
            self._kept[key] = found
        return found

    def stream(self, table: Table, parameters: Mapping[str, Any]) -> Iterator[Row]:
        """Every row of a table; the session ends with the last."""
        longest = LONGEST if table.keeps else LONG
        with self.connection(longest) as connection, connection.cursor("rows", row_factory=dict_row) as cursor:
            cursor.itersize = FETCHED_AT_ONCE
            for row in cursor.execute(statement(table.query), parameters):
                yield _with_more(table, row)


def _bounded(query: str) -> sql.Composed:
    return sql.SQL(statement("console_page")).format(select=sql.SQL(statement(query)))


def _with_more(table: Table, row: Row) -> Row:
    return {**row, **table.also(row)} if table.also is not None else row
