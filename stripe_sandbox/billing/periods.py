"""Billing periods: the stretches that an anchor and an interval cut time into, all in UTC."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stripe_sandbox.billing.prices import Recurring

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True)
class AnchorConfig:
    """``billing_cycle_anchor_config``: the day of the month (31: the last one of short months) and a time in UTC."""

    day_of_month: int
    hour: int
    minute: int
    second: int
    month: int | None = None

    def first_after(self, moment: int) -> int:
        """The first moment of this description that is later than ``moment`` (unix seconds)."""
        at = datetime.fromtimestamp(moment, UTC)
        for ahead in range(26):
            year, month = _month_after(at.year, at.month, ahead)
            if self.month is None or self.month == month:
                day = min(self.day_of_month, monthrange(year, month)[1])
                found = datetime(year, month, day, self.hour, self.minute, self.second, tzinfo=UTC)
                if found.timestamp() > moment:
                    return int(found.timestamp())
        raise ValueError(f"no month of the next two years has the anchor {self}")


def boundary(anchor: int, recurring: Recurring, number: int, day: int | None = None) -> int:
    """The ``number``-th boundary from the anchor on (0: the anchor itself; negative ones lie before it).

    Months keep the anchor's day (or ``day`` of an anchor's description), and take their last one where it is missing.
    """
    at, count = datetime.fromtimestamp(anchor, UTC), recurring.interval_count * number
    if recurring.interval in _DAYS:
        return int((at + timedelta(days=_DAYS[recurring.interval] * count)).timestamp())
    year, month = _month_after(at.year, at.month, _MONTHS[recurring.interval] * count)
    wanted = min(day or at.day, monthrange(year, month)[1])
    return int(at.replace(year=year, month=month, day=wanted).timestamp())


def next_boundary(anchor: int, recurring: Recurring, moment: int, day: int | None = None) -> int:
    """The first boundary that is later than ``moment``."""
    shortest = {"day": 86_400, "week": 7 * 86_400, "month": 28 * 86_400, "year": 365 * 86_400}
    number = (moment - anchor) // (shortest[recurring.interval] * recurring.interval_count) + 1
    while boundary(anchor, recurring, number, day) > moment:
        number -= 1
    while boundary(anchor, recurring, number, day) <= moment:
        number += 1
    return boundary(anchor, recurring, number, day)


def _month_after(year: int, month: int, ahead: int) -> tuple[int, int]:
    months = year * 12 + month - 1 + ahead
    return months // 12, months % 12 + 1
