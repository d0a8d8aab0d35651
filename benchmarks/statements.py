"""The benchmarks' own SQL: named statements in ``queries.sql``, as the features have them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fridge_pipeline.database.queries import statements_in


@cache
def statement(name: str) -> str:
    """The statement under ``-- name: …``; ``KeyError`` when there is none."""
    return dict(statements_in(Path(__file__).with_name("queries.sql")))[name]
