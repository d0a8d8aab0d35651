"""Ids that are probably one, written in several ways. They are never merged: only their owner knows."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.database.queries import statement
from fridge_pipeline.ingest.rules.blank import BLANK

#: So many are shown; ``total`` says how many there are.
SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class SimilarIds:
    """Spellings of an id, of a sensor of one tenant or, without a tenant, of a tenant; ``total`` counts all such."""

    tenant_id: str | None
    one: str
    another: str
    spellings: int
    total: int

    def __str__(self) -> str:
        what = "tenant" if self.tenant_id is None else f"sensor of {self.tenant_id}"
        if self.spellings == 1:
            return f"{what} {self.one!r}, which has lost its last digits"
        more = self.spellings - 2
        return f"{what} {self.one!r}, {self.another!r}" + (f" and {more} more" if more else "")


def similar_ids(connection: psycopg.Connection) -> list[SimilarIds]:
    """The first of all that there are."""
    with connection.cursor(row_factory=class_row(SimilarIds)) as cursor:
        return cursor.execute(statement("similar_ids"), {"blank": BLANK, "shown": SHOWN_MAX}).fetchall()
