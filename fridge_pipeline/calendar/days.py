"""Days and months, in UTC: days are compared with Stripe's books, months are closed and reported on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from fridge_pipeline.calendar.hours import Hour, HourRange

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


#: Of years that have four digits, as the months before and after them have.
_KEY = re.compile(r"(?!0|9999)(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])")


class NotAMonthError(ValueError):
    """A text that names no month; the message says how one is written."""


@dataclass(frozen=True, order=True, slots=True)
class Month:
    """A month by its first day; an hour belongs to the month in which it starts."""

    first_day: date

    def __post_init__(self) -> None:
        if self.first_day.day != 1:
            raise NotAMonthError(f"a month begins on the 1st, not on {self.first_day}")

    @classmethod
    def from_key(cls, key: str) -> Month:
        """The month of a key like ``2026-01``. Raises ``NotAMonthError``."""
        match = _KEY.fullmatch(key.strip())
        if match is None:
            raise NotAMonthError(f"{key!r} is not a month; write it like 2026-01")
        return cls(date(int(match["year"]), int(match["month"]), 1))

    @classmethod
    def containing(cls, moment: datetime) -> Month:
        """The UTC month of a moment."""
        return cls(moment.astimezone(UTC).date().replace(day=1))

    @property
    def key(self) -> str:
        """As people and file names write it, ``2026-01``."""
        return f"{self.first_day:%Y-%m}"

    @property
    def start(self) -> datetime:
        """The first moment."""
        return datetime(self.first_day.year, self.first_day.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return self.after.start

    @property
    def after(self) -> Month:
        """The next month."""
        return self.plus(1)

    @property
    def before(self) -> Month:
        """The month before."""
        return self.plus(-1)

    def plus(self, months: int) -> Month:
        """So many months later, or earlier."""
        count = self.first_day.year * 12 + self.first_day.month - 1 + months
        return Month(date(count // 12, count % 12 + 1, 1))

    @property
    def days(self) -> DayRange:
        """Its days."""
        return DayRange(self.first_day, self.after.first_day - ONE_DAY)

    @property
    def hours(self) -> HourRange:
        """Its hours, the first and the last one included."""
        return HourRange(Hour(self.start), Hour(self.end).plus(-1))

    def __str__(self) -> str:
        return self.key
