"""Ranges of UTC days: the unit in which our books are compared with Stripe's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.calendar.hour_range import HourRange

ONE_DAY = timedelta(days=1)
LAST_HOUR = time(23)


@dataclass(frozen=True, order=True, slots=True)
class DayRange:
    """Consecutive UTC days from ``first`` to ``last``, both included."""

    first: date
    last: date

    @property
    def count(self) -> int:
        """How many days."""
        return (self.last - self.first) // ONE_DAY + 1

    @property
    def hours(self) -> HourRange:
        """The hours of the days."""
        return HourRange(_hour(self.first, time(0)), _hour(self.last, LAST_HOUR))

    def days(self) -> list[date]:
        """Every day of the range."""
        return [self.first + step * ONE_DAY for step in range(self.count)]

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}...{self.last}"


def day_of(hour: Hour) -> date:
    """The UTC day in which an hour lies."""
    return hour.start.date()


def consecutive(days: Iterable[date]) -> list[DayRange]:
    """The fewest ranges that hold exactly the given days, in order."""
    ranges: list[DayRange] = []
    for day in sorted(set(days)):
        if ranges and ranges[-1].last + ONE_DAY == day:
            ranges[-1] = DayRange(ranges[-1].first, day)
        else:
            ranges.append(DayRange(day, day))
    return ranges


def _hour(day: date, at: time) -> Hour:
    return Hour(datetime.combine(day, at, UTC))
