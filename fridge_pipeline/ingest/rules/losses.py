"""What lies outside every landing hour, and what was delivered where nobody loads it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from fridge_pipeline.calendar.hours import ONE_HOUR, Hour, NotAnHourError
from fridge_pipeline.ingest.rules.landing_files import is_landing_file
from fridge_pipeline.visible import counted

#: So many are shown; the rest is a number.
SHOWN_MAX = 10

#: What file systems and shares make in their own root, which nobody delivered.
NOT_DELIVERED = frozenset({"lost+found", "$RECYCLE.BIN", "System Volume Information", "@eaDir", "#recycle"})


@dataclass(slots=True)
class StrayNames:
    """The first names in their order, and how many there are; folders have a slash behind them."""

    first: list[str] = field(default_factory=list)
    count: int = 0
    _last: str = field(default="", repr=False, compare=False)

    def add(self, name: str) -> None:
        """One more; the objects of a folder, which come one after the other, are one folder."""
        if name != self._last and name not in self.first:
            self.count += 1
            self.first = sorted([*self.first, name])[:SHOWN_MAX]
        self._last = name


@dataclass(slots=True)
class Strays:
    """What a look at a landing zone sees on its way of what lies where no landing file may, by the place it lies in.

    A place is the root (an empty text), a date's folder or an hour's: ``looked_at`` are those that the look saw all of,
    and ``sees_all`` says that it saw all of every place. ``again`` are places that it is asked to look at.
    """

    found: dict[str, StrayNames] = field(default_factory=dict)
    looked_at: set[str] = field(default_factory=set)
    dates: set[str] = field(default_factory=set)
    sees_all: bool = False
    again: frozenset[str] = frozenset()

    def add(self, path: str, *, is_folder: bool) -> None:
        """Takes in what lies at a path (relative to the root) where no landing file may: its first part out of place.

        What announces itself as unfinished is left out, and so is what lies in folders that do.
        """
        parts = path.split("/")
        if parts[0] in NOT_DELIVERED or not all(is_landing_file(part) for part in parts):
            return
        depth = 1 if not is_date_folder(parts[0]) else 2 if not _is_hour_folder("/".join(parts[:2])) else 3
        depth = min(depth, len(parts))
        name = "/".join(parts[:depth]) + ("/" if is_folder or depth < len(parts) else "")
        self.found.setdefault("/".join(parts[: depth - 1]), StrayNames()).add(name)

    def is_over(self, place: str | None) -> bool:
        """Whether nothing lies in a place any more, as far as this look can say; ``None`` is told otherwise now."""
        if place is None:
            return True
        is_gone = "" in self.looked_at and place != "" and place.partition("/")[0] not in self.dates
        return place not in self.found and (self.sees_all or place in self.looked_at or is_gone)

    def names(self) -> StrayNames:
        """All of them."""
        first = sorted(name for names in self.found.values() for name in names.first)
        return StrayNames(first[:SHOWN_MAX], sum(names.count for names in self.found.values()))


def is_date_folder(name: str) -> bool:
    """Whether a folder of this name in the root may hold landing hours."""
    return _is_hour_folder(f"{name}/00")


def _is_hour_folder(path: str) -> bool:
    try:
        Hour.from_folder(path)
    except NotAnHourError:
        return False
    return True


#: A gateway's clock may run ahead by this much before its folder is one of the future.
AHEAD_TOLERANCE = timedelta(minutes=5)

#: Hours with files of so many days are expected to be there still. Older ones may have been archived.
EXPECTED_DAYS = timedelta(days=7)

#: Files arrive in the newest hours, whatever became of the landing zone: they show nothing of it.
ARRIVING = ONE_HOUR

#: What the exceptions about strays are about, by name; below an hour it is the hour's own exception.
OUTSIDE, BELOW = "outside every landing hour", "in folders below the landing hour"
_OF_DATE = f"{OUTSIDE} of "


def stray_subject(place: str) -> tuple[Hour | None, str]:
    """The hour and the subject of the exception about the strays in a place."""
    if "/" in place:
        return Hour.from_folder(place), BELOW
    return None, f"{_OF_DATE}{place}" if place else OUTSIDE


def stray_place(hour: Hour | None, subject: str) -> str | None:
    """The place that such an exception is about; ``None`` for one that an earlier version opened."""
    if hour is not None:
        return hour.folder
    if subject == OUTSIDE:
        return ""
    return subject.removeprefix(_OF_DATE) if subject.startswith(_OF_DATE) else None


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


#: The canary's batch has this name in every landing zone, so it is no sign of any.
CANARY_FILE = "canary.csv"


class Shown(Enum):
    """What the folder of a landing hour shows of the files that were loaded from it."""

    KEPT = auto()
    REWRITTEN = auto()  # their names, and not one as it was loaded
    REPLACED = auto()
    GONE = auto()


@dataclass(frozen=True, slots=True)
class KnownHour:
    """A landing hour of which so many files were listed, and loaded, with the fingerprint of that listing."""

    hour: Hour
    fingerprint: str
    file_count: int

    def shown(self, loaded: Collection[str], present: Collection[str]) -> Shown | None:
        """Kept as long as half of them are there, of all paths ``loaded`` ever; ``None`` where nothing says so.

        What was loaded before and taken away since is not expected. A file that is replaced keeps its path.
        """
        canary = f"{self.hour.folder}/{CANARY_FILE}"
        expected = self.file_count - (canary in loaded)
        if expected == 0:
            return None
        left, others = len({*present} & {*loaded} - {canary}), {*present} - {*loaded, canary}
        if 2 * left >= expected:
            return Shown.KEPT
        return Shown.REPLACED if others else Shown.GONE


@dataclass(frozen=True, slots=True)
class Replaced:
    """The ``hours`` that show other files than were loaded; ``nothing_kept`` says that no known hour shows its own."""

    hours: list[Hour]
    known: int
    nothing_kept: bool

    def holds(self, hour: Hour) -> bool:
        """Whether nothing new is loaded of an hour until a person has looked."""
        return self.nothing_kept or hour in self.hours

    @property
    def told(self) -> str:
        """What a person is told of it."""
        newest = self.hours[-1].key
        here = (
            f"{counted(len(self.hours), 'hour')} of the {self.known} that were loaded last, the newest {newest}, "
            f"{'holds' if len(self.hours) == 1 else 'hold'} other files in place of those that were loaded"
        )
        if self.nothing_kept:
            return (
                f"{here}, and none of the {self.known} shows its own, so this is another landing zone and nothing of "
                "it is loaded: correct FRIDGE_LANDING_URI or the mount, or settle this if it is meant"
            )
        return f"{here}, so nothing new of them is loaded: put these back, or settle this if it is meant"


#: Fewer hours that are known, or rewritten, say nothing: somebody may have corrected them.
KNOWN_MIN, REWRITTEN_MIN = 3, 2


def rewritten_hours(shown: Mapping[Hour, Shown | None]) -> list[Hour]:
    """The hours whose files were all rewritten, the newest first, where no hour shows a file as it was loaded.

    Then it may be another landing zone with the same names; its content says.
    """
    hours = sorted((hour for hour, each in shown.items() if each is Shown.REWRITTEN), reverse=True)
    is_any_kept = bool({None, Shown.KEPT} & {*shown.values()})
    return [] if is_any_kept or len(shown) < KNOWN_MIN or len(hours) < REWRITTEN_MIN else hours


def replaced_hours(shown: Mapping[Hour, Shown | None]) -> Replaced | None:
    """Whether the known hours show another landing zone's files; ``None`` when not.

    That single hours lose their files, or one gets others, is ordinary; two at once are not, nor is one when no other
    hour shows its files.
    """
    hours = sorted(hour for hour, each in shown.items() if each is Shown.REPLACED)
    nothing_kept = not {None, Shown.KEPT} & {*shown.values()}
    if not hours or len(shown) == 1 or (len(hours) == 1 and not nothing_kept):
        return None
    return Replaced(hours, len(shown), nothing_kept)


@dataclass(frozen=True, slots=True)
class LandingLosses:
    """What a look found: hours ``ahead``, ``strays``, hours ``gone`` with all others, files ``replaced`` by others."""

    ahead: list[HourAhead] = field(default_factory=list)
    strays: Strays = field(default_factory=Strays)
    gone: list[Hour] = field(default_factory=list)
    replaced: Replaced | None = None


def is_ahead(hour: Hour, now: datetime) -> bool:
    """Whether a landing hour lies so far ahead that no clock of a working gateway names it."""
    return hour.start > now + AHEAD_TOLERANCE


def hours_gone(known: Collection[Hour], present: Collection[Hour], looked_at: datetime) -> list[Hour]:
    """All ``known`` hours when not one of them is present; none else: single hours may be archived.

    Known are those with loaded files of the last days before ``looked_at``. The newest, in which files arrive, count
    only where there are no others.
    """
    expected = sorted(expected_hours(known, looked_at))
    return [] if set(expected) & set(present) else expected


def expected_hours(known: Collection[Hour], looked_at: datetime) -> Collection[Hour]:
    """Those in which no files arrive any more; all of them where there are no others."""
    return [hour for hour in known if hour.end <= looked_at - ARRIVING] or known


def gone_told(gone: list[Hour]) -> str:
    """What a person is told of a landing zone that is not the one that the books know."""
    return (
        f"no file is left in the landing zone of {counted(len(gone), 'hour')} that had loaded files in the last "
        f"{EXPECTED_DAYS.days} days, the newest {gone[-1].key}, so nothing that is delivered is seen: a lost mount, "
        "another folder, prefix or case in FRIDGE_LANDING_URI, or files that were all removed"
    )


def strays_told(names: StrayNames, place: str) -> str:
    """What a person is told of files and folders that nobody loads."""
    subject = stray_subject(place)[1]
    more = f" and {names.count - len(names.first)} more" if names.count > len(names.first) else ""
    what = "a file or folder" if names.count == 1 else f"{names.count} files or folders"
    return f"{what} {subject}, which nobody loads: {', '.join(names.first)}{more}"
