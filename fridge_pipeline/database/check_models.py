"""Check: what the SQL models' tests say must be true of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.models import Severity, SqlModel
from fridge_pipeline.database.queries import statement


@dataclass(frozen=True, slots=True)
class Findings:
    """How many rows a test found, and the first of them."""

    count: int
    examples: list[dict[str, Any]]


def duplicates(connection: psycopg.Connection, model: str, columns: tuple[str, ...]) -> Findings:
    """Values of these columns together that several rows have; none where PostgreSQL lets no second row in."""
    if connection.execute(statement("has_unique_index"), {"relation": model, "wanted": list(columns)}).fetchone():
        return Findings(0, [])
    return _find(connection, _named("find_duplicates", model, key_columns=_columns(columns)))


def empty_values(connection: psycopg.Connection, model: str, columns: tuple[str, ...]) -> Findings:
    """Rows in which one of these columns is empty."""
    is_empty = sql.SQL(" or ").join(sql.SQL("{} is null").format(sql.Identifier(column)) for column in columns)
    return _find(connection, _named("find_empty_values", model, is_empty=is_empty))


def foreign_values(connection: psycopg.Connection, model: str, column: str, accepted: tuple[str, ...]) -> Findings:
    """Values of a column that are none of the accepted ones; an empty one is not judged."""
    values = sql.SQL(", ").join(map(sql.Literal, accepted))
    return _find(
        connection, _named("find_foreign_values", model, column=sql.Identifier(column), accepted_values=values)
    )


def orphans(connection: psycopg.Connection, model: str, column: str, parent: tuple[str, str]) -> Findings:
    """Values of a column that the parent's column does not have; an empty one is not judged."""
    parts = {
        "column": sql.Identifier(column),
        "parent": sql.Identifier(parent[0]),
        "parent_column": sql.Identifier(parent[1]),
    }
    return _find(connection, _named("find_orphans", model, **parts))


def untrue_rows(connection: psycopg.Connection, truth: str) -> Findings:
    """The rows of a select that must return none."""
    return _find(connection, sql.SQL(truth.strip().rstrip(";")))


def _find(connection: psycopg.Connection, select: sql.Composable) -> Findings:
    query = sql.SQL(statement("count_findings")).format(select=select)
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query).fetchall()
    count = int(rows[0]["findings_in_all"]) if rows else 0
    return Findings(count, [{name: row[name] for name in row if name != "findings_in_all"} for row in rows])


def _columns(columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _named(statement_name: str, model: str, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(statement(statement_name)).format(model=sql.Identifier(model), **parts)


@dataclass(frozen=True, slots=True)
class ModelTest:
    """One test of a model, in words, and how to find what contradicts it."""

    model: str
    name: str
    says: str
    severity: Severity
    find: Callable[[psycopg.Connection], Findings]


@dataclass(frozen=True, slots=True)
class TestResult:
    """What a test found."""

    test: ModelTest
    findings: Findings

    @property
    def holds(self) -> bool:
        """Whether nothing contradicts it."""
        return self.findings.count == 0


def tests_of(model: SqlModel) -> Iterator[ModelTest]:
    """The tests that the model's description asks for."""
    error = Severity.ERROR
    if model.unique:
        together = ", ".join(model.unique)
        says = f"No two rows have the same {together}."
        yield ModelTest(model.name, "unique", says, error, partial(duplicates, model=model.name, columns=model.unique))
    if model.not_null:
        says = f"In no row is one of {', '.join(model.not_null)} empty."
        find = partial(empty_values, model=model.name, columns=model.not_null)
        yield ModelTest(model.name, "not_null", says, error, find)
    for column, accepted in model.accepted_values.items():
        says = f"Every {column} is one of {', '.join(accepted)}."
        accepts = partial(foreign_values, model=model.name, column=column, accepted=accepted)
        yield ModelTest(model.name, f"accepted_values_{column}", says, error, accepts)
    for column, parent in model.relationships.items():
        says = f"Every {column} is a {parent[1]} of {parent[0]}."
        belongs = partial(orphans, model=model.name, column=column, parent=parent)
        yield ModelTest(model.name, f"relationship_{column}", says, error, belongs)
    for truth in model.truths:
        is_true = partial(untrue_rows, truth=truth.text)
        yield ModelTest(model.name, truth.name, truth.says, truth.severity, is_true)


def check_models(
    database: Database, models: Sequence[SqlModel], chosen: Collection[tuple[str, str]] | None = None
) -> Iterator[TestResult]:
    """Runs the tests of the models, or those chosen by model and name, one after another."""
    with database.connect() as connection:
        for test in (test for model in models for test in tests_of(model)):
            if chosen is None or (test.model, test.name) in chosen:
                yield TestResult(test, test.find(connection))
