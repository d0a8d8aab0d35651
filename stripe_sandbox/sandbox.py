"""The sandbox itself: clock, books and journal, and the one way in which anything changes."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeAlias

from stripe_sandbox.account import Customer, CustomerPolicy, Meter, any_well_formed_customer
from stripe_sandbox.billing.ledger import BILLING_KINDS
from stripe_sandbox.books import Books, Entry, Reply
from stripe_sandbox.calls import LateCalls, Traffic
from stripe_sandbox.entries import decoded, encoded
from stripe_sandbox.faults import Faults
from stripe_sandbox.meter_events import EventCancelled, EventRefused, MeterEvent
from stripe_sandbox.reports import RefusedLater
from stripe_sandbox.settings import REAL_TIME, ClockSetting, FreshStart, SandboxClock, Settings


class Sandbox:
    """One account's worth of Stripe metering.

    Without a journal it lives in memory only; with one, its books start from what the journal holds.
    ``seconds`` gives real monotonic seconds, for the rate limit. ``exists_unsigned`` decides about customers
    whom nobody created. Traffic, faults and late calls are of this process only.
    """

    def __init__(
        self,
        clock: SandboxClock,
        seconds: Callable[[], float],
        journal: Journal | None = None,
        exists_unsigned: CustomerPolicy = any_well_formed_customer,
    ) -> None:
        self.clock = clock
        self._seconds = seconds
        self._exists_unsigned = exists_unsigned
        self._start_over()
        self._journal = journal
        if journal is not None:
            for entry in journal.entries():
                self._adopt(entry)

    @property
    def keeps_state(self) -> bool:
        """Whether the books survive a restart."""
        return self._journal is not None

    def exists_unsigned(self, customer: str) -> bool:
        """Whether a customer whom nobody created is taken to exist."""
        return self.settings.unsigned_customers and self._exists_unsigned(customer)

    def time_of(self, clock: str | None, now: float) -> float:
        """The time on a test clock, or ``now`` where there is none."""
        return now if clock is None else float(self.books.billing.test_clocks[clock].frozen_time)

    def seconds(self) -> float:
        """Real monotonic seconds."""
        return self._seconds()

    def record(self, entry: JournalEntry) -> None:
        """Let something become true: it enters the books at once and the journal with the next batch."""
        self._adopt(entry)
        if self._journal is not None:
            self._journal.append(entry)

    async def settled(self) -> None:
        """Wait until everything recorded so far would survive a crash. Raises ``StateFileError``.

        Every answer waits here, readings and refusals too: none may speak of a state that could be lost.
        """
        if self._journal is not None:
            await self._journal.settled()

    def _adopt(self, entry: JournalEntry) -> None:
        if isinstance(entry, FreshStart):
            self._start_over()
        elif isinstance(entry, Settings):
            self.settings = entry
        elif isinstance(entry, ClockSetting):
            self.clock.adopt(entry)
        else:
            self.books.enter(entry)

    def _start_over(self) -> None:
        self.books = Books()
        self.settings = Settings()
        self.faults = Faults()
        self.late = LateCalls()
        self.traffic = Traffic(self._seconds)
        self.clocks_done_at: dict[str, float] = {}  # real monotonic seconds, of test clocks that advance
        self.clock.adopt(REAL_TIME)


FORMAT_VERSION = 1  # of the entries; kept in SQLite's user_version

JournalEntry: TypeAlias = Entry | ClockSetting | FreshStart | Settings

_KINDS: dict[str, type[JournalEntry]] = {
    **BILLING_KINDS,
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
    """An open state file: the books are rebuilt from it, also after ``kill -9`` or a power cut.

    It is SQLite in WAL mode rather than a file of lines, because SQLite already solves what such a file would
    need code for: a torn last entry, several entries that belong together, two sandboxes on one file. The price
    of one commit per event is avoided by group commit: while one batch is being written, the entries of all
    requests that arrive meanwhile gather into the next, and their answers wait for it together.

    ``append`` notes an entry, ``settled`` returns once it is on the disk.

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
        with closing(self._connection.execute(_sql()["read"])) as cursor:
            for kind, body in cursor:
                yield decoded(_KINDS[kind], body)

    def append(self, entry: JournalEntry) -> None:
        """Note one entry; entries noted without an ``await`` in between are committed together."""
        self._pending.append((_NAMES[type(entry)], encoded(entry)))
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
            self._connection.executemany(_sql()["append"], batch)
            self._connection.execute("commit")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("pragma locking_mode = exclusive")  # a second sandbox on the same file is refused
    (version,) = connection.execute("pragma user_version").fetchone()
    (tables,) = connection.execute(_sql()["tables"]).fetchone()
    is_new = (version, tables) == (0, 0)
    if not is_new and version != FORMAT_VERSION:  # before anything is written: it is somebody else's file
        text = f"{path} is not a state file of this sandbox (version {version}, not {FORMAT_VERSION}): use another"
        raise StateFileError(text)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")  # fsync per commit: an answer survives a power cut too
    connection.execute("begin immediate")  # also takes the lock now rather than at the first event
    connection.execute(_sql()["create"])
    connection.execute("pragma user_version = 1")
    connection.execute("commit")


@cache
def _sql() -> dict[str, str]:
    text = resources.files(__package__).joinpath("journal.sql").read_text(encoding="utf-8")
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))
