"""The views of the SQL models: made from their text, and remade only when a text has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from fridge_pipeline.adapters.postgres.statements import statement


@dataclass(frozen=True, slots=True)
class ModelText:
    """A model's view: its name, its select and what it means."""

    name: str
    select: str
    description: str

    @property
    def sha256(self) -> str:
        """Changes with the text or its meaning."""
        return hashlib.sha256(f"{self.select}\0{self.description}".encode()).hexdigest()


def build_views(connection: psycopg.Connection, models: Sequence[ModelText], now: datetime) -> bool:
    """Makes the views, given in order of dependency; says whether anything had changed.

    All are remade together, in one transaction: a reader sees the old ones or the new ones.
    """
    with connection.transaction():
        connection.execute(statement("lock_models"))
        built: dict[str, str] = dict(connection.execute(statement("built_models")).fetchall())
        if built == {model.name: model.sha256 for model in models}:
            return False
        for name in built.keys() | {model.name for model in models}:
            connection.execute(_with_name("drop_model", name))
            connection.execute(statement("forget_model"), {"name": name})
        for model in models:
            _build_view(connection, model, now)
    return True


def count_rows(connection: psycopg.Connection, name: str) -> int:
    """How many rows a model's view has now."""
    row = connection.execute(_with_name("count_model_rows", name)).fetchone()
    return int(row[0]) if row else 0


def _build_view(connection: psycopg.Connection, model: ModelText, now: datetime) -> None:
    select = sql.SQL(model.select.strip().rstrip(";"))
    connection.execute(_with_name("create_model", model.name, select=select))
    connection.execute(_with_name("describe_model", model.name, description=sql.Literal(model.description)))
    connection.execute(statement("record_model"), {"name": model.name, "sha256": model.sha256, "now": now})


def _with_name(statement_name: str, model_name: str, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(statement(statement_name)).format(name=sql.Identifier(model_name), **parts)
