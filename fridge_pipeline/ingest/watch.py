"""Watch: which hours have landing files that are not loaded, and which folders nobody expected."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.exceptions import (
    ExceptionKey,
    close_expected_hours,
    open_exception,
    open_of_kind,
)
from fridge_pipeline.ingest.landing.landing_errors import LandingRootGoneError
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.landing_record import loaded_listings, record_folder_versions
from fridge_pipeline.ingest.note_losses import (
    FUTURE_HOUR,
    TOLD_AGAIN_MAX,
    look_again,
    note_ahead,
    note_gone,
    note_strays,
    told_places,
)
from fridge_pipeline.ingest.recognize_zone import Recognition
from fridge_pipeline.ingest.rules.landing_files import FolderVersion, LoadedListing, plan_listing
from fridge_pipeline.ingest.rules.losses import Strays
from fridge_pipeline.ingest.source_contracts import note_definitions

#: In place of a fingerprint, of an hour that has no landing file.
NO_FILES = "0"

#: No landing folder can name an earlier one.
FIRST_HOUR = Hour(datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class LandingNews:
    """Landing hours whose listing is not what was last loaded, with the fingerprint of the listing."""

    pending: dict[Hour, str]
    unexpected: list[Hour]


@dataclass(frozen=True, slots=True)
class LandingWatch:
    """The pending hours of the grid with their fingerprints, and the hour to go on after (see ``ListingPlan``).

    ``wrong`` says what keeps files from being seen or loaded, if anything does: then nothing pending means nothing.
    """

    pending: dict[Hour, str]
    turn: Hour | None
    wrong: str | None = None


def find_landing_news(connection: psycopg.Connection, zone: LandingZone, grid: HourRange) -> LandingNews:
    """Compares the whole landing zone's listing with what has been loaded; changes nothing."""
    return compare_listing(connection, zone.hours(), grid)


def compare_listing(connection: psycopg.Connection, listed: Mapping[Hour, str], grid: HourRange) -> LandingNews:
    """Compares a listing (hour → fingerprint) that was taken already; changes nothing.

    Hours after the grid have not begun: they wait, and are in neither part of the news.
    """
    failed = dict.fromkeys(_failed(connection), NO_FILES)  # tried again, also those that are gone
    return _news({**failed, **listed}, loaded_listings(connection, _span(listed, grid)), grid, failed)


def watch_landing_zone(
    database: Database, zone: LandingZone, grid: HourRange, now: datetime, after: Hour | None = None
) -> LandingWatch:
    """Compares what may have changed, and some of the rest in turn, with what has been loaded.

    Hours before the grid cannot be run: each becomes an exception instead of stopping the others. So does what nobody
    would load at all (``note_losses``), as far as this look passes it.
    """
    with database.connect() as connection:
        strays = Strays(again=told_places(connection, TOLD_AGAIN_MAX))
        note_definitions(connection, zone.sources, now)
        loaded = loaded_listings(connection, HourRange(FIRST_HOUR, grid.last))
        seen = _folders(connection, zone, loaded, after, strays, now)
        folders = {hour: version for hour, version in seen.items() if hour <= grid.last}
        plan = plan_listing(folders, loaded, after)
        fingerprints = {hour: zone.fingerprint(hour, strays) for hour in plan.hours}
        look_again(zone, strays)
        listed = {hour: fingerprint for hour, fingerprint in fingerprints.items() if fingerprint is not None}
        record_folder_versions(connection, _seen_anew(fingerprints, folders, loaded, now))
        news = _news(listed, loaded, grid, _failed(connection))
        _open_unexpected(connection, news.unexpected, grid, now)
        present = {hour for hour in seen if fingerprints.get(hour, "") is not None}
        note_ahead(connection, zone, present, strays, now)
        note_strays(connection, strays, now)
        wrong = note_gone(connection, present, now)
        pending, replaced = news.pending, Recognition(connection, zone, now, fingerprints).replaced(news.pending)
        if replaced is not None:
            pending, wrong = {hour: text for hour, text in pending.items() if not replaced.holds(hour)}, replaced.told
    return LandingWatch(pending, plan.turn, wrong)


def _folders(
    connection: psycopg.Connection,
    zone: LandingZone,
    loaded: Mapping[Hour, LoadedListing],
    after: Hour | None,
    strays: Strays,
    now: datetime,
) -> Mapping[Hour, FolderVersion | None]:
    """``LandingZone.folders``; the hours that are told as ahead are known as the loaded ones are."""
    ahead = {key.hour for key in open_of_kind(connection, FUTURE_HOUR) if key.hour is not None}
    try:
        return zone.folders(loaded.keys() | ahead, after, strays)
    except LandingRootGoneError:
        note_gone(connection, (), now)
        raise


def _span(hours: Iterable[Hour], grid: HourRange) -> HourRange:
    return HourRange(min(hours, default=grid.first), grid.last)


def _failed(connection: psycopg.Connection) -> set[Hour]:
    return {key.hour for key in open_of_kind(connection, "load_failed") if key.hour is not None}


def _news(
    listed: Mapping[Hour, str], loaded: Mapping[Hour, LoadedListing], grid: HourRange, failed: Container[Hour]
) -> LandingNews:
    changed = {hour for hour in listed if hour not in loaded or loaded[hour].fingerprint != listed[hour]}
    return LandingNews(
        pending={
            hour: listed[hour]
            for hour in sorted(listed)
            if grid.first <= hour <= grid.last and (hour in failed or hour in changed)
        },
        unexpected=sorted(hour for hour in changed if hour < grid.first and listed[hour] != NO_FILES),
    )


def _seen_anew(
    fingerprints: Mapping[Hour, str | None],
    folders: Mapping[Hour, FolderVersion | None],
    loaded: Mapping[Hour, LoadedListing],
    now: datetime,
) -> dict[Hour, LoadedListing]:
    """What is now known of the folders of loaded hours, where it is not what is on record.

    The versions were read before the listings: what changed in between shows as another version the next time. An
    hour whose listing has changed is listed each time from now on, until it is loaded.
    """
    seen = {}
    for hour, fingerprint in fingerprints.items():
        if hour not in loaded:
            continue
        known, version = loaded[hour], folders[hour]
        is_loaded = fingerprint == known.fingerprint and known.file_count > 0
        is_sure = is_loaded and version is not None and version.is_quiet(now)
        now_known = LoadedListing(known.fingerprint, version.token if version and is_sure else None)
        if now_known != known:
            seen[hour] = now_known
    return seen


def _open_unexpected(connection: psycopg.Connection, unexpected: list[Hour], grid: HourRange, now: datetime) -> None:
    close_expected_hours(connection, unexpected, now)
    for hour in unexpected:
        open_exception(
            connection,
            ExceptionKey("unexpected_hour", None, hour),
            f"landing folder {hour.folder} lies before the first hour of the partition grid, {grid.first.key}, and "
            "is not loaded. Set FRIDGE_PARTITIONS_START to include it, use fridge bill, or remove it.",
            now,
        )
