"""One snapshot of the books: everything read in it agrees, whatever is committed meanwhile, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg


@contextmanager
def one_snapshot(connection: psycopg.Connection) -> Iterator[None]:
    """A transaction that sees the books as they are now until it ends; PostgreSQL refuses any write in it."""
    before = (connection.isolation_level, connection.read_only)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    try:
        with connection.transaction():
            yield
    finally:
        if not connection.closed:
            connection.isolation_level, connection.read_only = before
