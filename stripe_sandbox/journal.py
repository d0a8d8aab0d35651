"""The journal: the file from which the books are rebuilt, also after ``kill -9`` or a power cut.

It is SQLite in WAL mode rather than a file of lines, because SQLite already solves what such a file would
need code for: a torn last entry, several entries that belong together, two sandboxes on one file. The price
of one commit per event is avoided by group commit: while one batch is being written, the entries of all
requests that arrive meanwhile gather into the next, and their answers wait for it together.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, TypeAlias

from stripe_sandbox.account import Meter
from stripe_sandbox.adjustment import EventCancelled
from stripe_sandbox.books import Entry, Reply
from stripe_sandbox.clock import ClockSetting, FreshStart
from stripe_sandbox.customer import Customer
from stripe_sandbox.meter_events import EventRefused, MeterEvent
from stripe_sandbox.report import RefusedLater
from stripe_sandbox.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT_VERSION = 1  # of the entries; kept in SQLite's user_version

JournalEntry: TypeAlias = Entry | ClockSetting | FreshStart | Settings

_KINDS: dict[str, type[JournalEntry]] = {
    "cancelled": EventCancelled,
    "clock": ClockSetting,
    "customer": Customer,
    "fresh_start": FreshStart,
    "meter": Meter,
    "meter_event": MeterEvent,
    "refused": EventRefused,
    "refused_later": RefusedLater,
    "reply": Reply,
    "settings": Settings,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class StateFileError(Exception):
    """The state file cannot be used; the text says why and what to do."""


class Journal:
    """An open state file. ``append`` notes an entry, ``settled`` returns once it is on the disk.

    When a commit fails, the books in memory are ahead of the disk for good: from then on every ``settled``
    raises ``StateFileError``, so that no answer is given which a restart would forget.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._pending: list[tuple[str, str]] = []
        self._appended = 0
        self._durable = 0
        self._writing: asyncio.Task[None] | None = None
        self._broken: StateFileError | None = None

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open or create the file. Raises ``StateFileError`` when it is foreign, in use or unwritable."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StateFileError(f"cannot open the sandbox's state file {path}: {error}") from error
        try:
            _prepare(connection, path)
        except sqlite3.Error as error:
            connection.close()
            text = f"cannot use {path} as the sandbox's state file: {error}. Is another sandbox using it?"
            raise StateFileError(text) from error
        except StateFileError:
            connection.close()
            raise
        return cls(connection, path)

    def entries(self) -> Iterator[JournalEntry]:
        """Everything that was ever noted, oldest first."""
        with closing(self._connection.execute(_sql("read"))) as cursor:
            for kind, body in cursor:
                yield _decoded(kind, body)

    def append(self, entry: JournalEntry) -> None:
        """Note one entry; entries noted without an ``await`` in between are committed together."""
        self._pending.append((_NAMES[type(entry)], _encoded(entry)))
        self._appended += 1

    async def settled(self) -> None:
        """Wait until everything noted so far would survive a crash. Raises ``StateFileError``."""
        target = self._appended
        while self._durable < target:
            if self._broken is not None:
                raise self._broken
            if self._writing is None:
                self._writing = asyncio.create_task(self._commit_pending())
            await asyncio.shield(self._writing)  # a caller that hangs up must not cancel the others' batch

    def close(self) -> None:
        """Close the file; what was noted but not settled was never answered and is given up."""
        self._connection.close()

    async def _commit_pending(self) -> None:
        batch, self._pending = self._pending, []
        try:
            await asyncio.to_thread(self._commit, batch)
            self._durable += len(batch)
        except sqlite3.Error as error:
            text = f"cannot write the sandbox's state file {self._path}: {error}. Free the disk and restart."
            self._broken = StateFileError(text)
            raise self._broken from error
        finally:
            self._writing = None

    def _commit(self, batch: list[tuple[str, str]]) -> None:
        self._connection.execute("begin immediate")
        try:
            self._connection.executemany(_sql("append"), batch)
            self._connection.execute("commit")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("pragma locking_mode = exclusive")  # a second sandbox on the same file is refused
    (version,) = connection.execute("pragma user_version").fetchone()
    (tables,) = connection.execute(_sql("tables")).fetchone()
    is_new = (version, tables) == (0, 0)
    if not is_new and version != FORMAT_VERSION:  # before anything is written: it is somebody else's file
        text = f"{path} is no state file of this sandbox (version {version}, not {FORMAT_VERSION}): use another"
        raise StateFileError(text)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")  # fsync per commit: an answer survives a power cut too
    connection.execute("begin immediate")  # also takes the lock now rather than at the first event
    connection.execute(_sql("create"))
    connection.execute("pragma user_version = 1")
    connection.execute("commit")


@cache
def _sql(name: str) -> str:
    return resources.files(__package__).joinpath(f"journal_{name}.sql").read_text(encoding="utf-8")


def _encoded(entry: JournalEntry) -> str:
    return json.dumps(vars(entry), default=str, separators=(",", ":"))  # str: the one Decimal, exactly


def _decoded(kind: str, body: str) -> JournalEntry:
    fields = json.loads(body)
    if kind == "meter_event":
        fields["value"] = Decimal(fields["value"])
    return _KINDS[kind](**fields)
