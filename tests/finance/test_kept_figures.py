"""Figures that are kept beside the books: whatever happens, what is shown is what the books say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import sql

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.database import fill_models
from fridge_pipeline.database.fill_models import keep_figures
from fridge_pipeline.database.models import read_models
from fridge_pipeline.database.queries import statement_on
from tests.finance.evidence.books import HOURS, JANUARY, MODELS, close, fill
from tests.pipeline import Pipeline, readings

#: Two of them are parts of it.
ACCRUAL = "create temporary table accrual as select * from fridge.unbilled_accrual"

#: What is read quickly, and the same from the books.
SHOWN_AND_BOOKS = {
    "outcomes": (
        "select usage_month, meter, outcome, cause, quantity from fridge.month_outcome",
        """select date_trunc('month', hour at time zone 'UTC')::date, meter, outcome, cause, sum(quantity)
        from fridge.hour_outcomes group by 1, 2, 3, 4""",
    ),
    "days": (
        "select * from fridge.tenant_days",
        "select * from fridge.tenant_days_of_books",
    ),
    "months recorded": (
        "select meter, month_billed, month_recorded, quantity from fridge.billed_and_recorded",
        """select meter, month_billed, month_recorded, sum(quantity) from fridge.usage_by_service_month
        group by 1, 2, 3 having sum(quantity) <> 0""",
    ),
    "owed": (
        """select usage_month, tenant_id, meter, cause, sum(quantity) from pg_temp.accrual
        where cause not in ('no_period_known', 'open_period', 'in_draft') group by 1, 2, 3, 4""",
        """select date_trunc('month', hour at time zone 'UTC')::date, tenant_id, meter, cause, sum(quantity)
        from fridge.owed_hours group by 1, 2, 3, 4""",
    ),
    "stated": (
        """select usage_month, tenant_id, meter, sum(quantity) from pg_temp.accrual
        where cause in ('no_period_known', 'open_period', 'in_draft') group by 1, 2, 3""",
        """select date_trunc('month', hour at time zone 'UTC')::date, tenant_id, meter, sum(stated_quantity)
        from fridge.tie_out where stated_quantity <> 0 group by 1, 2, 3""",
    ),
    "changes": ("select * from fridge.changes_since_signed", "select * from fridge.signed_changes"),
}


def _late_file(books: Pipeline) -> None:
    books.land(HOURS[1], "late.csv", readings("cohoes", HOURS[1], 1, 5, start=70))
    books.run(HOURS[1])


def _no_customer(books: Pipeline) -> None:
    books.land(HOURS[2], "nobodys.csv", readings("nobody", HOURS[2], 2, 4))
    books.run(HOURS[2])


def _first_customer(books: Pipeline) -> None:
    books.add_tenant("nobody")


def _reconciled(books: Pipeline) -> None:
    books.reconcile(DayRange(HOURS[0].start.date(), HOURS[2].start.date()))


def _closed(books: Pipeline) -> None:
    close(books, JANUARY)


def _usage_changed_behind_the_programs_back(books: Pipeline) -> None:
    with books.database.owned.connect() as connection:
        connection.execute(
            "update fridge.usage set quantity = quantity + 3 where tenant_id = 'cohoes' and hour = %s", [HOURS[0].start]
        )


def _billed_from_later(books: Pipeline) -> None:
    with books.database.connect() as connection:
        connection.execute("insert into fridge.billing_starts (bill_from, set_at) values (%s, now())", [HOURS[1].start])


def _usage_is_gone(books: Pipeline) -> None:
    with books.database.owned.connect() as connection:
        connection.execute("delete from fridge.usage where hour = %s", [HOURS[0].start])


ACTS: tuple[Callable[[Pipeline], None], ...] = (
    _no_customer,
    _reconciled,
    _closed,
    _late_file,
    _first_customer,
    _usage_changed_behind_the_programs_back,
    _billed_from_later,
    _usage_is_gone,
)


def differences(books: Pipeline) -> dict[str, list[tuple[Any, ...]]]:
    """What is shown and not in the books, and the other way round; each is read once, as to plan it takes longest."""
    with books.database.connect() as connection:
        connection.execute(ACCRUAL)
        return {
            what: sorted({*connection.execute(shown)}.symmetric_difference(connection.execute(of_books)), key=repr)
            for what, (shown, of_books) in SHOWN_AND_BOOKS.items()
        }


NONE: dict[str, list[tuple[Any, ...]]] = {what: [] for what in SHOWN_AND_BOOKS}


def test_what_is_shown_is_what_the_books_say_after_every_change_and_once_it_is_kept(pipeline: Pipeline) -> None:
    fill(pipeline)
    models = read_models(MODELS)
    assert differences(pipeline) == NONE
    for act in ACTS:
        act(pipeline)
        assert differences(pipeline) == NONE, act.__name__
        changed = keep_figures(pipeline.database, models)
        assert changed > 0, act.__name__
        assert differences(pipeline) == NONE, act.__name__


def test_what_is_kept_and_not_what_the_books_say_is_found_at_night(pipeline: Pipeline) -> None:
    fill(pipeline)
    _no_customer(pipeline)
    keep_figures(pipeline.database, read_models(MODELS))
    assert not {name for name in pipeline.failing_tests() if name.startswith("kept_")}
    with pipeline.database.owned.connect() as connection:
        assert connection.execute("select count(*) from fridge.hours_not_kept").fetchone() == (0,)
        for model in ("kept_outcomes", "kept_owed_hours", "kept_tenant_days"):
            connection.execute(f"update fridge.{model} set quantity = quantity + 1000")
    assert {what for what, rows in differences(pipeline).items() if rows} == {"outcomes", "owed", "days"}
    found = {name for name in pipeline.failing_tests() if name.startswith("kept_")}
    assert found == {f"kept_{what}_are_those_of_the_books" for what in ("outcomes", "owed_hours", "days")}


def test_a_change_that_commits_while_figures_are_kept_is_not_taken_for_kept(pipeline: Pipeline) -> None:
    fill(pipeline)
    _no_customer(pipeline)
    models = read_models(MODELS)
    with pipeline.database.owned.connect() as other:
        with other.transaction():
            other.execute("update fridge.usage set quantity = quantity + 1 where hour = %s", [HOURS[0].start])
            assert keep_figures(pipeline.database, models) > 0
        ((waiting,),) = other.execute("select count(*) from fridge.hours_not_kept").fetchall()
    assert waiting == 1
    assert differences(pipeline) == NONE


def test_of_two_that_keep_figures_at_once_one_leaves_it_to_the_other(pipeline: Pipeline) -> None:
    fill(pipeline)
    _no_customer(pipeline)
    with pipeline.database.connect() as other:
        other.execute("select pg_advisory_lock(hashtextextended('fridge.kept_figures', 0))")
        assert keep_figures(pipeline.database, read_models(MODELS)) == 0
    assert differences(pipeline) == NONE


def test_changes_since_a_signature_are_asked_for_only_where_somebody_has_signed(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To plan them takes longer than to keep an hour; all that is made of the tie-out is made of one."""
    made: list[str] = []

    def noted(name: str, relation: str, **parts: sql.Composable) -> sql.Composed:
        made.extend([relation] if name.startswith("fill_kept_") else [])
        return statement_on(name, relation, **parts)

    monkeypatch.setattr(fill_models, "statement_on", noted)
    fill(pipeline)
    assert made.count("kept_outcomes") == made.count("kept_owed_hours") == made.count("tie_out") > 0
    assert "kept_signed_changes" not in made
    close(pipeline, JANUARY)
    _late_file(pipeline)
    keep_figures(pipeline.database, read_models(MODELS))
    assert made.count("kept_signed_changes") == 1
    assert made[-1] == "tie_out"
    assert pipeline.one("select count(*) from fridge.kept_signed_changes") > 0


@pytest.mark.parametrize("hours", [1, 2])
def test_the_run_of_an_hour_keeps_no_more_hours_than_it_was_told_the_newest_first(
    pipeline: Pipeline, hours: int
) -> None:
    fill(pipeline)
    with pipeline.database.owned.connect() as connection:
        connection.execute("update fridge.usage set quantity = quantity + 1")
        assert keep_figures(pipeline.database, read_models(MODELS), hours) == hours
        left = connection.execute("select hour from fridge.hours_not_kept order by hour desc").fetchall()
    assert [hour for (hour,) in left] == [hour.start for hour in reversed(HOURS[: 3 - hours])]
    assert differences(pipeline) == NONE
