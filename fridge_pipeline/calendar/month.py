"""A UTC calendar month: what finance closes, reports on and keeps evidence of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.calendar.hour_range import HourRange

_KEY = re.compile(r"(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])")


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
        if match is None or match["year"] == "0000":
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
        months = self.first_day.year * 12 + self.first_day.month
        return Month(date(months // 12, months % 12 + 1, 1))

    @property
    def before(self) -> Month:
        """The month before."""
        months = self.first_day.year * 12 + self.first_day.month - 2
        return Month(date(months // 12, months % 12 + 1, 1))

    @property
    def hours(self) -> HourRange:
        """Its hours, the first and the last one included."""
        return HourRange(Hour(self.start), Hour(self.end).plus(-1))

    def __str__(self) -> str:
        return self.key
