"""Ranges of hours: a backfill of many hours runs as few runs as possible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fridge_pipeline.calendar.hour import ONE_HOUR, Hour, hours_between

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
