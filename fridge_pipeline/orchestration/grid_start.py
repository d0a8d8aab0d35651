"""Where the grid begins that Dagster shows: at the first hour that the books know, where nothing else is wanted."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextlib import suppress

import psycopg

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.connection import Database, DatabaseUnreachableError
from fridge_pipeline.ingest.landing.landing_errors import LandingError
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing.zone import open_landing_zone
from fridge_pipeline.ingest.landing_record import first_known_hour
from fridge_pipeline.setting_values import FIRST_KNOWN, GRID_START
from fridge_pipeline.settings import Settings, read_settings

VARIABLE = "FRIDGE_PARTITIONS_START"


def settle_grid(environ: MutableMapping[str, str]) -> None:
    """Puts the hour in the place of ``first``, so that the runs of this process have the same grid as its sensors.

    While nobody can say it, the grid begins where it does without: earlier, so nothing is off it.
    """
    if environ.get(VARIABLE, "").strip() != FIRST_KNOWN:
        return
    settings = read_settings(environ)
    first = None
    if settings.database_url is not None:
        with suppress(DatabaseUnreachableError, psycopg.Error):
            first = first_hour(settings, Database(settings.database_url))
    environ[VARIABLE] = (first or GRID_START).key


def first_hour(settings: Settings, books: Database) -> Hour | None:
    """The first hour that the books know; before the first load the first one that lies in a folder of this machine.

    ``None`` while there is none, and for a bucket: a list of all that is in it would take too long.
    """
    with books.connect() as connection:
        known = first_known_hour(connection, GRID_START)
    zone = open_landing_zone(settings.landing_uri, settings.sources)
    if known is not None or not isinstance(zone, LocalLanding):
        return known
    with suppress(LandingError):
        return min((hour for hour in zone.hours() if hour >= GRID_START), default=None)
    return None


def grid_variable(environ: Mapping[str, str]) -> dict[str, str]:
    """What has the code server begin its grid there, unless the environment names an hour."""
    return {} if environ.get(VARIABLE, "").strip() else {VARIABLE: FIRST_KNOWN}


class ShownGrid:
    """Knows where the grid begins that the code server shows, and whether the books know an earlier hour by now."""

    def __init__(self, settings: Settings, books: Database, *, is_followed: bool) -> None:
        self._settings = settings
        self._books = books
        self._is_followed = is_followed
        self._start = first_hour(settings, books) if is_followed else None

    def earlier_start(self) -> Hour | None:
        """The hour to begin at from now on, if another. The grid never begins later than before: nothing falls off."""
        known = first_hour(self._settings, self._books) if self._is_followed else None
        return known if known is not None and (self._start is None or known < self._start) else None

    def begins_at(self, start: Hour) -> None:
        """The code server has been started anew since that hour is known."""
        self._start = start
