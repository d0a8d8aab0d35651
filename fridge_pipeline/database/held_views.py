"""Held: the rows of views that are dear to make, kept for one session, where many statements ask for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import psycopg
from psycopg import sql

from fridge_pipeline.database.models import SCHEMA
from fridge_pipeline.database.queries import statement, statement_on, value_of

#: By which columns the rows of a view are looked up, the first of them the time; of all others by the hour.
_LOOKED_UP_BY: Mapping[str, tuple[str, ...]] = {
    "stg_stripe_days": ("usage_date", "tenant_id", "meter"),
    "usage_daily": ("usage_date",),
    "usage_by_service_month": ("month_billed",),
}

#: Hours of tenants of which rows are made at a time: what is added up together stays in memory.
_TENANT_HOURS_AT_A_TIME = 50_000

#: What makes the rows of a view that is made of others which are held.
_OF_HELD = "{}_of_held"


@dataclass(frozen=True, slots=True)
class HeldViews:
    """Views of our schema whose rows stand in temporary tables once these are filled, in this order.

    The ``readers`` are views that are made of them: they are there too, as the database has them, made of those rows.
    So are those of them that are ``of_held``. Of those ``within`` a span nobody sees other rows.
    """

    connection: psycopg.Connection
    names: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    of_held: frozenset[str] = frozenset()

    @classmethod
    def prepare(cls, connection: psycopg.Connection, *names: str) -> HeldViews:
        """Makes the empty tables and the readers; PostgreSQL refuses that in a snapshot, so call it before."""
        connection.execute(statement("work_in_memory"))
        for name in names:
            connection.execute(statement_on("hold_rows", name))
            key = sql.SQL(", ").join(map(sql.Identifier, _looked_up_by(name)))
            connection.execute(statement_on("index_held_rows", name, key_columns=key))
        held = cls(connection, names)
        for reader, definition in connection.execute(statement("views_over"), {"names": list(names)}).fetchall():
            select = sql.SQL(held.instead(definition.rstrip(";")))
            if reader in names:
                connection.execute(statement_on("hold_reader", _OF_HELD.format(reader), select=select))
                held = replace(held, of_held=held.of_held | {reader})
            else:
                connection.execute(statement_on("hold_reader", reader, select=select))
                held = replace(held, readers=(*held.readers, reader))
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
        whole = {"start": start.replace(hour=0) if start else "-infinity", "end": end or "infinity"}  # days are whole
        portions = list(self._portions(start, end)) if start and end else [whole]
        for name in self.names:
            source = sql.Identifier(SCHEMA, name)
            if name in self.of_held:
                source = sql.Identifier("pg_temp", _OF_HELD.format(name))
            column = _looked_up_by(name)[0]
            filled = statement_on("fill_held_rows", name, made_of=source, column=sql.Identifier(column))
            for span in portions if column == "hour" else [whole]:
                self.connection.execute(filled, span)
            self.connection.execute(statement_on("analyze_held_rows", name))

    def _portions(self, start: datetime, end: datetime) -> Iterator[Mapping[str, datetime]]:
        """The span, some hours at a time."""
        tenants = value_of(self.connection, "count_tenants")
        step = timedelta(hours=max(1, _TENANT_HOURS_AT_A_TIME // max(1, tenants)))
        while start < end:
            yield {"start": start, "end": min(start + step, end)}
            start += step

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


def _looked_up_by(name: str) -> tuple[str, ...]:
    return _LOOKED_UP_BY.get(name, ("hour",))
