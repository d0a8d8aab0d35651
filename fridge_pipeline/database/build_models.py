"""Build: the SQL models in the database, brought up to their files, and filled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
import sqlglot
from sqlglot import expressions
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.exceptions import keep_reason_codes
from fridge_pipeline.database.model_relations import (
    ColumnSources,
    ModelText,
    built_from,
    column_sources,
    count_hours,
    count_rows,
    describe_columns,
    fill_hours,
    fill_table,
    keep_meters,
    make_relations,
)
from fridge_pipeline.database.models import (
    SCHEMA,
    Column,
    Materialized,
    SqlModel,
    SqlModelError,
    files_sha256,
    read_models,
    read_sources,
)

#: For a column of a model, the columns of tables and models that it is made of, as (table, column).
Sources = dict[str, list[tuple[str, str]]]


def column_lineage(models: Sequence[SqlModel]) -> dict[str, Sources]:
    """For every model the sources of its columns, one step back. Raises ``SqlModelError``.

    A column that is computed from no column, such as a constant, has none.
    """
    known: dict[str, object] = {SCHEMA: {model.name: dict.fromkeys(model.columns, "text") for model in models}}
    return {model.name: _sources(model, known) for model in models}


def _sources(model: SqlModel, known: dict[str, object]) -> Sources:
    try:
        parsed = sqlglot.parse_one(model.text, dialect="postgres")
        qualified = qualify(parsed, dialect="postgres", schema=known, validate_qualify_columns=False)
        scope = build_scope(qualified)
        # Without a copy of the select per column, which is for pictures of it: a seventh of the time.
        return {
            column: _leaves(
                lineage(
                    column, qualified, dialect="postgres", schema=known, scope=scope, trim_selects=False, copy=False
                )
            )
            for column in model.columns
        }
    except (SqlglotError, ValueError) as error:
        raise SqlModelError(f"model {model.name}: its columns cannot be followed to their sources: {error}") from error


def _leaves(node: object) -> list[tuple[str, str]]:
    found = {
        (leaf.expression.name, leaf.name.rsplit(".", 1)[-1].strip('"'))
        for leaf in node.walk()  # type: ignore[attr-defined] # untyped there
        if isinstance(leaf.expression, expressions.Table) and leaf.expression.db == SCHEMA
    }
    return sorted(found)


#: The layer that shows the books under finance's names; its rows are those of the books.
STAGING = "staging"


@dataclass(frozen=True, slots=True)
class ModelRun:
    """What running a model came to: its rows, those of each of the run's hours, or neither where nobody counted."""

    model: str
    rows: int | None
    rows_per_hour: dict[Hour, int] | None
    sources: ColumnSources


def make_models(database: Database, folder: Path, now: datetime) -> list[str]:
    """Makes views and tables of the models in a folder unless they are as its files say; their owner's task.

    What the columns of the tables below them mean is written to the database too, and the reason codes that they read.
    Returns the tables that are new, and empty until they are run. Raises ``SqlModelError``.
    """
    wanted = files_sha256(folder)
    with database.connect() as connection:
        if built_from(connection) == wanted:
            return []
        # Following columns through the SQL takes longer than everything else here, so it is kept in the database.
        from fridge_pipeline.database.build_models import column_lineage  # noqa: PLC0415

        models = read_models(folder)
        with connection.transaction():
            keep_reason_codes(connection)
        for source in read_sources(folder).values():
            describe_columns(connection, source.table, _meanings(source.columns))
        sources = column_lineage(models)
        return make_relations(connection, [_text(model, sources[model.name]) for model in models], wanted, now)


def run_models(
    database: Database,
    models: Sequence[SqlModel],
    chosen: Iterable[str],
    hours: HourRange | None,
    catalogue: Sequence[Meter],
    now: datetime,
) -> list[ModelRun]:
    """Runs the chosen models, each after those it reads: fills tables, and the hours of increments.

    A view is always as the books are, so it is only counted: a mart's rows of ``hours``, so that a run costs what its
    hours hold, or without ``hours`` all. Increments need ``hours``.
    """
    wanted, runs = set(chosen), []
    with database.connect() as connection:
        keep_meters(connection, catalogue)
        sources = column_sources(connection)
        for model in models:
            if model.name not in wanted:
                continue
            rows, per_hour = _run(connection, model, hours, now)
            runs.append(ModelRun(model.name, rows, per_hour, sources.get(model.name, {})))
    return runs


def _run(
    connection: psycopg.Connection, model: SqlModel, hours: HourRange | None, now: datetime
) -> tuple[int | None, dict[Hour, int] | None]:
    if model.materialized is Materialized.TABLE:
        return fill_table(connection, _text(model, {})), None
    if hours is None:
        return count_rows(connection, model.name), None
    if model.materialized is Materialized.INCREMENT:
        return None, fill_hours(connection, _text(model, {}), hours, now)
    counts = model.layer != STAGING and "hour" in model.columns
    return None, count_hours(connection, model.name, hours) if counts else None


def _text(model: SqlModel, sources: ColumnSources) -> ModelText:
    return ModelText(
        model.name,
        model.text,
        model.materialized.value,
        model.description,
        _meanings(model.columns),
        model.unique,
        sources,
    )


def _meanings(columns: Mapping[str, Column]) -> dict[str, str]:
    return {name: column.meaning for name, column in columns.items()}
