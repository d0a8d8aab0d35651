"""Hours and ranges of hours, in UTC: the unit in which usage is counted, billed and proved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

KEY_FORMAT = "%Y-%m-%d-%H:00"  # no %M: Dagster takes whatever the format can read for a key of the grid
FOLDER_FORMAT = "%Y-%m-%d/%H"
ONE_HOUR = timedelta(hours=1)

#: When the last hour ends that a landing folder can name.
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class NotAnHourError(ValueError):
    """The text or time does not name a whole UTC hour."""


@dataclass(frozen=True, order=True, slots=True)
class Hour:
    """A half-open UTC hour ``[start, end)``; the Dagster partition; key ``2026-01-24-18:00``.

    Raises ``NotAnHourError`` when ``start`` is naive or not on a whole UTC hour.
    """

    start: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.start.utcoffset() != timedelta(0):
            raise NotAnHourError(f"an hour starts at a UTC time, got {self.start!r}")
        if (self.start.minute, self.start.second, self.start.microsecond) != (0, 0, 0):
            raise NotAnHourError(f"an hour starts on the full hour, got {self.start.isoformat()}")

    @classmethod
    def from_key(cls, key: str) -> Self:
        """The hour a partition key such as ``2026-01-24-18:00`` names."""
        return cls._parse(key, KEY_FORMAT, "a partition key such as 2026-01-24-18:00")

    @classmethod
    def from_folder(cls, folder: str) -> Self:
        """The landing hour a landing folder such as ``2026-01-24/18`` names."""
        return cls._parse(folder, FOLDER_FORMAT, "a landing folder such as 2026-01-24/18")

    @classmethod
    def containing(cls, moment: datetime) -> Self:
        """The hour in which a point in time lies."""
        return cls(moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0))

    @classmethod
    def from_unix(cls, seconds: int) -> Self:
        """The hour that starts at a unix time."""
        return cls(datetime.fromtimestamp(seconds, UTC))

    @classmethod
    def _parse(cls, text: str, form: str, expected: str) -> Self:
        try:
            parsed = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError as error:
            raise NotAnHourError(f"expected {expected}, got {text!r}") from error
        if parsed.strftime(form) != text:  # strptime also takes 2026-1-4, which no folder or key is
            raise NotAnHourError(f"expected {expected}, got {text!r}")
        return cls(parsed)

    @property
    def end(self) -> datetime:
        """The first instant that is no longer in the hour."""
        return _later(self.start, ONE_HOUR)

    @property
    def key(self) -> str:
        """The Dagster partition key."""
        return self.start.strftime(KEY_FORMAT)

    @property
    def folder(self) -> str:
        """The landing folder below the landing root."""
        return self.start.strftime(FOLDER_FORMAT)

    @property
    def compact(self) -> str:
        """The hour as it stands in a meter event identifier: ``2026012418``."""
        return self.start.strftime("%Y%m%d%H")

    def plus(self, hours: int) -> Hour:
        """The hour that many hours later (earlier when negative)."""
        return Hour(self.start + hours * ONE_HOUR)

    def closes_at(self, close_after: timedelta) -> datetime:
        """When the hour is closed: ``close_after`` has passed since its end."""
        return _later(self.end, close_after)

    def closed_at(self, moment: datetime, close_after: timedelta) -> bool:
        """Whether the hour is closed at that moment."""
        return moment >= self.closes_at(close_after)

    def __str__(self) -> str:
        return self.key


def _later(moment: datetime, wait: timedelta) -> datetime:
    return moment + wait if wait <= END_OF_TIME - moment else END_OF_TIME


def hours_between(first: Hour, last: Hour) -> list[Hour]:
    """Every hour from ``first`` to ``last``, both included; empty when ``last`` is before ``first``."""
    count = int((last.start - first.start) / ONE_HOUR) + 1
    return [first.plus(step) for step in range(max(count, 0))]


#: Hours in one run at most: a run of a week bounds what one failure can cost.
HOURS_PER_RUN_MAX = 168

#: Up to so many empty hours between two busy ones are cheaper to run along than a run of their own is: an empty
#: hour costs a run a few milliseconds and eight rows that Dagster keeps for ever, a run some tenths of a second.
GAP_HOURS_MAX = 6


@dataclass(frozen=True, order=True, slots=True)
class HourRange:
    """Consecutive hours from ``first`` to ``last``, both included."""

    first: Hour
    last: Hour

    def hours(self) -> list[Hour]:
        """Every hour of the range."""
        return hours_between(self.first, self.last)

    @property
    def count(self) -> int:
        """How many hours."""
        return int((self.last.start - self.first.start) / ONE_HOUR) + 1

    def __str__(self) -> str:
        return self.first.key if self.first == self.last else f"{self.first.key}...{self.last.key}"


def split_at(hours: HourRange, hour: Hour) -> tuple[HourRange | None, HourRange | None]:
    """The part of a range before an hour, and the part from that hour on; ``None`` for an empty part."""
    before = HourRange(hours.first, min(hours.last, hour.plus(-1))) if hours.first < hour else None
    after = HourRange(max(hours.first, hour), hours.last) if hours.last >= hour else None
    return before, after


def plan_ranges(
    hours: Iterable[Hour], hours_max: int = HOURS_PER_RUN_MAX, gap_max: int = GAP_HOURS_MAX
) -> list[HourRange]:
    """As few ranges as sensible that together hold all the given hours, in order.

    Neighbours at most ``gap_max`` hours apart share a range; no range holds more than ``hours_max`` hours.
    """
    return list(_ranges(sorted(set(hours)), hours_max, gap_max))


def _ranges(ordered: list[Hour], hours_max: int, gap_max: int) -> Iterator[HourRange]:
    current: HourRange | None = None
    for hour in ordered:
        if current is not None:
            grown = HourRange(current.first, hour)
            if HourRange(current.last, hour).count - 2 <= gap_max and grown.count <= hours_max:
                current = grown
                continue
            yield current
        current = HourRange(hour, hour)
    if current is not None:
        yield current
