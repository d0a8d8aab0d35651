"""Kept: sessions that a command or a run uses again. To open one costs PostgreSQL more than most statements do.

Nobody sees that a session is not new: what its last user left in it is undone when that one leaves. psycopg's own pool
has threads, and keeps sessions where nothing is done.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus

from fridge_pipeline.database.queries import statement

#: Beside those in use, so that many runs at once have not many more sessions than without.
IDLE_MAX = 2

#: What stands between us and a server may forget a connection that is silent for minutes, and tell nobody.
IDLE_SECONDS_MAX = 60.0


class _Idle(NamedTuple):
    conninfo: str
    connection: psycopg.Connection[Any]
    closing: ExitStack
    since: float


class KeptSessions:
    """Those of one thread of one process: another, and a process that is forked from it, opens its own."""

    def __init__(self) -> None:
        self._owner = _here()
        self._idle: list[_Idle] = []
        self._has_ended = False

    def is_usable(self) -> bool:
        """Whether it is this thread's, and its time has not ended."""
        return not self._has_ended and self._owner == _here()

    def take(self, conninfo: str) -> tuple[psycopg.Connection[Any], ExitStack] | None:
        """A session that was signed in just so and that the server still has, with what closes it; ``None`` if none."""
        while found := next((idle for idle in reversed(self._idle) if idle.conninfo == conninfo), None):
            self._idle.remove(found)
            with found.closing as closing:
                if time.monotonic() - found.since < IDLE_SECONDS_MAX and _answers(found.connection):
                    return found.connection, closing.pop_all()
        return None

    def take_back(self, conninfo: str, connection: psycopg.Connection[Any], closing: ExitStack) -> bool:
        """Whether it is kept from now on: as if it were new, without any lock. Else its user has it closed."""
        if not self.is_usable() or not _made_new(connection):
            return False
        self._idle.append(_Idle(conninfo, connection, closing.pop_all(), time.monotonic()))
        if len(self._idle) > IDLE_MAX:
            self._idle.pop(0).closing.close()
        return True

    def end(self) -> None:
        """Closes them, but those of the process that it was forked from: the server would end that one's."""
        self._has_ended = True
        if self._owner[0] == os.getpid():
            while self._idle:
                self._idle.pop().closing.close()


_of_thread = threading.local()


def kept_here() -> KeptSessions | None:
    """What keeps the sessions of this thread now, if anything does."""
    kept: KeptSessions | None = getattr(_of_thread, "kept", None)
    return kept if kept is not None and kept.is_usable() else None


@contextmanager
def kept_sessions() -> Iterator[None]:
    """Until the block ends, sessions that are left in peace are used again by whoever asks for the same in it."""
    if kept_here() is not None:
        yield
        return
    kept = _of_thread.kept = KeptSessions()
    try:
        yield
    finally:
        kept.end()


def _here() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def _made_new(connection: psycopg.Connection[Any]) -> bool:
    if connection.closed or not connection.autocommit or connection.info.transaction_status != TransactionStatus.IDLE:
        return False
    try:
        connection.execute(statement("make_session_new"))
    except psycopg.Error:
        return False
    connection.isolation_level = connection.read_only = connection.deferrable = None
    return True


def _answers(connection: psycopg.Connection[Any]) -> bool:
    with suppress(psycopg.Error):
        connection.execute("")
        return True
    return False
