"""Where the grid begins that Dagster shows: at the first hour that the books know, where nothing else is wanted."""

from __future__ import annotations

from collections.abc import MutableMapping
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
