"""A landing zone in an object store: S3 and all that speaks like it, Google Cloud Storage, Azure."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

from fridge_pipeline.adapters.landing.errors import (
    LandingFileChangedError,
    LandingFileVanishedError,
    LandingFolderError,
    LandingUriError,
    UnreadableFileError,
)
from fridge_pipeline.adapters.landing.snapshot import PLAIN_BYTES_MAX, Snapshot, take_snapshot
from fridge_pipeline.adapters.object_store.access import open_store, refusals, refuse_credentials
from fridge_pipeline.adapters.object_store.errors import StoreRefusedError, StoreUriError
from fridge_pipeline.domain.hour import Hour, NotAnHourError
from fridge_pipeline.domain.landing_file import LandingFile, is_landing_file, storable_path, system_path
from fridge_pipeline.domain.listing_plan import FolderVersion

if TYPE_CHECKING:
    from pathlib import Path

    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore
    from typing_extensions import Buffer

#: Objects in a page of a listing, which is what a request gives and costs.
PAGE_OBJECTS = 1_000

#: Bytes of an object that are fetched, and in memory, at a time.
PART_BYTES = 8 * 2**20

#: A look for hours asks what these have: the newest dates, some without a loaded hour, and some in turn.
NEWEST_DATES = 3
UNKNOWN_DATES = 10
DATES_IN_TURN = 10

#: An object store keeps no version of a folder: that a loaded hour has no news, only a listing can say.
NO_VERSION = "objects"

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DIGEST_BYTES = 16


class ObjectLanding:
    """The ``LandingZone`` below a prefix of a bucket: ``<prefix>/<YYYY-MM-DD>/<HH>/<any name>.<format>``.

    Objects elsewhere, deeper ones, and the empty ones that consoles show as folders are ignored.
    """

    def __init__(self, uri: str) -> None:
        require_place_only(uri)
        self._uri = uri.rstrip("/")

    @property
    def uri(self) -> str:
        """The landing root, without a slash at its end."""
        return self._uri

    @cached_property
    def _store(self) -> ObjectStore:
        with _landing_uri():
            return open_store(self._uri)

    def hours(self) -> dict[Hour, str]:
        """See ``LandingZone.hours``: one request per 1,000 objects, whatever hours they are in."""
        tallies: dict[str, _Tally] = {}
        try:
            for meta in self._listed(None):
                folder, _, name = meta["path"].rpartition("/")
                if is_landing_file(name):
                    tallies.setdefault(folder, _Tally()).add(name, meta)
        except StoreRefusedError as error:
            if error.code == "InvalidPath":  # then only the hour that has it cannot be listed
                return self._hours_one_by_one()
            raise LandingFolderError(self._uri, error.reason, error.advice) from None
        found = {_hour_of(folder): tally.fingerprint for folder, tally in tallies.items()}
        return {hour: found[hour] for hour in sorted(hour for hour in found if hour is not None)}

    def _hours_one_by_one(self) -> dict[Hour, str]:
        hours = sorted(hour for date in self._dates() for hour in self._hours_of(date))
        fingerprints = {hour: self.fingerprint(hour) for hour in hours}
        return {hour: fingerprint for hour, fingerprint in fingerprints.items() if fingerprint is not None}

    def folders(self, known: Collection[Hour] = (), after: Hour | None = None) -> dict[Hour, FolderVersion | None]:
        """See ``LandingZone.folders``: one request for the dates, and one for each date that is looked at.

        Of the other dates the ``known`` hours are given. An hour that is new on an old date is found when the date's
        turn comes, or by whoever asks for all ``hours``.
        """
        dates = self._dates()
        of_date: dict[str, set[Hour]] = {date: set() for date in dates}
        for hour in known:
            of_date.get(_date_of(hour), set()).add(hour)
        for date in _dates_to_look_at(dates, of_date, after):
            of_date[date] = set(self._hours_of(date))
        return {hour: version_of(hour) for hours in of_date.values() for hour in sorted(hours)}

    def fingerprint(self, hour: Hour) -> str | None:
        """See ``LandingZone.fingerprint``: one request per 1,000 objects."""
        tally = _Tally()
        try:
            for name, meta in self._scan(hour):
                tally.add(name, meta)
        except StoreRefusedError as error:
            return f"unlistable:{error.code}"
        return tally.fingerprint if tally.count else None

    def files(self, hour: Hour) -> list[LandingFile]:
        """See ``LandingZone.files``."""
        try:
            listing = sorted(self._scan(hour), key=lambda listed: listed[0])
        except StoreRefusedError as error:
            raise LandingFolderError(f"{self._uri}/{hour.folder}", error.reason, error.advice) from None
        return [
            LandingFile(storable_path(f"{hour.folder}/{name}"), hour, meta["size"], _version(meta))
            for name, meta in listing
        ]

    def snapshot(self, file: LandingFile, directory: Path, plain_bytes_max: int = PLAIN_BYTES_MAX) -> Snapshot:
        """See ``LandingZone.snapshot``; raises ``LandingFileChangedError`` as soon as it is another object."""
        with io.BufferedReader(_ObjectBytes(self._store, file), PART_BYTES) as stream:
            return take_snapshot(stream, directory, file.format, plain_bytes_max)

    def _dates(self) -> list[str]:
        return sorted(name for name in self._prefixes("") if _DATE.fullmatch(name))

    def _hours_of(self, date: str) -> list[Hour]:
        found = (_hour_of(prefix) for prefix in self._prefixes(date))
        return [hour for hour in found if hour is not None]

    def _prefixes(self, below: str) -> list[str]:
        try:
            with refusals():
                return list(self._store.list_with_delimiter(below)["common_prefixes"])
        except StoreRefusedError as error:
            raise LandingFolderError(f"{self._uri}/{below}".rstrip("/"), error.reason, error.advice) from None

    def _scan(self, hour: Hour) -> Iterator[tuple[str, ObjectMeta]]:
        """The landing files of the hour, in no order that every store keeps. Raises ``StoreRefusedError``."""
        for meta in self._listed(hour.folder):
            folder, _, name = meta["path"].rpartition("/")
            if folder == hour.folder and is_landing_file(name):
                yield name, meta

    def _listed(self, prefix: str | None) -> Iterator[ObjectMeta]:
        with refusals():
            for page in self._store.list(prefix, chunk_size=PAGE_OBJECTS):
                yield from page


@dataclass(slots=True)
class _Tally:
    """The fingerprint of a listing in whatever order it comes: the digests of its objects, summed."""

    count: int = 0
    _sum: int = field(default=0, repr=False)

    def add(self, name: str, meta: ObjectMeta) -> None:
        text = f"{name}\0{meta['size']}\0{_version(meta)}"
        self.count += 1
        self._sum += int.from_bytes(blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest())

    @property
    def fingerprint(self) -> str:
        return f"{self.count}:{self._sum % 2 ** (8 * _DIGEST_BYTES):032x}"


class _ObjectBytes(io.RawIOBase):
    """An object's bytes, as long as it is the object that was listed; a part of it at a time."""

    def __init__(self, store: ObjectStore, file: LandingFile) -> None:
        super().__init__()
        self._store = store
        self._file = file
        self._key = system_path(file.path)
        self._read_bytes = 0
        self._is_begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        room = memoryview(buffer).cast("B")
        if self._is_begun and self._read_bytes >= self._file.size:
            return 0
        part = self._part(min(len(room), PART_BYTES))
        self._is_begun = True
        self._read_bytes += len(part)
        room[: len(part)] = part
        return len(part)

    def _part(self, bytes_max: int) -> memoryview:
        end = min(self._read_bytes + bytes_max, self._file.size)
        try:
            with refusals():
                # An empty object has no range; asked for as a whole it still says whether it is the listed one.
                options: GetOptions = {"range": (self._read_bytes, end)} if end else {}
                answer = self._store.get(self._key, options=options)
                if _version(answer.meta) != self._file.version or answer.meta["size"] != self._file.size:
                    raise LandingFileChangedError(self._file.path)
                return memoryview(answer.bytes())
        except FileNotFoundError as error:
            raise LandingFileVanishedError(self._file.path) from error
        except StoreRefusedError as error:
            if error.code in ("InvalidRange", "416"):  # it has become shorter than the part that is asked for
                raise LandingFileChangedError(self._file.path) from None
            raise UnreadableFileError(f"cannot get the object: {error}") from None


