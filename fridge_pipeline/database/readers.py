"""What a login of finance could do beyond reading (law L16): found, and ended as far as whoever signs in may."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psycopg

from fridge_pipeline.database.queries import statement


@dataclass(frozen=True, slots=True)
class ReaderDrift:
    """One thing that finance's logins could do, or that does not bound them, and the statements that end it."""

    says: str
    repair: str


def find_reader_drift(connection: psycopg.Connection) -> list[ReaderDrift]:
    """Whatever is not as it should be; everybody may ask, also before there is a schema."""
    return [ReaderDrift(*row) for row in connection.execute(statement("reader_drift")).fetchall()]


def restrict_readers(connection: psycopg.Connection) -> list[ReaderDrift]:
    """Ends what it may, and returns what is left: some of it needs a superuser, some the database's owner."""
    found = find_reader_drift(connection)
    for drift in found:
        # Refused, or another process is at it: what is not done then is found below.
        with suppress(psycopg.Error), connection.transaction():
            connection.execute(drift.repair.encode())
    return find_reader_drift(connection) if found else []
