"""The plan of reads: what a reconciliation may ask Stripe, of which 30 days hold only so many. No clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from fridge_pipeline.calendar.days import ONE_DAY, DayRange
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP, PAGE_SIZE

#: A read holds a hundred sums, so that so many days cost no more by the hour than by the day. By the hour nothing
#: cancels out: too much in one hour and as much too little in another are equal in their day.
DAYS_BY_HOUR_MAX = PAGE_SIZE // 24

#: A morning takes a thirtieth of three quarters of what 30 days hold. The rest is for whoever asks: to close a month,
#: to read days again, to explain an hour.
SCHEDULED_SHARE = 3 / 4 / 30

#: One in so many of a run's reads is kept for customers without usage, however many there are with usage.
WITHOUT_USAGE_SHARE = 4

#: What nobody asks for reads a customer without usage again after so long.
WITHOUT_USAGE_EVERY = timedelta(days=7)


class Reading(Enum):
    """Why Stripe is read: it decides how much of it, and with how many of the reads that are left."""

    ASKED_FOR = "days that somebody asked for, all of them"
    SCHEDULED = "nobody asked: a share of the reads, and customers without usage once a week"
    UNREAD = "before a month is signed: what was not read, not since it changed, or differed"
    SHADOW = "also books of which nothing was ever stated: what others have stated"


@dataclass(frozen=True, slots=True)
class RangeRead:
    """That one sum was read of a range of days, and when."""

    days: DayRange
    read_at: datetime


def range_to_read(days: DayRange, last_used: date | None) -> DayRange:
    """The days that one sum of an account without usage is read for: these, and those before them that may change yet.

    All of them lie after ``last_used``, the last day before them of which usage is known.
    """
    first = min(days.first, days.last - OLDEST_TIMESTAMP + ONE_DAY)
    return DayRange(first if last_used is None else max(first, last_used + ONE_DAY), days.last)


def is_read(days: DayRange, newest: RangeRead | None) -> bool:
    """Whether an account without usage was read for these days, once they were over."""
    return (
        newest is not None
        and newest.days.first <= days.first
        and days.last <= newest.days.last
        and days.hours.last.end <= newest.read_at
    )


def is_due(days: DayRange, newest: RangeRead | None, now: datetime, reading: Reading) -> bool:
    """Whether an account without usage is to be read for these days now."""
    was_lately = newest is not None and now - newest.read_at < WITHOUT_USAGE_EVERY
    return not is_read(days, newest) and not (reading is Reading.SCHEDULED and was_lately)


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """What one reconciliation reads, before it begins. An account is a customer and a meter.

    ``left`` reads are left of the 30 days, and this run may make ``allowed`` of them, of which ``kept`` are for
    accounts without usage. ``with_usage``: those that had usage, or were stated any, in the days; ``without_usage``:
    all other mapped ones, of which ``due`` were not read for these days. ``unread_hours``: there are reads enough for
    every hour that was not read since it changed; else long ranges are read by the day.
    """

    left: int
    allowed: int
    kept: int
    with_usage: int
    without_usage: int
    due: int
    unread_hours: bool

    def __str__(self) -> str:
        how = "every hour" if self.unread_hours else "every day, and by the hour where a day differs"
        return (
            f"{self.allowed:,} of {self.left:,} reads that are left; {self.with_usage:,} accounts with usage: {how}; "
            f"{self.without_usage:,} without, {self.due:,} of them due: one read each"
        )


@dataclass(frozen=True, slots=True)
class Accounts:
    """How many accounts there are, as ``ReadingPlan`` names them."""

    with_usage: int
    without_usage: int
    due: int


def plan_reads(accounts: Accounts, days: int, left: int, reads_max: int, reading: Reading) -> ReadingPlan:
    """The plan for so many days, with so many reads ``left`` of the ``reads_max`` of 30 days.

    An account with usage costs a read at least, one without exactly one, however many days.
    """
    left = max(left, 0)
    allowed = min(left, int(reads_max * SCHEDULED_SHARE)) if reading is Reading.SCHEDULED else left
    by_hour = accounts.with_usage * -(-days * 24 // PAGE_SIZE)
    spare = max(allowed - accounts.with_usage, -(-allowed // WITHOUT_USAGE_SHARE))
    return ReadingPlan(
        left=left,
        allowed=allowed,
        kept=min(accounts.due, spare),
        with_usage=accounts.with_usage,
        without_usage=accounts.without_usage,
        due=accounts.due,
        unread_hours=by_hour <= allowed // 2,
    )
