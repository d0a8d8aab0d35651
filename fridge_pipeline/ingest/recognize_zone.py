"""Recognize zone: whether the landing zone shows the files that were loaded from it, or others in their place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

import psycopg

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.exceptions import ExceptionKey, close_exception, open_exception, open_of_kind
from fridge_pipeline.ingest.landing.landing_errors import LandingFolderError
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.landing_record import known_listings, loaded_paths, loaded_versions
from fridge_pipeline.ingest.rules.landing_files import LandingFile
from fridge_pipeline.ingest.rules.losses import (
    CANARY_FILE,
    KnownHour,
    Replaced,
    Shown,
    expected_hours,
    replaced_hours,
    rewritten_hours,
)

REPLACED = "landing_replaced"
_KEY = ExceptionKey(REPLACED, None, None, "loaded files")


class Recognition:
    """What a load, or a look, asks before new files are believed; it lists no more hours than the answer takes.

    ``listed`` are fingerprints of a listing that was taken already; with ``sees_all`` hours without one have no files.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        zone: LandingZone,
        now: datetime,
        listed: Mapping[Hour, str | None] | None = None,
        *,
        sees_all: bool = False,
    ) -> None:
        self._connection = connection
        self._zone = zone
        self._now = now
        self._listed = listed or {}
        self._sees_all = sees_all
        self._shown: dict[Hour, Shown | None] = {}
        self._smallest: dict[Hour, LandingFile] = {}
        self._told_at = open_of_kind(connection, REPLACED).get(_KEY)

    @cached_property
    def _known(self) -> dict[Hour, KnownHour]:
        """The newest first. Once it is told, those that were known then."""
        looked_at = self._told_at or self._now
        known = known_listings(self._connection, looked_at)
        return {hour: known[hour] for hour in expected_hours(known, looked_at)}

    def saw(self, hour: Hour, present: Iterable[LandingFile]) -> None:
        """These files are in an hour's folder: it need not be listed again."""
        if hour in self._known:
            self._shown[hour] = self._judge(hour, present)

    def replaced(self, news: Collection[Hour]) -> Replaced | None:
        """What stands in the way of loading what is new in some hours, if anything; it becomes an exception."""
        found = self.find(news)
        if found is not None:
            open_exception(self._connection, _KEY, found.told, self._now)
        elif self._told_at is not None:
            close_exception(self._connection, _KEY, self._now)
            self._told_at = None
        return found

    def find(self, news: Collection[Hour]) -> Replaced | None:
        """The same, changing nothing: one known hour that shows its files says enough of hours that nobody knows."""
        if not news and self._told_at is None:
            return None
        is_kept = any(self._look(hour) is Shown.KEPT for hour in self._known)
        suspects = [hour for hour in self._known if hour in news and self._look(hour) is Shown.REPLACED]
        if is_kept and not suspects and self._told_at is None:
            return None
        shown = {hour: self._look(hour) for hour in self._known}
        strange = [self._smallest[hour] for hour in rewritten_hours(shown)]
        meant = Shown.REPLACED if strange and self._are_strangers(strange) else Shown.KEPT
        return replaced_hours({hour: meant if each is Shown.REWRITTEN else each for hour, each in shown.items()})

    def _are_strangers(self, files: Sequence[LandingFile]) -> bool:
        from fridge_pipeline.ingest.strangers import are_strangers  # noqa: PLC0415 # polars, for the rare case

        return are_strangers(self._connection, self._zone, files)

    def _look(self, hour: Hour) -> Shown | None:
        if hour not in self._shown:
            self._shown[hour] = self._list(hour)
        return self._shown[hour]

    def _list(self, hour: Hour) -> Shown | None:
        """``None`` for a folder that cannot be listed: it shows nothing of its files."""
        known = self._known[hour]
        if self._listed.get(hour) == known.fingerprint:
            return Shown.KEPT
        if self._sees_all and hour not in self._listed:
            return Shown.GONE
        try:
            listing = self._zone.listing(hour, known.fingerprint)
        except LandingFolderError:
            return None
        if listing.fingerprint == known.fingerprint:
            return Shown.KEPT
        return self._judge(hour, listing.files)

    def _judge(self, hour: Hour, present: Iterable[LandingFile]) -> Shown | None:
        files = [*present]
        loaded = loaded_paths(self._connection, hour)
        shown = self._known[hour].shown(loaded, [file.path for file in files])
        if shown is not Shown.KEPT:
            return shown
        ours = [file for file in files if file.path in loaded and file.name != CANARY_FILE]
        versions = loaded_versions(self._connection, hour)
        if any(versions.get(file.path) == (file.version, file.size) for file in ours):
            return Shown.KEPT
        self._smallest[hour] = min(ours, key=lambda file: file.size)
        return Shown.REWRITTEN
