"""What is held of the books, against the books."""

from __future__ import annotations

from datetime import timedelta

import pytest
from psycopg import sql

from fridge_pipeline.database import held_views
from fridge_pipeline.database.connection import one_snapshot
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.finance.month_record import HELD
from tests.finance.books import TENANTS, FinanceBooks

VIEWS = ("tie_out", "usage_hourly")


def _same(held: HeldViews, name: str, where: str = "true") -> bool:
    """Whether the held rows are exactly those of the view."""
    select = sql.SQL("select * from fridge.{} where " + where).format(sql.Identifier(name)).as_string()
    instead = held.instead(select)
    assert f"pg_temp.{name}" in instead
    different = f"(({select}) except all ({instead})) union all (({instead}) except all ({select}))"
    return not held.connection.execute(different.encode()).fetchall()


def test_held_rows_and_the_views_made_of_them_are_those_of_the_books(books: FinanceBooks) -> None:
    books.land_and_bill()
    with books.pipeline.database.connect() as connection:
        held = HeldViews.prepare(connection, *VIEWS)
        with one_snapshot(connection):
            held.fill()
            assert {"tie_out_differences", "month_outcome", "unbilled_accrual", "usage_monthly"} <= set(held.readers)
            for name in (*VIEWS, *held.readers):
                assert _same(held, name), name
            (rows,) = connection.execute("select count(*) from pg_temp.tie_out").fetchone() or ()
            assert rows > 0


def test_of_a_span_only_its_hours_are_held(books: FinanceBooks) -> None:
    first, second, *_ = books.hours
    books.land_and_bill()
    books.reconcile()
    with books.pipeline.database.connect() as connection:
        held = HeldViews.prepare(connection, *HELD)
        with one_snapshot(connection):
            held.fill(first.start, second.start)
            hours = connection.execute("select distinct hour from pg_temp.tie_out").fetchall()
            assert hours == [(first.start,)]
            assert _same(held, "tie_out", f"hour = '{first.start}'")


def test_what_is_made_of_what_is_held_is_held_too_and_made_some_hours_at_a_time(
    books: FinanceBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_, last = books.hours
    start, end = first.start.replace(day=1, hour=0), last.start + timedelta(hours=1)
    books.land_and_bill()
    books.reconcile()
    monkeypatch.setattr(held_views, "_TENANT_HOURS_AT_A_TIME", 5 * 24 * len(TENANTS))
    with books.pipeline.database.connect() as connection:
        held = HeldViews.prepare(connection, *HELD, "usage_by_service_month")
        assert held.of_held == {"tie_out", "usage_daily"}
        with one_snapshot(connection):
            held.fill(start, end)
            for name in (*held.names, "usage_monthly", "stripe_hours_read", "month_outcome"):
                assert _same(held, name), name
                (rows,) = connection.execute(f"select count(*) from pg_temp.{name}".encode()).fetchone() or ()
                assert rows > 0, name


def test_only_the_names_of_what_is_held_are_changed_in_a_select() -> None:
    held = HeldViews(None, ("tie_out",), ("month_outcome",))  # type: ignore[arg-type]  # it asks for nothing
    select = 'select * from fridge.tie_out join fridge."month_outcome" join fridge.tie_out_differences'
    expected = "select * from pg_temp.tie_out join pg_temp.month_outcome join fridge.tie_out_differences"
    assert held.instead(select) == expected
    assert (
        held.instead("from fridge.stg_tie_out, x.tie_out, 'fridge'") == "from fridge.stg_tie_out, x.tie_out, 'fridge'"
    )
