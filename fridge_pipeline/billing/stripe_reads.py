"""Reads of Stripe's books: counted, because a month holds only so many."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import psycopg

from fridge_pipeline.database.queries import statement


class ReadPurpose(StrEnum):
    """What was read for."""

    RECONCILIATION = "reconciliation"
    REFUSALS = "refusals"
    EXPLANATION = "explanation"


def count_reads(connection: psycopg.Connection, reads: int, purpose: ReadPurpose, now: datetime) -> None:
    """Puts reads on record; none leaves no row."""
    if reads:
        connection.execute(statement("count_reads"), {"reads": reads, "purpose": purpose.value, "now": now})


def reads_since(connection: psycopg.Connection, since: datetime) -> int:
    """How many reads were made since then, for whatever purpose."""
    row = connection.execute(statement("reads_since"), {"since": since}).fetchone()
    return int(row[0]) if row is not None else 0


def books_are_claimed(connection: psycopg.Connection) -> bool:
    """Whether anything of these books was ever stated to Stripe."""
    return connection.execute(statement("books_are_live")).fetchone() is not None
