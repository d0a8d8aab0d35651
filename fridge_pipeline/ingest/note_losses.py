"""Note losses: what of the landing zone nobody loads, or nobody can see any more, becomes an exception."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import psycopg

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.exceptions import (
    ExceptionKey,
    close_begun_hours,
    close_exception,
    open_exception,
    open_of_kind,
)
from fridge_pipeline.ingest.landing.landing_errors import LandingFolderError, LandingRootGoneError
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.landing_record import known_hours
from fridge_pipeline.ingest.recognize_zone import REPLACED, Recognition
from fridge_pipeline.ingest.rules.losses import (
    EXPECTED_DAYS,
    HourAhead,
    LandingLosses,
    Strays,
    gone_told,
    hours_gone,
    is_ahead,
    stray_place,
    stray_subject,
    strays_told,
)

FUTURE_HOUR, VANISHED, STRAYS = "future_hour", "landing_vanished", "stray_files"
KINDS = (FUTURE_HOUR, VANISHED, STRAYS, REPLACED)
_VANISHED = ExceptionKey(VANISHED, None, None, "all files")

#: A tick lists so many hours ahead that are not told yet, the nearest first; the sweep lists all hours anyway.
AHEAD_PER_TICK_MAX = 100

#: Of those that are told it looks so many over for what was delivered since; in a bucket each is a request.
AHEAD_AGAIN_MAX = 3

#: So many places with strays it looks at again; in a bucket each is a request.
TOLD_AGAIN_MAX = 20


def list_and_note(connection: psycopg.Connection, zone: LandingZone, now: datetime) -> Mapping[Hour, str]:
    """``LandingZone.hours``; what this look finds lost becomes exceptions, and those that are over close."""
    strays = Strays(again=told_places(connection))
    try:
        listed = zone.hours(strays)
        look_again(zone, strays)
    except LandingRootGoneError:
        note_gone(connection, (), now)
        raise
    losses = find_losses(connection, zone, listed, strays, now)
    _open_ahead(connection, losses.ahead, now)
    close_begun_hours(connection, listed, now)
    note_strays(connection, strays, now)
    note_gone(connection, listed, now)
    Recognition(connection, zone, now, listed, sees_all=True).replaced(listed)
    return listed


def find_losses(
    connection: psycopg.Connection, zone: LandingZone, listed: Mapping[Hour, str], strays: Strays, now: datetime
) -> LandingLosses:
    """What a look at all hours found; changes nothing."""
    ahead = [_look_ahead(zone, hour) for hour in sorted(listed) if is_ahead(hour, now)]
    replaced = Recognition(connection, zone, now, listed, sees_all=True).find(listed)
    return LandingLosses(ahead, strays, _gone(connection, listed, now), replaced)


def note_ahead(
    connection: psycopg.Connection, zone: LandingZone, present: Collection[Hour], strays: Strays, now: datetime
) -> None:
    """Hours ahead among those that have a folder, with their strays; of those that are told only the nearest."""
    told = open_of_kind(connection, FUTURE_HOUR)
    ahead = [hour for hour in sorted(present) if is_ahead(hour, now)]
    unknown = [hour for hour in ahead if _future(hour) not in told][:AHEAD_PER_TICK_MAX]
    known = [hour for hour in ahead if _future(hour) in told][:AHEAD_AGAIN_MAX]
    looks = [_look_ahead(zone, hour, strays) for hour in (*unknown, *known)]
    _open_ahead(connection, [look for look in looks if look.files != 0], now)
    if told:
        close_begun_hours(connection, present, now)


def note_strays(connection: psycopg.Connection, strays: Strays, now: datetime) -> None:
    """What a look saw of strays, an exception for each place; it closes those of places that it saw without any."""
    for place, names in strays.found.items():
        hour, subject = stray_subject(place)
        open_exception(connection, ExceptionKey(STRAYS, None, hour, subject), strays_told(names, place), now)
    for key in open_of_kind(connection, STRAYS):
        if strays.is_over(stray_place(key.hour, key.subject)):
            close_exception(connection, key, now)


def told_places(connection: psycopg.Connection, newest: int = 0) -> frozenset[str]:
    """The places with strays that are told: all of them, or so many of the ``newest``."""
    told = {stray_place(key.hour, key.subject) for key in open_of_kind(connection, STRAYS)}
    return frozenset(sorted(place for place in told if place)[-newest:])


def look_again(zone: LandingZone, strays: Strays) -> None:
    """Looks at those hours of the told places that this look has not seen, be it because they are gone."""
    if not strays.sees_all:
        for place in sorted(strays.again - strays.looked_at):
            if "/" in place:
                zone.fingerprint(Hour.from_folder(place), strays)


def note_gone(connection: psycopg.Connection, present: Collection[Hour], now: datetime) -> str | None:
    """Whether the hours that had files are all gone at once, which is not an empty landing zone but another one.

    Returns what is told of it, ``None`` while they are there.
    """
    gone = _gone(connection, present, now)
    if not gone:
        close_exception(connection, _VANISHED, now)
        return None
    told = gone_told(gone)
    open_exception(connection, _VANISHED, told, now)
    return told


def _gone(connection: psycopg.Connection, present: Collection[Hour], now: datetime) -> list[Hour]:
    """Files that arrived after it was told show nothing: whoever delivers goes on, be it into an empty mount point."""
    looked_at = open_of_kind(connection, VANISHED).get(_VANISHED, now)
    return hours_gone(known_hours(connection, looked_at - EXPECTED_DAYS, looked_at), present, looked_at)


def _look_ahead(zone: LandingZone, hour: Hour, strays: Strays | None = None) -> HourAhead:
    try:
        files = zone.listing(hour, None, strays).files
    except LandingFolderError:
        return HourAhead(hour, None)
    return HourAhead(hour, len(files), sum(file.size for file in files))


def _open_ahead(connection: psycopg.Connection, ahead: Iterable[HourAhead], now: datetime) -> None:
    for each in ahead:
        open_exception(connection, _future(each.hour), each.told, now)


def _future(hour: Hour) -> ExceptionKey:
    return ExceptionKey(FUTURE_HOUR, None, hour)
