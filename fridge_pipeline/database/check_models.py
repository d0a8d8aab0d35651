"""Check: what the SQL models' tests say must be true of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import psycopg

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.model_tests import (
    Findings,
    duplicates,
    empty_values,
    foreign_values,
    orphans,
    untrue_rows,
)
from fridge_pipeline.database.models import Severity, SqlModel


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
