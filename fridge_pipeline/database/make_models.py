"""Make: the SQL models' views and tables in the database as their files say; the task of the schema's owner."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.exceptions import keep_reason_codes
from fridge_pipeline.database.lock_waits import changed_between_readers, wait_shortly
from fridge_pipeline.database.models import Column, Materialized, SqlModel, files_sha256, read_models, read_sources
from fridge_pipeline.database.queries import statement, statement_on, value_of
from fridge_pipeline.reason_codes import DIFFERENCE_CAUSES, EXCEPTION_KINDS


def built_from(connection: psycopg.Connection) -> str | None:
    """The hash of the files that the models were made from; ``None`` before they were."""
    built_from: str | None = value_of(connection, "models_built_from")
    return built_from


def are_superseded(connection: psycopg.Connection, files_sha256: str) -> bool:
    """Whether models were made from these files and then from newer ones: whoever has these files is older code."""
    return bool(value_of(connection, "models_are_superseded", {"files_sha256": files_sha256}))


def make_models(database: Database, folder: Path, now: datetime) -> list[str]:
    """Makes views and tables of the models in a folder unless they are as its files say.

    Views are made anew whenever anything has changed, tables only when their own text has. It is one transaction: a
    reader sees the old ones or the new ones. What the columns of the tables below them mean is written to the database
    too, and the reason codes that they read.
    Whoever reads for long is not waited for (``lock_waits``). Returns the tables that are new, and empty until they are
    filled. Raises ``SqlModelError`` and ``SchemaInUseError``.
    """
    with database.connect() as connection:
        return changed_between_readers(connection, lambda: _make_models(connection, folder, now))


def _make_models(connection: psycopg.Connection, folder: Path, now: datetime) -> list[str]:
    wanted, models = files_sha256(folder), read_models(folder)
    connection.execute(statement("lock_models"))
    if built_from(connection) == wanted:
        return []
    wait_shortly(connection)
    keep_reason_codes(connection)
    for source in read_sources(folder).values():
        _describe_columns(connection, source.table, source.columns)
    built = {name: (sha256, how) for name, sha256, how in connection.execute(statement("built_models")).fetchall()}
    tables = {model.name: model for model in models if model.materialized is not Materialized.VIEW}
    known = {model.name: model for model in models}
    hashes = {model.name: _sha256(model, known) for model in models}
    kept = {name for name in tables if name in built and built[name][0] == hashes[name]}
    for name in built.keys() - kept:
        connection.execute(statement_on("drop_model", name, kind=_kind(built[name][1])))
        connection.execute(statement("forget_model"), {"name": name})
    for model in models:
        if model.name not in kept:
            _make(connection, model)
        row = {"name": model.name, "sha256": hashes[model.name], "materialized": model.materialized.value, "now": now}
        connection.execute(statement("record_model"), row)
    if any(model.materialized is Materialized.KEPT and name not in kept for name, model in tables.items()):
        connection.execute(statement("note_all_hours"))
    connection.execute(statement("record_models_built"), {"files_sha256": wanted, "now": now})
    return [name for name in tables if name not in kept]


def _sha256(model: SqlModel, models: Mapping[str, SqlModel]) -> str:
    """Changes with what a table is made from, and never otherwise: a table that is made anew has lost its rows.

    What is kept is made from the texts of all that it reads, and from the reason codes: it must be as they are.
    """
    meanings = [column.meaning for column in model.columns.values()]
    parts = [model.text, model.materialized.value, model.description, *meanings, *model.unique]
    if model.materialized is Materialized.KEPT:
        parts += [repr((DIFFERENCE_CAUSES, EXCEPTION_KINDS)), *sorted(_texts_below(model, models))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _texts_below(model: SqlModel, models: Mapping[str, SqlModel]) -> set[str]:
    below = [models[name] for name in model.reads & models.keys()]
    return {each.text for each in below}.union(*(_texts_below(each, models) for each in below))


def _make(connection: psycopg.Connection, model: SqlModel) -> None:
    kind = _kind(model.materialized)
    connection.execute(statement_on(f"create_model_{kind.as_string()}", model.name, select=sql.SQL(model.text)))
    if kind == _TABLE and model.unique:
        columns = sql.SQL(", ").join(map(sql.Identifier, model.unique))
        connection.execute(
            statement_on("create_model_key", model.name, index=sql.Identifier(model.key), key_columns=columns)
        )
    connection.execute(
        statement_on("describe_model", model.name, kind=kind, description=sql.Literal(model.description))
    )
    _describe_columns(connection, model.name, model.columns)


def _describe_columns(connection: psycopg.Connection, relation: str, columns: Mapping[str, Column]) -> None:
    """Writes what columns mean where whoever looks at the database finds it."""
    for name, column in columns.items():
        names = {"column": sql.Identifier(name), "description": sql.Literal(column.meaning)}
        connection.execute(statement_on("describe_model_column", relation, **names))


_VIEW, _TABLE = sql.SQL("view"), sql.SQL("table")


def _kind(materialized: str) -> sql.SQL:
    return _VIEW if materialized == Materialized.VIEW else _TABLE