def require_place_only(uri: str) -> None:
    """Raises ``LandingUriError`` when a landing URI carries credentials: it is shown in the UI, in logs and errors."""
    with _landing_uri():
        refuse_credentials(uri)


@contextmanager
def _landing_uri() -> Iterator[None]:
    try:
        yield
    except StoreUriError as error:
        raise LandingUriError(str(error)) from None


def _dates_to_look_at(dates: list[str], of_date: dict[str, set[Hour]], after: Hour | None) -> set[str]:
    newest = dates[-NEWEST_DATES:]
    unknown = [date for date in dates if not of_date[date]][-UNKNOWN_DATES:]
    turn = _date_of(after) if after is not None else ""
    in_turn = [date for date in dates if date >= turn] + [date for date in dates if date < turn]
    return {*newest, *unknown, *in_turn[:DATES_IN_TURN]}


def _date_of(hour: Hour) -> str:
    return hour.folder.partition("/")[0]


def _hour_of(folder: str) -> Hour | None:
    try:
        return Hour.from_folder(folder)
    except NotAnHourError:
        return None


def version_of(hour: Hour) -> FolderVersion:
    """The newest hours are those that change; and a listing costs a request, which could give a page of objects."""
    return FolderVersion(NO_VERSION, hour.end.timestamp(), look_files=PAGE_OBJECTS)


def _version(meta: ObjectMeta) -> str:
    """The entity tag, which some stores quote in one answer and not in another; else the time of writing."""
    tag = meta["e_tag"]
    return tag.removeprefix("W/").strip('"') if tag else meta["last_modified"].isoformat()
