"""Months: what finance closes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from fridge_pipeline.calendar.days import Month, NotAMonthError


def test_a_month_holds_every_hour_that_starts_in_it_and_no_other() -> None:
    january = Month.from_key("2026-01")
    assert january.hours.count == 31 * 24
    assert january.hours.first.key == "2026-01-01-00:00"
    assert january.hours.last.key == "2026-01-31-23:00"


def test_months_follow_one_another_across_the_turn_of_the_year() -> None:
    december = Month.from_key("2025-12")
    assert december.after == Month.from_key("2026-01")
    assert december.after.before == december
    assert december.end == datetime(2026, 1, 1, tzinfo=UTC)
    assert Month.containing(datetime(2026, 1, 31, 23, 59, tzinfo=UTC)).key == "2026-01"


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-1", "January", "", "2026-01-01", "0001-01", "0999-12", "9999-01", "9999-12", "٢026-01"]
)
def test_what_names_no_month_is_refused_and_the_error_shows_how_one_is_written(text: str) -> None:
    with pytest.raises(NotAMonthError, match="2026-01"):
        Month.from_key(text)


def test_a_month_begins_on_its_first_day() -> None:
    with pytest.raises(NotAMonthError, match="2026-01-02"):
        Month(date(2026, 1, 2))
