"""The SQL models in the database: views and tables made from their text, filled when they are run.

Making one changes the schema, which only its owner may; filling one is within the rights of the pipeline's own role.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from fridge_pipeline.calendar.hours import Hour, HourRange, split_at
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.queries import span_of, statement
from fridge_pipeline.database.retention import first_open_hour, readings_kept

VIEW = "view"
INCREMENT = "increment"

#: For a column of a model, the columns of tables and models that it is made of, as (table, column).
ColumnSources = Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class ModelText:
    """A model to be made: its name, select and meaning; ``unique`` are the columns that tell its rows apart."""

    name: str
    select: str
    materialized: str
    description: str
    columns: Mapping[str, str]
    unique: Sequence[str]
    sources: ColumnSources

    @property
    def sha256(self) -> str:
        """Changes with the text or its meaning."""
        parts = [self.select, self.materialized, self.description, *self.columns.values(), *self.unique]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @property
    def bare_select(self) -> sql.SQL:
        """The select without a semicolon, to stand inside another statement."""
        return sql.SQL(self.select.strip().rstrip(";"))


def built_from(connection: psycopg.Connection) -> str | None:
    """The hash of the files that the models were made from; ``None`` before they were."""
    row = connection.execute(statement("models_built_from")).fetchone()
    return str(row[0]) if row else None


def are_superseded(connection: psycopg.Connection, files_sha256: str) -> bool:
    """Whether models were made from these files and then from newer ones: whoever has these files is older code."""
    row = connection.execute(statement("models_are_superseded"), {"files_sha256": files_sha256}).fetchone()
    return bool(row and row[0])


def make_relations(
    connection: psycopg.Connection, models: Sequence[ModelText], files_sha256: str, now: datetime
) -> list[str]:
    """Makes the models, given in order of dependency; returns the names of tables that are new and so empty.

    All happens in one transaction: a reader sees the old ones or the new ones. Views are made anew whenever anything
    has changed, tables only when their own text has.
    """
    with connection.transaction():
        connection.execute(statement("lock_models"))
        if built_from(connection) == files_sha256:
            return []
        built = {name: (sha256, how) for name, sha256, how in connection.execute(statement("built_models")).fetchall()}
        kept = {
            model.name
            for model in models
            if model.materialized != VIEW and built.get(model.name, ("", ""))[0] == model.sha256
        }
        for name in built.keys() - kept:
            _drop(connection, name, built[name][1])
        for model in models:
            if model.name not in kept:
                _make(connection, model)
            _record(connection, model, now)
        connection.execute(statement("record_models_built"), {"files_sha256": files_sha256, "now": now})
    return [model.name for model in models if model.materialized != VIEW and model.name not in kept]


def keep_meters(connection: psycopg.Connection, catalogue: Sequence[Meter]) -> None:
    """Copies the catalogue for the models, which cannot read the settings."""
    connection.execute(
        statement("keep_meters"),
        {
            "event_names": [meter.event_name for meter in catalogue],
            "measures": [meter.measure.value for meter in catalogue],
            "formulas": [meter.formula.value for meter in catalogue],
            "windows": [meter.window.value for meter in catalogue],
        },
    )


def fill_table(connection: psycopg.Connection, model: ModelText) -> int:
    """Makes a table's rows anew and returns their number; readers see the old ones until it is done."""
    with connection.transaction():
        connection.execute(_with_name("empty_model", model.name))
        return connection.execute(_with_name("fill_model", model.name, select=model.bare_select)).rowcount


def fill_hours(connection: psycopg.Connection, model: ModelText, hours: HourRange, now: datetime) -> dict[Hour, int]:
    """Makes an increment's rows of some hours anew; returns how many there are of each hour that has any.

    Hours of which readings were dropped keep the rows that they have: they could not be made again. No month is dropped
    meanwhile.
    """
    with readings_kept(connection) as oldest:
        open_hours = split_at(hours, first_open_hour(oldest))[1] if oldest else hours
        if open_hours is not None:
            span = span_of(open_hours)
            with connection.transaction():
                connection.execute(statement("prefer_block_ranges"))
                connection.execute(statement("summarize_block_ranges"))
                connection.execute(_with_name("empty_model_hours", model.name), span)
                connection.execute(_with_name("fill_model_hours", model.name, select=model.bare_select), span)
                connection.execute(statement("record_model_hours"), {**span, "name": model.name, "now": now})
    return count_hours(connection, model.name, hours)


def count_hours(connection: psycopg.Connection, name: str, hours: HourRange) -> dict[Hour, int]:
    """How many rows a model with a column ``hour`` has of each of some hours."""
    rows = connection.execute(_with_name("count_model_hours", name), span_of(hours)).fetchall()
    return {Hour(hour): int(count) for hour, count in rows}


def count_rows(connection: psycopg.Connection, name: str) -> int:
    """How many rows a model has now."""
    row = connection.execute(_with_name("count_model_rows", name)).fetchone()
    return int(row[0]) if row else 0


def column_sources(connection: psycopg.Connection) -> dict[str, ColumnSources]:
    """Where the columns of every model in the database come from, as was found when they were made."""
    return {
        name: {column: [(table, source) for table, source in found] for column, found in sources.items()}
        for name, sources in connection.execute(statement("model_sources")).fetchall()
    }


def _make(connection: psycopg.Connection, model: ModelText) -> None:
    kind = "view" if model.materialized == VIEW else "table"
    connection.execute(_with_name(f"create_model_{kind}", model.name, select=model.bare_select))
    if kind == "table" and model.unique:
        columns = sql.SQL(", ").join(map(sql.Identifier, model.unique))
        index = sql.Identifier(f"{model.name}_key")
        connection.execute(_with_name("create_model_key", model.name, index=index, key_columns=columns))
    description = sql.Literal(model.description)
    connection.execute(_with_name("describe_model", model.name, kind=sql.SQL(kind), description=description))
    describe_columns(connection, model.name, model.columns)


def describe_columns(connection: psycopg.Connection, relation: str, meanings: Mapping[str, str]) -> None:
    """Writes what columns mean where whoever looks at the database finds it."""
    for column, meaning in meanings.items():
        names = {"column": sql.Identifier(column), "description": sql.Literal(meaning)}
        connection.execute(_with_name("describe_model_column", relation, **names))


def _drop(connection: psycopg.Connection, name: str, materialized: str) -> None:
    connection.execute(_with_name("drop_model_view" if materialized == VIEW else "drop_model_table", name))
    connection.execute(statement("forget_model"), {"name": name})
    connection.execute(statement("forget_model_hours"), {"name": name})


def _record(connection: psycopg.Connection, model: ModelText, now: datetime) -> None:
    row = {"name": model.name, "sha256": model.sha256, "materialized": model.materialized, "now": now}
    connection.execute(statement("record_model"), {**row, "column_sources": Jsonb(dict(model.sources))})


def _with_name(statement_name: str, model_name: str, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(statement(statement_name)).format(name=sql.Identifier(model_name), **parts)
