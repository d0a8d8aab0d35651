"""The SQL statements: each feature has its own in ``queries.sql``, under ``-- name: …``; no two have one name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.catalogue.meter import Meter

PACKAGE = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def statements() -> dict[str, str]:
    """Name → statement, of all features. Without the final semicolon: Arrow's driver wraps it into ``copy (…)``."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.glob("*/queries.sql")):
        for name, text in statements_in(path):
            if name in found:
                raise ValueError(f"{path}: there is another statement {name}")
            found[name] = text
    return found


def statements_in(path: Path) -> Iterator[tuple[str, str]]:
    """Name and statement, of one file."""
    _, *parts = _NAME.split(path.read_text(encoding="utf-8"))
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        yield name, text.strip().removesuffix(";")


def statement(name: str) -> str:
    """The statement of this name; ``KeyError`` when there is none."""
    return statements()[name]


def value_of(connection: psycopg.Connection, name: str, parameters: Mapping[str, object] | None = None) -> Any:
    """The one value that the statement of this name gives; ``None`` without a row."""
    row = connection.execute(statement(name), parameters).fetchone()
    return None if row is None else row[0]


def statement_on(name: str, relation: str, **parts: sql.Composable) -> sql.Composed:
    """The statement of this name about ``{name}``, a table or view of our schema, with its other parts put in."""
    return sql.SQL(statement(name)).format(name=sql.Identifier(relation), **parts)


def span_of(hours: HourRange) -> dict[str, datetime]:
    """``first`` and ``last``: the starts of the first and the last hour, both included."""
    return {"first": hours.first.start, "last": hours.last.start}


def meters_of(catalogue: Sequence[Meter]) -> dict[str, list[str]]:
    """``event_names`` and ``measures``: the catalogue as two columns, in one order."""
    return {
        "event_names": [meter.event_name for meter in catalogue],
        "measures": [meter.measure.name for meter in catalogue],
    }
