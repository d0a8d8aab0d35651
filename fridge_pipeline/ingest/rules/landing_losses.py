"""Losses in the landing zone: what was delivered where nobody loads it, or can no longer be seen, in words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fridge_pipeline.calendar.hour import ONE_HOUR, Hour
from fridge_pipeline.ingest.rules.stray import StrayNames, Strays
from fridge_pipeline.visible import counted

#: A gateway's clock may run ahead by this much before its folder is one of the future.
AHEAD_TOLERANCE = timedelta(minutes=5)

#: Hours with files of so many days are expected to be there still. Older ones may have been archived.
EXPECTED_DAYS = timedelta(days=7)

#: Files arrive in the newest hours, whatever became of the landing zone: they show nothing of it.
ARRIVING = ONE_HOUR

#: What the exceptions about strays are about, by name.
OUTSIDE, BELOW = "outside every landing hour", "in folders below a landing hour"


@dataclass(frozen=True, slots=True)
class HourAhead:
    """A landing hour that has not begun and has files; ``files`` is ``None`` where its folder cannot be listed."""

    hour: Hour
    files: int | None
    size_bytes: int = 0

    @property
    def told(self) -> str:
        """What a person is told of it."""
        held = f"{counted(self.files, 'file')} of {self.size_bytes} bytes" if self.files else "what cannot be listed"
        return (
            f"landing folder {self.hour.folder} has not begun and holds {held}: loaded only when it has, and billed in "
            "that hour. It is named in local time instead of UTC, or by a clock that is ahead"
        )


@dataclass(frozen=True, slots=True)
class LandingLosses:
    """What a look found: hours ``ahead``, ``strays``, and hours that had files and are ``gone`` with all others."""

    ahead: list[HourAhead] = field(default_factory=list)
    strays: Strays = field(default_factory=Strays)
    gone: list[Hour] = field(default_factory=list)


def is_ahead(hour: Hour, now: datetime) -> bool:
    """Whether a landing hour lies so far ahead that no clock of a working gateway names it."""
    return hour.start > now + AHEAD_TOLERANCE


def hours_gone(known: Collection[Hour], present: Collection[Hour], looked_at: datetime) -> list[Hour]:
    """All ``known`` hours when not one of them is present; none else: single hours may be archived.

    Known are those with loaded files of the last days before ``looked_at``. The newest, in which files arrive, count
    only where there are no others.
    """
    settled = [hour for hour in known if hour.end <= looked_at - ARRIVING]
    expected = sorted(settled or known)
    return [] if set(expected) & set(present) else expected


def gone_told(gone: list[Hour]) -> str:
    """What a person is told of a landing zone that is not the one that the books know."""
    return (
        f"no file is left in the landing zone of {counted(len(gone), 'hour')} that had loaded files in the last "
        f"{EXPECTED_DAYS.days} days, the newest {gone[-1].key}, so nothing that is delivered is seen: a lost mount, "
        "another folder, prefix or case in FRIDGE_LANDING_URI, or files that were all removed"
    )


def strays_told(names: StrayNames, subject: str) -> str:
    """What a person is told of files and folders that nobody loads."""
    more = f" and {names.count - len(names.first)} more" if names.count > len(names.first) else ""
    return f"{names.count} files or folders {subject}, which nobody loads: {', '.join(names.first)}{more}"
