"""Alerts: when one is sent, sent again and sent as over; what is remembered between two scans."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from fridge_pipeline.calendar.hours import Hour

#: What goes on is sent again after so long.
REPEAT_AFTER = timedelta(days=1)

#: More of the same is news, but not more often than this: a thousand exceptions are no thousand messages.
NEWS_AFTER = timedelta(hours=1)

#: A person can act on so few; the rest is a number.
SHOWN_MAX = 5


class Family(StrEnum):
    """What is scanned together: what could not be scanned is not over either (missing is not zero)."""

    RUNS = "runs"
    EXCEPTIONS = "exceptions"
    UNMAPPED = "unmapped"
    STALE = "stale"
    DRAFTS = "drafts"
    LANDING = "landing"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Alert:
    """A state that somebody must know of. ``subject`` tells it from others of its family.

    ``title`` is one line; ``text`` has the numbers, what to do next and the command. ``newest_at`` is when the newest
    part of it came up, where more of the same is worth a message. ``since`` is when the oldest part that still holds
    came up: what was sent before that is over, and this is sent at once.
    """

    family: Family
    subject: str
    title: str
    text: str
    newest_at: datetime | None = None
    since: datetime | None = None

    @property
    def key(self) -> str:
        """Two sightings with the same key are the same state."""
        return f"{self.family.value}:{self.subject}"


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """A state that was sent to a channel, and not yet sent as over."""

    key: str
    title: str
    first_sent_at: datetime
    last_sent_at: datetime
    newest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Notification:
    """What is to be sent to a channel now."""

    alerts: tuple[Alert, ...]
    ended: tuple[OpenAlert, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not self.alerts and not self.ended

    @property
    def subject(self) -> str:
        """One line for the head of a message."""
        first = self.alerts[0].title if self.alerts else f"over: {self.ended[0].title}"
        others = len(self.alerts) + len(self.ended) - 1
        return f"Fridge billing: {first}" + (f" (and {others} more)" if others else "")

    @property
    def text(self) -> str:
        """The whole message."""
        parts = [f"{alert.title}\n{alert.text}" for alert in self.alerts]
        parts += [f"Over: {each.title}\nIt was first sent at {_moment(each.first_sent_at)}." for each in self.ended]
        return "\n\n".join(parts)


def next_notification(
    alerts: Iterable[Alert], open_alerts: Sequence[OpenAlert], scanned: AbstractSet[Family], now: datetime
) -> Notification:
    """What is new, what goes on for a day since it was sent, and what is over among the scanned families."""
    current = {alert.key: alert for alert in alerts}
    known = {each.key: each for each in open_alerts}
    due = [alert for key, alert in current.items() if key not in known or _is_due(alert, known[key], now)]
    families = {family.value for family in scanned}
    ended = [each for each in open_alerts if each.key not in current and each.key.partition(":")[0] in families]
    return Notification(tuple(due), tuple(ended))


def _is_due(alert: Alert, sent: OpenAlert, now: datetime) -> bool:
    since = abs(now - sent.last_sent_at)  # of a time to come, where the clock was ahead: that mutes nothing for longer
    if since >= REPEAT_AFTER or (alert.since is not None and alert.since > sent.last_sent_at):
        return True
    if alert.newest_at is None or sent.newest_at is None:
        return False
    return alert.newest_at > sent.newest_at and since >= NEWS_AFTER


def first_few(names: Sequence[str]) -> str:
    """The first names, and how many others there are."""
    shown = ", ".join(names[:SHOWN_MAX])
    return shown if len(names) <= SHOWN_MAX else f"{shown} and {len(names) - SHOWN_MAX} more"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


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
        """Since when the hours that are undelivered now have been; no later than now, whatever the clock was."""
        oldest = sorted(undelivered)[:HOURS_MAX]
        return {hour: min(self.undelivered_since.get(hour, now), now) for hour in oldest}

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
