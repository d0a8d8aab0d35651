"""Changing the schema beside people who read: short waits for locks, so that nobody queues behind a long query."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg

from fridge_pipeline.database.queries import statement

T = TypeVar("T")

#: Whoever waits for a relation to be free lets nobody else at it: not for longer than this.
LOCK_WAIT = "2s"

#: Between two tries everybody else has their turn. Altogether about a minute.
PAUSE_SECONDS, TRIES = 1.0, 20


class SchemaInUseError(RuntimeError):
    """Somebody has held what is to be changed all the time; the text names who, and how to end it."""


def changed_between_readers(connection: psycopg.Connection, change: Callable[[], T]) -> T:
    """Makes a change of the schema in one transaction, and tries again while somebody holds what it changes.

    The change calls ``wait_shortly`` once it holds the lock that keeps out others who change. Raises
    ``SchemaInUseError``.
    """
    for _ in range(TRIES):
        try:
            with connection.transaction():
                return change()
        except psycopg.errors.LockNotAvailable:
            holders = [str(row[0]) for row in connection.execute(statement("schema_lock_holders")).fetchall()]
            time.sleep(PAUSE_SECONDS)
    who = "; ".join(holders) or "a session that has ended since"
    raise SchemaInUseError(
        f"the schema could not be changed, because somebody holds tables or views of it: {who}. Nothing was changed. "
        "Wait until they have ended, or end a session as an administrator: select pg_terminate_backend(PID); then try "
        "again"
    )


def wait_shortly(connection: psycopg.Connection) -> None:
    """From here to the end of the transaction no lock is waited for longer than ``LOCK_WAIT``."""
    connection.execute(statement("wait_shortly"), {"lock_wait": LOCK_WAIT})
