"""Which names are landing files, which folders a look lists, and which files a shard loads.

A folder's own times change with every file that is added, removed or renamed in it. So an hour that was loaded,
and whose folder is what it was then, has no news; only a file that was rewritten in place can escape that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.rules.source import Source

#: So many rejected rows of a file are kept one by one, the first; the others are counted by reason. A few kB can unpack
#: to millions of them, and nobody reads more than these.
REJECTED_KEPT_MAX = 10_000

UNFINISHED_PREFIXES = (".", "_")
UNFINISHED_SUFFIXES = (".tmp", ".part")

_UNDECODABLE_BYTE = re.compile("[\udc80-\udcff]")  # how Python shows a byte that is not UTF-8 (PEP 383)
_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2})")


class FileFormat(StrEnum):
    """What the suffix of a landing file promises about its bytes."""

    PARQUET = "parquet"
    CSV = "csv"
    CSV_GZ = "csv.gz"
    NDJSON = "ndjson"
    NDJSON_GZ = "ndjson.gz"

    @property
    def is_gzip(self) -> bool:
        """Whether the file as a whole is a gzip stream (parquet compresses inside itself)."""
        return self in (FileFormat.CSV_GZ, FileFormat.NDJSON_GZ)

    @classmethod
    def of(cls, name: str) -> FileFormat | None:
        """The format a file name promises, upper or lower case; None for a suffix we cannot read."""
        lowered = name.lower()
        return next((known for known in cls if lowered.endswith(f".{known.value}")), None)


@dataclass(frozen=True, slots=True)
class LandingFile:
    """One batch of raw readings as a gateway delivered it, as the listing of its folder shows it.

    ``path`` is relative to the landing root, ``2026-01-24/18/name.csv.gz``, and is plain text that a
    database can store (see ``storable_path``). ``size`` counts bytes as delivered, and ``version`` is
    whatever the store changes when the content may have changed: the modification time in nanoseconds of
    a local file, the entity tag of an object. ``inode`` is which file of its disk a local one is, None for what is no
    regular file, and for objects. ``source`` says how to read it; None where it has the canonical columns.
    """

    path: str
    landing_hour: Hour
    size: int
    version: str
    inode: int | None = None
    source: Source | None = None

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return self.path.rpartition("/")[2]

    @property
    def path_below_hour(self) -> str:
        """Its path below the folder of its hour."""
        return self.path.removeprefix(f"{self.landing_hour.folder}/")

    @property
    def format(self) -> FileFormat | None:
        """The format the name promises; None when it is none of ours, so that the file is unreadable."""
        return FileFormat.of(self.name)


def is_landing_file(name: str) -> bool:
    """Whether a file of this name in a landing folder has been delivered.

    Only names that announce themselves as unfinished (``.x``, ``_x``, ``x.tmp``, ``x.part``) are not there
    yet. A name of an unknown format, such as ``readings.xlsx``, *is* a landing file: somebody delivered it
    and must hear that it cannot be read, because nothing vanishes.
    """
    return not name.startswith(UNFINISHED_PREFIXES) and not name.lower().endswith(UNFINISHED_SUFFIXES)


def storable_path(path: str) -> str:
    r"""A path as the operating system gives it, as valid UTF-8 text without loss.

    Bytes that are not UTF-8 (lone surrogates in Python) become ``\xNN`` and a backslash becomes ``\\``; all
    other names stay as they are. ``system_path`` is the inverse.
    """
    doubled = path.replace("\\", "\\\\")
    return _UNDECODABLE_BYTE.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", doubled)


def system_path(path: str) -> str:
    r"""The path as the operating system knows it, from the text that ``storable_path`` made."""
    return _ESCAPE.sub(lambda escape: _unescaped(escape[1]), path)


def _unescaped(escaped: str) -> str:
    return "\\" if escaped == "\\" else chr(0xDC00 + int(escaped[1:], 16))


@dataclass(frozen=True, slots=True)
class Listing:
    """One look at an hour's folder: its fingerprint as in ``LandingZone.hours``, and its landing files by name."""

    fingerprint: str | None
    files: list[LandingFile]


#: A folder that changed so short a time ago may change again without showing it: times are as coarse as two seconds
#: on some file systems, and a file server's clock may be behind ours.
QUIET_AFTER = timedelta(seconds=10)

#: Of the folders without news, so many files are listed all the same where the folder changed last: uploads that are
#: under way are there.
NEWEST_FILES = 10_000

#: So many more are listed in turn, so that every rewritten file is found. Both together take about 0.1 s.
ROTATING_FILES = 30_000

#: The same where a listing costs a request for each page: a tick without news then takes twenty, the dates included.
NEWEST_PAGES = 6
ROTATING_PAGES = 5

#: Where each listing costs a request, so many of the newest hours that are not known to be loaded are listed at once.
#: The hours before the grid, which may be many and are never loaded, thus come last and cost no more than this.
NEW_HOURS_ASKED_FOR = 100


@dataclass(frozen=True, slots=True)
class FolderVersion:
    """What a landing folder's own entry shows: ``token`` changes with every file added, removed or renamed.

    ``look_files``: so many files are a page of a listing, and each page, be it empty, costs a request. A store where
    this is not nothing keeps no versions: its token never changes, and news is found by the listings alone.
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
    newest = _fitting(by_change, unchanged, loaded, NEWEST_FILES, NEWEST_PAGES)
    in_turn = [hour for hour in unchanged if hour not in newest]
    if after is not None:
        in_turn.sort(key=lambda hour: (hour <= after, hour))
    rotating = _fitting(in_turn, unchanged, loaded, ROTATING_FILES, ROTATING_PAGES)
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
    pages_max: int,
) -> dict[Hour, None]:
    """The first hours, in order, that together cost no more; an hour that alone holds more files is left out."""
    fitting: dict[Hour, None] = {}
    spent = 0.0
    for hour in hours:
        count, page = loaded[hour].file_count, versions[hour].look_files
        if count > files_max:
            continue
        spent += max(-(-count // page), 1) / pages_max if page else count / files_max
        if spent > 1 and fitting:
            break
        fitting[hour] = None
    return fitting


#: More runs than this would wait for one another, or for the database, and not for files.
SHARDS_MAX = 64

_TEXT = re.compile(r"([0-9]{1,3})/([0-9]{1,3})")


class NotAShardError(ValueError):
    """The text names no shard."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard ``number`` of ``count``, counted from 1: that share of an hour's files, by bytes, neighbours together.

    Of one listing every file falls to exactly one of ``count`` shards. When files land between two listings, one at
    the edge may fall to two shards, which load it once, or to none, which leaves it to the hour's usual run. A file is
    never divided. Raises ``NotAShardError`` for numbers out of range.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count <= SHARDS_MAX:
            raise NotAShardError(f"a shard is 1/1 to {SHARDS_MAX}/{SHARDS_MAX}, got {self}")

    @classmethod
    def from_text(cls, text: str) -> Shard:
        """The shard that ``2/4`` names. Raises ``NotAShardError``."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise NotAShardError(f"a shard is written as 2/4, got {text!r}")
        return cls(int(found[1]), int(found[2]))

    def of(self, files: Sequence[LandingFile]) -> list[LandingFile]:
        """The shard's share of an hour's files, which come in one order whoever lists them."""
        weights = [file.size + 1 for file in files]  # empty ones are shared out too
        total = sum(weights)
        return [
            file
            for file, weight, end in zip(files, weights, accumulate(weights), strict=True)
            if (2 * end - weight) * self.count // (2 * total) == self.number - 1  # where its middle byte falls
        ]

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
