"""When an undelivered hour is tried again: soon after a failure, less often the longer it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

#: So long after a failure at least, and at most; in between a quarter of the time that it has been going on. So after
#: an outage delivery waits for a quarter of its length, and a cause that stays costs four runs an hour.
WAIT_MIN = timedelta(minutes=2)
WAIT_MAX = timedelta(minutes=15)

#: Earlier attempts make the wait no longer.
ATTEMPTS_REMEMBERED = 6 * WAIT_MAX


def due_at(attempts: Iterable[datetime]) -> datetime | None:
    """When to try again what was tried in vain at these times; ``None`` is now."""
    known: Sequence[datetime] = sorted(attempts)
    if not known:
        return None
    return known[-1] + min(max((known[-1] - known[0]) / 4, WAIT_MIN), WAIT_MAX)
