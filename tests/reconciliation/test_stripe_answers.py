"""What Stripe answered is kept as it answered, with the time of reading."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.reconciliation.reconciliation_record import Account
from fridge_pipeline.reconciliation.rules.side_by_side import Seen
from fridge_pipeline.reconciliation.stripe_answers import Answer, keep_answer
from tests.reconciliation.books import READINGS, Books


def sums(books: Books) -> list[tuple[Any, ...]]:
    """(hours after the first, quantity, when read)."""
    return books.pipeline.rows(
        "select (extract(epoch from hour - %s) / 3600)::int, quantity::int, read_at from fridge.stripe_sums"
        " where event_name = %s order by hour, sum_id",
        books.first.start,
        READINGS,
    )


def days_read(books: Books) -> list[tuple[Any, ...]]:
    """(by what, quantity) of the first hour's day, each time it was read."""
    return books.pipeline.rows(
        "select read_by, quantity::int from fridge.stripe_day_reads where event_name = %s and day = %s"
        " order by day_read_id",
        READINGS,
        day_of(books.first),
    )


def in_the_tie_out(books: Books) -> list[tuple[Any, ...]]:
    return books.pipeline.rows(
        "select stripe_quantity::int, stripe_read_at from fridge.tie_out where meter = %s order by hour", READINGS
    )


def six_days(books: Books) -> DayRange:
    """So many that they are read by the day; the last is that of the first hour."""
    return DayRange(day_of(books.first.plus(-24 * 5)), day_of(books.first))


def later(books: Books, hours: int = 7) -> datetime:
    books.pipeline.clock.advance(hours=hours)
    return books.pipeline.clock()


def test_a_sum_is_kept_once_while_it_stays_the_same_and_each_reading_with_its_time(books: Books) -> None:
    books.use(books.first, 5)
    books.use(books.first.plus(1), 3)
    once = later(books)
    books.reconcile()
    assert sums(books) == [(0, 5, once), (1, 3, once)]
    again = later(books)
    books.reconcile()
    assert sums(books) == [(0, 5, once), (1, 3, once)]
    books.pipeline.run_models(books.first)
    assert in_the_tie_out(books) == [(5, again), (3, again)]
    books.use(books.first, 7, name="late.csv")
    changed = later(books)
    books.reconcile()
    assert sums(books) == [(0, 5, once), (0, 11, changed), (1, 3, once)]
    assert days_read(books) == [("hour", 8), ("hour", 8), ("hour", 14)]
    assert in_the_tie_out(books) == [(11, changed), (3, changed)]


def test_an_hour_of_which_stripe_shows_nothing_any_more_is_one_of_nothing(books: Books) -> None:
    books.use(books.first, 5)
    once = later(books)
    books.reconcile()
    line, now = books.pipeline, later(books)
    account = Account("cohoes", CATALOGUE[0], (line.customers["cohoes"],))
    with line.database.connect() as connection, connection.transaction():
        answer = Answer(account.customer_ids[0], Seen.by_hour({}), books.days.days())
        keep_answer(connection, account, books.days, answer, now, "r")
    assert sums(books) == [(0, 5, once), (0, 0, now)]
    assert line.one("select sum(quantity)::int from fridge.newest_stripe_sums where event_name = %s", READINGS) == 0


def test_a_long_range_is_read_by_the_hour_where_it_never_was_and_by_the_day_from_then_on(books: Books) -> None:
    books.use(books.first, 5)
    once = later(books)
    assert books.reconcile(six_days(books)).reads == 2
    again = later(books)
    assert books.reconcile(six_days(books)).reads == 2
    assert days_read(books) == [("hour", 5), ("day", 5)]
    assert (once < again, sums(books)) == (True, [(0, 5, once)])


def test_with_few_reads_left_a_long_range_is_read_by_the_day_and_its_hours_are_not_read(books: Books) -> None:
    books.use(books.first, 5)
    later(books)
    assert books.reconcile(six_days(books), reads_max=7).reads == 2
    books.pipeline.run_models(books.first)
    assert (days_read(books), sums(books)) == ([("day", 5)], [])
    assert books.day_rows() == [(5, 5, 5, 0, None)]
    assert in_the_tie_out(books) == [(None, None)]


def test_hours_that_were_stated_anew_are_not_what_they_were_although_their_day_agrees(books: Books) -> None:
    books.use(books.first, 5)
    once = later(books)
    books.reconcile(six_days(books))
    later(books)
    books.use(books.first, 7, name="late.csv")
    later(books)
    assert books.reconcile(six_days(books), reads_max=6).reads == 2
    books.pipeline.run_models(books.first)
    assert days_read(books) == [("hour", 5), ("day", 11)]
    assert in_the_tie_out(books) == [(None, once)]
    now = later(books)
    books.reconcile(six_days(books))
    assert in_the_tie_out(books) == [(11, now)]


@pytest.mark.parametrize("table", ["stripe_sums", "stripe_day_reads"])
def test_nobody_changes_what_stripe_answered(books: Books, table: str) -> None:
    books.use(books.first, 5)
    books.reconcile()
    for change in (f"update fridge.{table} set quantity = 6", f"delete from fridge.{table}"):
        for database in (books.pipeline.database, books.pipeline.database.owned):
            with database.connect() as connection, pytest.raises(Exception, match=r"denied|append"):
                connection.execute(change.encode())
