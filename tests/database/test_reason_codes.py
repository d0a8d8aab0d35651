"""Kinds of exceptions and causes of differences stand in one place, and what else names them agrees with it."""

from __future__ import annotations

import ast
import re

import psycopg
import pytest

from fridge_pipeline.database.queries import statements
from fridge_pipeline.reason_codes import DIFFERENCE_CAUSES, EXCEPTION_KINDS, cause_in_words
from fridge_pipeline.reason_terms import Step
from fridge_pipeline.reconciliation.rules.causes import Cause
from fridge_pipeline.settings import MODELS_FOLDER, REPOSITORY
from tests.pipeline import Pipeline


def kinds_in_code() -> set[str]:
    """The first argument of every ``ExceptionKey`` that is written as a text."""
    found = set()
    for file in (REPOSITORY / "fridge_pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ExceptionKey":
                kind = node.args[0]
                found |= {str(kind.value)} if isinstance(kind, ast.Constant) else set()
    return found


def kinds_in_statements() -> set[str]:
    """What SQL statements compare a column ``kind`` with, or write into it."""
    compared = re.findall(r"\bkind (?:=|<>|in) (?:'(\w+)'|\(\s*('[^)]*)\))", "\n".join(statements().values()))
    return {word for one, several in compared for word in [one, *re.findall(r"'(\w+)'", several)] if word}


def causes_in_models() -> set[str]:
    """What the tie-out can name by itself."""
    text = (MODELS_FOLDER / "marts" / "tie_out.sql").read_text(encoding="utf-8")
    _, _, below_its_status = text.partition("end as status")
    cases = re.findall(r"\bcase\n(.*?)end as cause_in_\w+", below_its_status, re.DOTALL)
    return {word for case in cases for word in re.findall(r"(?:then|else) '(\w+)'", case)}


def test_the_database_has_exactly_the_kinds_and_causes_of_the_code(pipeline: Pipeline) -> None:
    kinds = pipeline.rows(
        "select kind, means, what_to_do, subject, cause, waits, withholds, ends"
        ' from fridge.exception_kinds order by "position"'
    )
    assert kinds == [
        (code, kind.means, kind.do, kind.subject.value, kind.cause, kind.waits, kind.withholds, list(kind.ends))
        for code, kind in EXCEPTION_KINDS.items()
    ]
    causes = pipeline.rows(
        'select cause, step, is_explained, words, meaning, outcome, expires from fridge.causes order by "position"'
    )
    assert causes == [
        (
            *(code, each.step.value if each.step else None, each.is_explained, each.words, each.meaning),
            *(each.outcome.value, each.expires),
        )
        for code, each in DIFFERENCE_CAUSES.items()
    ]


def test_what_code_statements_and_models_name_are_kinds_and_causes() -> None:
    assert {"unreadable_file", "load_failed", "refused"} <= kinds_in_code() <= EXCEPTION_KINDS.keys()
    assert {"unexplained", "held_for_review"} <= kinds_in_statements() <= EXCEPTION_KINDS.keys()
    assert {"not_stated", "readings_missing", "excess_in_stripe"} <= causes_in_models() <= DIFFERENCE_CAUSES.keys()
    assert {cause.value for cause in Cause} <= DIFFERENCE_CAUSES.keys()


def test_no_statement_lists_kinds() -> None:
    """Which kinds have something in common is a column of ``fridge.exception_kinds``, or a parameter."""
    listed = {
        name: found
        for name, text in statements().items()
        if (found := re.findall(r"\bkind (?:not )?in \(\s*'[^)]*\)", text))
    }
    assert listed == {}


def test_the_tie_out_names_the_cause_of_every_open_exception_that_keeps_usage_from_stripe() -> None:
    named = {kind.cause for kind in EXCEPTION_KINDS.values() if kind.cause}
    assert {DIFFERENCE_CAUSES[cause].step for cause in named} == {Step.LEDGER}
    assert all(kind.cause for kind in EXCEPTION_KINDS.values() if kind.waits)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into fridge.exceptions (kind, detail, opened_at) values ('no_such_kind', '', now())",
        "update fridge.stripe_reconciliation set cause = 'no_such_cause'",
    ],
)
def test_the_database_refuses_a_kind_or_cause_that_nobody_has_explained(pipeline: Pipeline, statement: str) -> None:
    with pipeline.database.connect() as connection:
        connection.execute(
            "insert into fridge.stripe_reconciliation (day, tenant_id, event_name, run_id) values (now(), '', '', '')"
        )
    with pytest.raises(psycopg.errors.ForeignKeyViolation), pipeline.database.owned.connect() as connection:
        connection.execute(statement)


def test_a_code_of_a_newer_version_is_shown_as_it_is_written() -> None:
    assert cause_in_words("of_a_newer_version") == "of a newer version"
    assert cause_in_words("unmapped") == "unmapped: the tenant has no Stripe customer"
