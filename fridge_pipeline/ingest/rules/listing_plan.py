"""The listing plan: which landing folders a look at the landing zone lists, when it cannot list all of them.

A folder's own times change with every file that is added, removed or renamed in it. So an hour that was loaded,
and whose folder is what it was then, has no news; only a file that was rewritten in place can escape that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from fridge_pipeline.calendar.hour import Hour

#: A folder that changed so short a time ago may change again without showing it: times are as coarse as two seconds
#: on some file systems, and a file server's clock may be behind ours.
QUIET_AFTER = timedelta(seconds=10)

#: Of the folders without news, so many files are listed all the same where the folder changed last: uploads that are
#: under way are there.
NEWEST_FILES = 10_000

#: So many more are listed in turn, so that every rewritten file is found. Both together take about 0.1 s.
ROTATING_FILES = 30_000

#: Where each listing costs a request, so many of the newest hours that are not known to be loaded are listed at once.
#: The hours before the grid, which may be many and are never loaded, thus come last and cost no more than this.
NEW_HOURS_ASKED_FOR = 100


@dataclass(frozen=True, slots=True)
class FolderVersion:
    """What a landing folder's own entry shows: ``token`` changes with every file added, removed or renamed.

    ``look_files``: to list the folder, be it empty, costs as much as to list so many files. A store where this is not
    nothing keeps no versions: its token never changes, and news is found by the listings alone.
    """

    token: str
    changed_at: float
    look_files: int = 0

    def is_quiet(self, now: datetime) -> bool:
        """Whether the folder has not changed for so long that its next change is sure to show."""
        return self.changed_at < (now - QUIET_AFTER).timestamp()


@dataclass(frozen=True, slots=True)
class LoadedListing:
    """The listing of a landing hour when its files had been loaded.

    ``folder`` is the token of its folder when a later listing still was the loaded one; ``None`` when none was yet,
    or when the folder had only just changed.
    """

    fingerprint: str
    folder: str | None

    @property
    def file_count(self) -> int:
        """How many files were listed, which a fingerprint begins with; 0 where the folder could not be listed."""
        count = self.fingerprint.partition(":")[0]
        return int(count) if count.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class ListingPlan:
    """The hours to list, and the hour that the turn has come to: the next plan goes on after it."""

    hours: list[Hour]
    turn: Hour | None


def plan_listing(
    folders: Mapping[Hour, FolderVersion | None], loaded: Mapping[Hour, LoadedListing], after: Hour | None
) -> ListingPlan:
    """Every hour whose folder is not the loaded one; of the others the newest folders, and some in turn.

    An hour of more files than one turn takes is never looked at in turn: whoever lists all hours finds its news.
    """
    unchanged = {
        hour: version
        for hour, version in sorted(folders.items())
        if version is not None and hour in loaded and loaded[hour].folder == version.token
    }
    by_change = sorted(unchanged, key=lambda hour: unchanged[hour].changed_at, reverse=True)
    newest = _fitting(by_change, unchanged, loaded, NEWEST_FILES)
    in_turn = [hour for hour in unchanged if hour not in newest]
    if after is not None:
        in_turn.sort(key=lambda hour: (hour <= after, hour))
    rotating = _fitting(in_turn, unchanged, loaded, ROTATING_FILES)
    listed = _news(folders, unchanged) | newest.keys() | rotating.keys()
    return ListingPlan(sorted(listed), next(reversed(rotating), after))


def _news(folders: Mapping[Hour, FolderVersion | None], unchanged: Mapping[Hour, FolderVersion]) -> set[Hour]:
    """The hours whose folder is not the loaded one; where each costs a request, no more than the newest."""
    news = folders.keys() - unchanged.keys()
    asked_for = sorted(hour for hour in news if (version := folders[hour]) is not None and version.look_files)
    return news - set(asked_for[:-NEW_HOURS_ASKED_FOR])


def _fitting(
    hours: Iterable[Hour],
    versions: Mapping[Hour, FolderVersion],
    loaded: Mapping[Hour, LoadedListing],
    files_max: int,
) -> dict[Hour, None]:
    """The first hours, in order, that together hold no more files; an hour that alone holds more is left out."""
    fitting: dict[Hour, None] = {}
    files = 0
    for hour in hours:
        count = max(loaded[hour].file_count, versions[hour].look_files)
        if count > files_max:
            continue
        files += count
        if files > files_max:
            break
        fitting[hour] = None
    return fitting
