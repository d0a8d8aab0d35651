"""Check: what the SQL models' tests say must be true of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.database.models import Materialized, Severity, SqlModel
from fridge_pipeline.database.queries import statement, statement_on


@dataclass(frozen=True, slots=True)
class ModelTest:
    """One test of a model, in words, and the select of the rows that contradict it.

    Of one that can be told by each row alone ``row_holds`` is what must be true of it; ``key`` are the columns of which
    no two rows may have the same values.
    """

    model: str
    name: str
    says: str
    severity: Severity
    contradictions: sql.Composable
    row_holds: sql.Composable | None = None
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestResult:
    """How many rows contradict a test, and the first of them."""

    test: ModelTest
    count: int
    examples: list[dict[str, Any]]

    @property
    def holds(self) -> bool:
        """Whether nothing contradicts it."""
        return self.count == 0


def tests_of(model: SqlModel, hours: HourRange | None) -> Iterator[ModelTest]:
    """The tests that the model's description asks for; an empty value is judged by ``not_null`` only.

    Of an increment only the rows of these ``hours``, if there are any: all others are as an earlier test found them.
    """

    def test(
        name: str, says: str, found_by: str, row_holds: sql.Composable | None = None, **parts: sql.Composable
    ) -> ModelTest:
        found = statement_on(found_by, model.name, **parts)
        key = model.unique if found_by == "find_duplicates" else ()
        return ModelTest(model.name, name, says, Severity.ERROR, found, row_holds, key)

    if model.unique:
        says = f"No two rows have the same {', '.join(model.unique)}."
        if model.materialized is Materialized.VIEW:
            yield test("unique", says, "find_duplicates", key_columns=_listed(map(sql.Identifier, model.unique)))
        else:
            yield test("unique", says, "find_missing_key", key=sql.Literal(model.key))
    if model.not_null:
        is_empty = sql.SQL(" or ").join(
            sql.SQL("{} is null").format(sql.Identifier(column)) for column in model.not_null
        )
        if hours is not None and model.materialized is Materialized.INCREMENT:
            span = sql.Literal(hours.first.start), sql.Literal(hours.last.start)
            is_empty = sql.SQL("hour between {} and {} and ({})").format(*span, is_empty)
        says = f"In no row is one of {', '.join(model.not_null)} empty."
        is_full = sql.SQL("not ({})").format(is_empty)
        yield test("not_null", says, "find_empty_values", is_full, is_empty=is_empty)
    for column, accepted in model.accepted_values.items():
        parts = {"column": sql.Identifier(column), "accepted_values": _listed(map(sql.Literal, accepted))}
        says = f"Every {column} is one of {', '.join(accepted)}."
        is_accepted = sql.SQL("coalesce({column} in ({accepted_values}), true)").format(**parts)
        yield test(f"accepted_values_{column}", says, "find_foreign_values", is_accepted, **parts)
    for column, (parent, parent_column) in model.relationships.items():
        names = {"column": column, "parent": parent, "parent_column": parent_column}
        parts = {part: sql.Identifier(name) for part, name in names.items()}
        says = f"Every {column} is a {parent_column} of {parent}."
        yield test(f"relationship_{column}", says, "find_orphans", **parts)
    for each in model.data_tests:
        yield ModelTest(model.name, each.name, each.says, each.severity, sql.SQL(each.text))


def check_models(
    database: Database,
    models: Sequence[SqlModel],
    chosen: Collection[tuple[str, str]] | None = None,
    hours: HourRange | None = None,
) -> Iterator[TestResult]:
    """Runs the tests of the models, or those chosen by model and name, one after another; see ``tests_of``."""
    of = None if chosen is None else {model for model, _ in chosen}
    with database.connect() as connection:
        for model in (model for model in models if of is None or model.name in of):
            tests = [test for test in tests_of(model, hours) if chosen is None or (test.model, test.name) in chosen]
            yield from check_tests(HeldViews(connection), tests)


def check_tests(held: HeldViews, tests: Sequence[ModelTest]) -> Iterator[TestResult]:
    """Runs tests of one model on the books as the connection sees them, with what is held of them.

    Those that can be told of the rows as they come are told of all at once, and one by one only if one does not hold:
    the rows of a view are made anew for every select.
    """
    of_rows = [test for test in tests if test.row_holds is not None or test.key]
    all_hold = len(of_rows) > 1 and _all_hold(held, of_rows)
    for test in tests:
        yield TestResult(test, 0, []) if all_hold and test in of_rows else _check_test(held, test)


def _all_hold(held: HeldViews, tests: Sequence[ModelTest]) -> bool:
    row_holds = sql.SQL(" and ").join(test.row_holds for test in tests if test.row_holds is not None)
    key = next((test.key for test in tests if test.key), ())
    query = statement_on(
        "whether_keys_hold" if key else "whether_rows_hold",
        tests[0].model,
        row_holds=row_holds,
        key_columns=_listed(map(sql.Identifier, key)),
    ).as_string(held.connection)
    row = held.connection.execute(sql.SQL(held.instead(query))).fetchone()
    return bool(row and row[0])


def _check_test(held: HeldViews, test: ModelTest) -> TestResult:
    query = sql.SQL(statement("count_findings")).format(select=test.contradictions).as_string(held.connection)
    with held.connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(sql.SQL(held.instead(query))).fetchall()
    count = int(rows[0]["findings_in_all"]) if rows else 0
    return TestResult(test, count, [{name: row[name] for name in row if name != "findings_in_all"} for row in rows])


def _listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)
