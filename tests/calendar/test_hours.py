from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.calendar.hours import Hour, HourRange, NotAnHourError, hours_between, plan_ranges

EPOCH = Hour.from_key("2026-01-01-00:00")
HOURS = st.integers(0, 20_000).map(EPOCH.plus)


@given(HOURS)
def test_an_hour_is_the_same_by_key_by_folder_and_by_any_moment_in_it(hour: Hour) -> None:
    assert Hour.from_key(hour.key) == Hour.from_folder(hour.folder) == hour
    assert Hour.containing(hour.end - timedelta(microseconds=1)) == hour
    assert Hour.containing(hour.end) == hour.plus(1), "the end is no longer in the hour"
    assert Hour.from_unix(int(hour.start.timestamp())) == hour


@pytest.mark.parametrize(
    "key", ["2026-01-24-18", "2026-1-24-18:00", "2026-01-24-18:30", "2026-02-30-00:00", "2026-01-24 18:00", "", "x"]
)
def test_what_is_no_partition_key_is_refused_with_an_example(key: str) -> None:
    with pytest.raises(NotAnHourError, match=r"2026-01-24-18:00|full hour"):
        Hour.from_key(key)


def test_an_hour_of_another_time_zone_or_of_none_is_refused() -> None:
    for start in (datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))):  # noqa: DTZ001 # the point
        with pytest.raises(NotAnHourError):
            Hour(start)


def test_an_hour_closes_exactly_so_long_after_its_end() -> None:
    hour, wait = EPOCH, timedelta(minutes=5)
    assert not hour.closed_at(datetime(2026, 1, 1, 1, 4, 59, tzinfo=UTC), wait)
    assert hour.closed_at(datetime(2026, 1, 1, 1, 5, tzinfo=UTC), wait)


@given(st.sets(st.integers(0, 2_000).map(EPOCH.plus), max_size=60), st.integers(1, 200), st.integers(0, 10))
def test_ranges_hold_every_hour_once_and_none_is_too_long_or_bridges_too_much(
    hours: set[Hour], hours_max: int, gap_max: int
) -> None:
    ranges = plan_ranges(hours, hours_max, gap_max)
    held = [hour for each in ranges for hour in each.hours()]
    assert hours <= set(held)
    assert len(held) == len(set(held))
    assert held == sorted(held)
    for each in ranges:
        assert {each.first, each.last} <= hours, "a range begins and ends with an hour that was asked for"
        assert each.count <= hours_max
        inside = [hour for hour in each.hours() if hour in hours]
        assert all(HourRange(a, b).count - 2 <= gap_max for a, b in itertools.pairwise(inside))


def test_a_week_without_gaps_is_one_range_and_an_hour_more_makes_two() -> None:
    week = hours_between(EPOCH, EPOCH.plus(167))
    assert [each.count for each in plan_ranges(week)] == [168]
    assert [each.count for each in plan_ranges([*week, EPOCH.plus(168)])] == [168, 1]


def test_the_last_hour_that_a_folder_can_name_ends_and_closes_with_the_calendar() -> None:
    end_of_time = datetime.max.replace(tzinfo=UTC)
    last, before = Hour.from_folder("9999-12-31/23"), Hour.from_key("9999-12-31-22:00")
    assert (last.end, before.end) == (end_of_time, last.start)
    assert last.closes_at(timedelta(minutes=5)) == before.closes_at(timedelta(hours=2)) == end_of_time
    assert not last.closed_at(datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=5))
