"""Retention: for how long readings are kept, and which hours are sealed once older ones are dropped.

Readings are dropped by whole months of ``recorded_at``. What is older than the kept ones is never stored again: a
landing file that brings it is told so, row by row, and nothing counts twice.
"""

from __future__ import annotations

from datetime import UTC, datetime

from fridge_pipeline.calendar.hour import Hour

#: Readings are kept for at least so many whole months besides the current one, so that no hour that Stripe still
#: accepts (35 days) is ever sealed.
KEEP_MONTHS_MIN = 2


def first_month_to_keep(now: datetime, keep_months: int) -> datetime:
    """Start of the oldest month to keep: the current month, and so many before it."""
    today = now.astimezone(UTC)
    months = today.year * 12 + today.month - 1 - keep_months
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def next_month(month: datetime) -> datetime:
    """Start of the month after the one that starts then."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def first_open_hour(kept_from: datetime) -> Hour:
    """The first landing hour that can still get readings that are kept, when those before ``kept_from`` are not.

    Earlier ones are sealed: their last reading may be five minutes after their end, which is before ``kept_from``. So
    whatever lands in them is rejected, and their usage can no longer change.
    """
    return Hour(kept_from).plus(-1)
