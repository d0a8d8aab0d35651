"""Columns of daily usage as SVG paths. A day without data is a mark of its own and never a column of height 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from fridge_pipeline.finance.pages.cells import count, day

#: Heights are whole numbers out of this: the page stays small, and no eye sees more.
HEIGHT = 100
LEAST_HEIGHT = 2
#: Of the mark that says "no data": seen in a plot of a line's height, and no column in a large one.
GAP_HEIGHT_SMALL, GAP_HEIGHT_LARGE = 9, 3


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot: path of the columns, path of the days without data, what it shows in words, its highest value."""

    columns: str
    gaps: str
    words: str
    highest: int
    days: int


def daily_plot(what: str, by_day: Mapping[date, int], days: Sequence[date], gap_height: int = GAP_HEIGHT_SMALL) -> Plot:
    """A plot of one quantity over the days; each day is 10 wide, the plot ``HEIGHT`` high."""
    highest = max(by_day.values(), default=0)
    columns, gaps = [], []
    for place, each in enumerate(days):
        quantity = by_day.get(each)
        if quantity is None:
            gaps.append(f"M{place * 10 + 3} {HEIGHT}v-{gap_height}h4v{gap_height}z")
        else:
            height = max(round(quantity / highest * HEIGHT), LEAST_HEIGHT) if quantity > 0 else 0
            columns.append(f"M{place * 10 + 1} {HEIGHT}v-{height}h8v{height}z")
    return Plot("".join(columns), "".join(gaps), _in_words(what, by_day, days), highest, len(days))


def _in_words(what: str, by_day: Mapping[date, int], days: Sequence[date]) -> str:
    known = [each for each in days if each in by_day]
    if not known:
        return f"{what}: no data on any day"
    most, least = max(known, key=lambda each: by_day[each]), min(known, key=lambda each: by_day[each])
    missing = len(days) - len(known)
    without = f"; no data on {missing} of {len(days)} days" if missing else f"; data on all {len(days)} days"
    return (
        f"{what} by day: most {count(by_day[most])} on {day(most)}, "
        f"least {count(by_day[least])} on {day(least)}{without}"
    )
