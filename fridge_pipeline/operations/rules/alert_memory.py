"""What the looks for alerts remember from one to the next: since when something is as it is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from fridge_pipeline.calendar.hour import Hour

#: Hours remembered at most, the oldest: an alert shows a few, and the rest has its turn.
HOURS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class AlertMemory:
    """Since when hours are seen undelivered, and since when the canary is flown.

    The books do not say since when: an hour of last month may have become undelivered a minute ago, by a late file.
    """

    undelivered_since: dict[Hour, datetime] = field(default_factory=dict)
    canary_since: datetime | None = None

    def seen(self, undelivered: Iterable[Hour], now: datetime) -> dict[Hour, datetime]:
        """Since when the hours that are undelivered now have been."""
        oldest = sorted(undelivered)[:HOURS_MAX]
        return {hour: self.undelivered_since.get(hour, now) for hour in oldest}

    def to_text(self) -> str:
        """As a sensor's cursor keeps it."""
        return json.dumps(
            {
                "undelivered_since": {hour.key: since.isoformat() for hour, since in self.undelivered_since.items()},
                "canary_since": self.canary_since.isoformat() if self.canary_since else None,
            }
        )

    @classmethod
    def from_text(cls, text: str | None) -> Self:
        """What a cursor holds; one that is empty, or that a person has set to something else, begins anew."""
        try:
            found = json.loads(text or "{}")
            since = found.get("canary_since")
            return cls(
                {
                    Hour.from_key(key): datetime.fromisoformat(moment)
                    for key, moment in found.get("undelivered_since", {}).items()
                },
                datetime.fromisoformat(since) if since else None,
            )
        except (ValueError, AttributeError, TypeError):
            return cls()
