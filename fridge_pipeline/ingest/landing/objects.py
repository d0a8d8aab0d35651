"""A landing zone in an object store: S3 and all that speaks like it, Google Cloud Storage, Azure."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from fridge_pipeline.calendar.hours import Hour, NotAnHourError
from fridge_pipeline.ingest.landing.landing_errors import (
    LandingFolderError,
    LandingRootGoneError,
    LandingUriError,
)
from fridge_pipeline.ingest.landing.object_bytes import PART_BYTES, ObjectBytes, version_of_object
from fridge_pipeline.ingest.landing.object_tally import ListedObject, ObjectTally, fingerprint_of
from fridge_pipeline.ingest.landing.odd_keys import OddKeys
from fridge_pipeline.ingest.landing.private_copy import PLAIN_BYTES_MAX, Snapshot, take_snapshot
from fridge_pipeline.ingest.object_store.store import (
    StoreRefusedError,
    StoreUriError,
    objects_below,
    open_store,
    refusals,
    refuse_credentials,
)
from fridge_pipeline.ingest.rules.landing_files import (
    FolderVersion,
    LandingFile,
    Listing,
    is_landing_file,
    storable_path,
)
from fridge_pipeline.ingest.rules.losses import Strays, is_date_folder
from fridge_pipeline.ingest.rules.source import Source, source_of

if TYPE_CHECKING:
    from pathlib import Path

    from obstore import ObjectMeta
    from obstore.store import ObjectStore

Taken = TypeVar("Taken")

#: Objects in a page of a listing, which is what a request gives and costs.
PAGE_OBJECTS = 1_000

#: A look for hours asks what these have: the newest dates, some without a loaded hour, and some in turn.
NEWEST_DATES = 3
UNKNOWN_DATES = 10
DATES_IN_TURN = 2

#: Of so many folders in one place that are no hour's it is asked whether they hold anything; more are taken to.
OTHERS_ASKED_FOR = 20

#: An object store keeps no version of a folder: that a loaded hour has no news, only a listing can say.
NO_VERSION = "objects"


class ObjectLanding:
    """The ``LandingZone`` below a prefix of a bucket: ``<prefix>/<YYYY-MM-DD>/<HH>/<any name>.<format>``.

    Objects elsewhere and deeper ones are strays, except empty ones, which consoles show as folders, and deeper ones
    that a source's pattern names.
    """

    def __init__(self, uri: str, sources: Sequence[Source] = ()) -> None:
        require_location_only(uri)
        self._uri = uri.rstrip("/")
        self.sources = sources

    @property
    def uri(self) -> str:
        """The landing root, without a slash at its end."""
        return self._uri

    @cached_property
    def _store(self) -> ObjectStore:
        with _landing_uri():
            return open_store(self._uri)

    def hours(self, strays: Strays | None = None) -> dict[Hour, str]:
        """See ``LandingZone.hours``: one request per 1,000 objects, whatever hours they are in."""
        seen = strays or Strays()
        tallies: dict[Hour, ObjectTally] = {}
        try:
            for meta in self._listed(None):
                date, _, rest = meta["path"].partition("/")
                of_day, _, name = rest.partition("/")
                hour = _hour_of(f"{date}/{of_day}")
                if hour is None or not self._is_ours(name):
                    _add_stray(seen, meta)
                elif is_landing_file(name.rpartition("/")[2]):
                    tallies.setdefault(hour, ObjectTally()).add(name, meta)
        except StoreRefusedError as error:
            if error.key is not None:  # then only the place that has it cannot be listed
                seen.found.clear()
                return self._hours_one_by_one(seen)
            raise self._unlistable(self._uri, error) from None
        seen.sees_all = True
        return {hour: tallies[hour].fingerprint for hour in sorted(tallies)}

    def _hours_one_by_one(self, strays: Strays) -> dict[Hour, str]:
        hours = sorted(hour for date in self._dates(strays) for hour in self._hours_of(date, strays))
        fingerprints = {hour: self.fingerprint(hour, strays) for hour in hours}
        return {hour: fingerprint for hour, fingerprint in fingerprints.items() if fingerprint is not None}

    def folders(
        self, known: Collection[Hour] = (), after: Hour | None = None, strays: Strays | None = None
    ) -> dict[Hour, FolderVersion | None]:
        """See ``LandingZone.folders``: one request for the dates, and one for each date that is looked at.

        Of the other dates the ``known`` hours are given. An hour that is new on an old date is found when the date's
        turn comes, or by whoever asks for all ``hours``.
        """
        seen = strays or Strays()
        dates = self._dates(seen)
        of_date: dict[str, set[Hour]] = {date: set() for date in dates}
        for hour in known:
            of_date.get(_date_of(hour), set()).add(hour)
        for date in dates_to_look_at(dates, of_date, after) | (seen.again & set(dates)):
            of_date[date] = set(self._hours_of(date, seen))
        return {hour: version_of(hour) for hours in of_date.values() for hour in sorted(hours)}

    def fingerprint(self, hour: Hour, strays: Strays | None = None) -> str | None:
        """See ``LandingZone.fingerprint``: one request per 1,000 objects."""
        try:
            return self._scanned(hour, strays, fingerprint_of)
        except StoreRefusedError as error:
            return f"unlistable:{error.code}"

    def listing(self, hour: Hour, known: str | None = None, strays: Strays | None = None) -> Listing:
        """See ``LandingZone.listing``: one request per 1,000 objects."""
        try:
            listed = self._scanned(hour, strays, lambda found: sorted(found, key=lambda each: each[0]))
        except StoreRefusedError as error:
            raise LandingFolderError(f"{self._uri}/{hour.folder}", error.reason, error.advice) from None
        fingerprint = fingerprint_of(listed)
        if fingerprint == known:
            return Listing(fingerprint, [])
        files = [
            LandingFile(
                storable_path(f"{hour.folder}/{name}"),
                hour,
                meta["size"],
                version_of_object(meta),
                source=source_of(storable_path(name), self.sources),
            )
            for name, meta in listed
        ]
        return Listing(fingerprint, files)

    def snapshot(self, file: LandingFile, directory: Path, plain_bytes_max: int = PLAIN_BYTES_MAX) -> Snapshot:
        """See ``LandingZone.snapshot``; raises ``LandingFileChangedError`` as soon as it is another object."""
        with io.BufferedReader(ObjectBytes(self._store, file), PART_BYTES) as stream:
            return take_snapshot(stream, directory, file.format, plain_bytes_max, by_content=file.source is not None)

    def _dates(self, strays: Strays) -> list[str]:
        try:
            dates = sorted(self._prefixes("", is_date_folder, strays))
        except StoreRefusedError as error:
            dates = self._around(strays, error, self._uri, OddKeys.dates)
        strays.dates.update(dates)
        return dates

    def _hours_of(self, date: str, strays: Strays) -> list[Hour]:
        try:
            found = self._prefixes(date, lambda prefix: _hour_of(prefix) is not None, strays)
        except StoreRefusedError as error:  # which hours it has is unknown: each of them says so when it is listed
            found = self._around(
                strays, error, f"{self._uri}/{date}", lambda _: [f"{date}/{at:02d}" for at in range(24)]
            )
        return [Hour.from_folder(prefix) for prefix in found]

    def _prefixes(self, below: str, is_ours: Callable[[str], bool], strays: Strays) -> list[str]:
        """The folders of the layout in one place; all else there is a stray."""
        with refusals():
            listed = self._store.list_with_delimiter(below)
        for meta in listed["objects"]:
            _add_stray(strays, meta)
        ours = [prefix for prefix in listed["common_prefixes"] if is_ours(prefix)]
        others = sorted(set(listed["common_prefixes"]) - set(ours))
        named = (prefix for prefix in others if is_landing_file(prefix.rpartition("/")[2]))
        for number, prefix in enumerate(named):
            if number >= OTHERS_ASKED_FOR or self._holds_anything(prefix):
                strays.add(storable_path(prefix), is_folder=True)
        strays.looked_at.add(below)
        return ours

    def _holds_anything(self, prefix: str) -> bool:
        """Whether a folder has more than the empty objects that show it: a request, as a rule."""
        try:
            return any(meta["size"] for meta in self._listed(prefix))
        except StoreRefusedError:  # something is there, with a name or a right that stands in the way
            return True

    def _unlistable(self, place: str, error: StoreRefusedError) -> LandingFolderError:
        kind = LandingRootGoneError if error.code == "NoSuchBucket" else LandingFolderError
        return kind(place, error.reason, error.advice)

    def _around(
        self, strays: Strays, error: StoreRefusedError, place: str, look: Callable[[OddKeys], list[str]]
    ) -> list[str]:
        """What is found around the name that is in the way, which is a stray; raises when nothing else was refused."""
        try:
            odd_keys = self._odd_keys(strays)
            odd_keys.add(error)
            return look(odd_keys)
        except StoreRefusedError as refused:
            raise self._unlistable(place, refused) from None

    def _odd_keys(self, strays: Strays) -> OddKeys:
        return OddKeys(self._store, urlsplit(self._uri).path.strip("/"), strays)

    def _scanned(self, hour: Hour, strays: Strays | None, take: Callable[[Iterator[ListedObject]], Taken]) -> Taken:
        """What is made of the landing files of the hour. Raises ``StoreRefusedError``."""
        try:
            return take(self._scan(hour, self._listed(hour.folder), strays))
        except StoreRefusedError as error:
            if error.key is None:
                raise
        seen = strays or Strays()
        seen.found.pop(hour.folder, None)  # they are met once more
        is_nested = any(source.is_nested for source in self.sources)
        found = self._odd_keys(seen).objects(hour.folder, is_nested=is_nested)
        return take(self._scan(hour, found, seen))

    def _scan(self, hour: Hour, listed: Iterable[ObjectMeta], strays: Strays | None) -> Iterator[ListedObject]:
        """The landing files among what the hour holds, in no order that every store keeps."""
        for meta in listed:
            name = meta["path"].removeprefix(f"{hour.folder}/")
            if not self._is_ours(name):
                if strays is not None:
                    _add_stray(strays, meta)
            elif is_landing_file(name.rpartition("/")[2]):
                yield name, meta
        if strays is not None:
            strays.looked_at.add(hour.folder)

    def _is_ours(self, name: str) -> bool:
        """Whether an object, by its name below an hour, lies where landing files do."""
        if "/" not in name:
            return bool(name)
        return source_of(storable_path(name), self.sources) is not None

    def _listed(self, prefix: str | None) -> Iterator[ObjectMeta]:
        yield from objects_below(self._store, prefix, PAGE_OBJECTS)


def _add_stray(strays: Strays, meta: ObjectMeta) -> None:
    """An empty object is no delivery: consoles make them to show a folder."""
    if meta["size"]:
        strays.add(storable_path(meta["path"]), is_folder=False)


def require_location_only(uri: str) -> None:
    """Raises ``LandingUriError`` when a landing URI carries credentials: it is shown in the UI, in logs and errors."""
    with _landing_uri():
        refuse_credentials(uri)


@contextmanager
def _landing_uri() -> Iterator[None]:
    try:
        yield
    except StoreUriError as error:
        raise LandingUriError(str(error)) from None


def dates_to_look_at(dates: list[str], of_date: dict[str, set[Hour]], after: Hour | None) -> set[str]:
    """The newest, those that hold no loaded hour, and some in turn; each costs a request."""
    newest = dates[-NEWEST_DATES:]
    unknown = [date for date in dates if not of_date[date]][-UNKNOWN_DATES:]
    turn = _date_of(after) if after is not None else ""
    in_turn = [date for date in dates if date >= turn] + [date for date in dates if date < turn]
    return {*newest, *unknown, *in_turn[:DATES_IN_TURN]}


def _date_of(hour: Hour) -> str:
    return hour.folder.partition("/")[0]


@lru_cache(maxsize=10_000)
def _hour_of(folder: str) -> Hour | None:
    try:
        return Hour.from_folder(folder)
    except NotAnHourError:
        return None


def version_of(hour: Hour) -> FolderVersion:
    """The newest hours are those that change; and a listing costs a request, which could give a page of objects."""
    return FolderVersion(NO_VERSION, hour.end.timestamp(), look_files=PAGE_OBJECTS)
