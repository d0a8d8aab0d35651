"""Held: the rows of views that are dear to make, kept for one session, where many statements ask for all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
from psycopg import sql

from fridge_pipeline.database.models import SCHEMA
from fridge_pipeline.database.queries import statement, statement_on


@dataclass(frozen=True, slots=True)
class HeldViews:
    """Views of our schema whose rows stand in temporary tables once these are filled.

    The ``readers`` are views that are made of them: they are there too, as the database has them, made of those rows.
    Of those ``within`` a span nobody sees other rows.
    """

    connection: psycopg.Connection
    names: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    within: tuple[str, ...] = ()

    @classmethod
    def prepare(cls, connection: psycopg.Connection, *names: str) -> HeldViews:
        """Makes the empty tables and the readers; PostgreSQL refuses that in a snapshot, so call it before."""
        connection.execute(statement("work_in_memory"))
        for name in names:
            connection.execute(statement_on("hold_rows", name))
            connection.execute(statement_on("index_held_rows", name))
        held = cls(connection, names)
        for reader, definition in connection.execute(statement("views_over"), {"names": list(names)}).fetchall():
            select = sql.SQL(held.instead(definition.rstrip(";")))
            connection.execute(statement_on("hold_reader", reader, select=select))
            held = cls(connection, names, (*held.readers, reader))
        return held

    def of_span(self, name: str, column: str, start: datetime, end: datetime) -> HeldViews:
        """The same, of a view only the rows from ``start`` to ``end`` by a column; call it before a snapshot."""
        times = {"start": sql.Literal(start), "end": sql.Literal(end)}
        parts = {"span": sql.Identifier(f"{name}_of_span"), "column": sql.Identifier(column)}
        view = statement_on("hold_span", name, **parts, **times).as_string(self.connection)
        self.connection.execute(sql.SQL(self.instead(view)))
        return replace(self, within=(*self.within, name))

    def fill(self, start: datetime | None = None, end: datetime | None = None) -> None:
        """Makes the rows of the hours of a span, or all, as the connection sees the books now.

        Of a span only those readers' rows are right that are made of its hours alone.
        """
        span = {"start": start or "-infinity", "end": end or "infinity"}
        for name in self.names:
            self.connection.execute(statement_on("fill_held_rows", name), span)
            self.connection.execute(statement_on("analyze_held_rows", name))

    def instead(self, select: str) -> str:
        """The same select, of what is held where that is what it reads."""
        # Whoever reads it may call it by its name.
        aliased = self._renamed(select, self.within, r"pg_temp.\2_of_span\3", r"(\s+as\b)")
        of_span = self._renamed(aliased, self.within, r"pg_temp.\2_of_span as \2")
        return self._renamed(of_span, (*self.names, *self.readers), r"pg_temp.\2")

    @staticmethod
    def _renamed(select: str, names: tuple[str, ...], to: str, before: str = "") -> str:
        read = rf'\b{SCHEMA}\.("?)({"|".join(names)})\1(?!\w){before}'
        return re.sub(read, to, select) if names else select
