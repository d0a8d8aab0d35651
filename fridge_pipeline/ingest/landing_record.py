"""What is known of landing files and hours: attempts, loads, and ids that are probably one.

Call these while the paths are locked: then no attempt on record is one that is still under way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.queries import span_of, statement, value_of
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.landing_files import LandingFile, LoadedListing
from fridge_pipeline.ingest.rules.losses import EXPECTED_DAYS, KnownHour


def lost_attempts(connection: psycopg.Connection, files: Sequence[LandingFile]) -> dict[str, int]:
    """Path → how many loads of the file, as it is now, never ended; files without any are left out."""
    return dict(connection.execute(statement("lost_load_attempts"), _named(files)).fetchall())


def begin_attempts(connection: psycopg.Connection, files: Sequence[LandingFile], now: datetime) -> None:
    """Records that these files are about to be read."""
    connection.execute(statement("begin_load_attempts"), {**_named(files), "now": now})


def end_attempts(connection: psycopg.Connection, files: Sequence[LandingFile]) -> None:
    """Whatever became of these files, the process has survived it."""
    connection.execute(statement("end_load_attempts"), {"paths": [file.path for file in files]})


def _named(files: Sequence[LandingFile]) -> dict[str, object]:
    return {"paths": [file.path for file in files], "versions": [file.version for file in files]}


def loaded_versions(connection: psycopg.Connection, hour: Hour) -> dict[str, tuple[str, int]]:
    """Path → version token and bytes of the newest loaded content, for the files of a landing hour."""
    rows = connection.execute(statement("loaded_versions"), {"hour": hour.start}).fetchall()
    return {path: (version, size) for path, version, size in rows}


def loaded_listings(connection: psycopg.Connection, hours: HourRange) -> dict[Hour, LoadedListing]:
    """Landing hour → its listing when all its files had been loaded."""
    rows = connection.execute(statement("loaded_listings"), span_of(hours)).fetchall()
    return {Hour(start): LoadedListing(fingerprint, folder) for start, fingerprint, folder in rows}


def known_hours(connection: psycopg.Connection, since: datetime, until: datetime) -> list[Hour]:
    """Landing hours of this time that by its end had been loaded with files."""
    rows = connection.execute(statement("known_hours"), {"since": since, "until": until}).fetchall()
    return [Hour(start) for (start,) in rows]


def known_listings(connection: psycopg.Connection, until: datetime) -> dict[Hour, KnownHour]:
    """Landing hours that by then had been loaded with files, the newest first; of the last days that were loaded.

    Once a person has settled that other files lie in their place, what was loaded before is not known any more.
    """
    rows = connection.execute(statement("known_listings"), {"until": until, "days": EXPECTED_DAYS}).fetchall()
    return {Hour(row[0]): KnownHour(Hour(row[0]), *row[1:]) for row in rows}


def loaded_paths(connection: psycopg.Connection, hour: Hour) -> frozenset[str]:
    """The paths of all landing files that were ever loaded in an hour."""
    rows = connection.execute(statement("loaded_paths"), {"hour": hour.start}).fetchall()
    return frozenset(path for (path,) in rows)


def has_landing_files(connection: psycopg.Connection) -> bool:
    """Whether any landing file was ever loaded."""
    row = connection.execute(statement("has_landing_files")).fetchone()
    return bool(row and row[0])


def listing_fingerprints(connection: psycopg.Connection, hours: HourRange) -> dict[Hour, str]:
    """Landing hour → fingerprint of its listing when all its files had been loaded."""
    return {hour: listing.fingerprint for hour, listing in loaded_listings(connection, hours).items()}


def record_landing_hour(
    connection: psycopg.Connection, hour: Hour, fingerprint: str, paths: Sequence[str], now: datetime
) -> None:
    """Every file of this listing has been loaded, or is among the exceptions; ``paths`` are all that were listed."""
    connection.execute(
        statement("record_landing_hour"),
        {"hour": hour.start, "fingerprint": fingerprint, "paths": list(paths), "now": now},
    )


def record_folder_versions(connection: psycopg.Connection, seen: Mapping[Hour, LoadedListing]) -> None:
    """Which folders these listings are known to be of; nothing for an hour with another listing by now."""
    if not seen:
        return
    connection.execute(
        statement("record_folder_versions"),
        {
            "hours": [hour.start for hour in seen],
            "fingerprints": [listing.fingerprint for listing in seen.values()],
            "folder_versions": [listing.folder for listing in seen.values()],
        },
    )


def hours_with_files(connection: psycopg.Connection, hours: HourRange) -> list[Hour]:
    """Every hour of a range of which a landing file was loaded."""
    return [Hour(start) for (start,) in connection.execute(statement("hours_with_files"), span_of(hours)).fetchall()]


def first_known_hour(connection: psycopg.Connection, not_before: Hour) -> Hour | None:
    """The first hour of which a file was loaded, or whose folder waits before the grid, but none ``not_before``."""
    row = connection.execute(statement("first_known_hour"), {"first": not_before.start}).fetchone()
    return Hour(row[0]) if row and row[0] else None


@dataclass(frozen=True, slots=True)
class LandedHour:
    """What the landing files of an hour came to: rows = inserted + duplicates + rejected; ``unreadable`` are files."""

    files: int
    rows: int
    inserted: int
    duplicates: int
    rejected: int
    unreadable: int


def landed_of_hours(connection: psycopg.Connection, hours: HourRange) -> dict[Hour, LandedHour]:
    """Every hour of a range that has landing files, whichever run loaded them."""
    rows = connection.execute(statement("landed_of_hours"), span_of(hours)).fetchall()
    return {Hour(row[0]): LandedHour(*row[1:]) for row in rows}


@dataclass(frozen=True, slots=True)
class Unusable:
    """What could not be used of a landing file, and why: so many of its rows, or without a number the file itself."""

    hour: datetime
    path: str
    rejected_rows: int | None
    reason: str

    def __str__(self) -> str:
        if self.rejected_rows is None:
            return f"{self.path}: {self.reason}"
        return f"{self.path}: {self.rejected_rows} rows rejected: {self.reason}"


def unusable_of_hours(connection: psycopg.Connection, hours: HourRange, most: int) -> list[Unusable]:
    """The damaged files of some hours and their rejected rows by reason, the worst first."""
    with connection.cursor(row_factory=class_row(Unusable)) as cursor:
        return cursor.execute(statement("unusable_of_hours"), {**span_of(hours), "most": most}).fetchall()


def quiet_sources(connection: psycopg.Connection, now: datetime) -> dict[str, int]:
    """Source → its rows of the last day, where not one of them is a reading and some of the week before were."""
    asked = {"day": now - timedelta(days=1), "week": now - timedelta(days=8)}
    return dict(connection.execute(statement("quiet_sources"), asked).fetchall())


def sources_put_back(connection: psycopg.Connection, now: datetime) -> int:
    """How often in the last day the sources became such as they had been before on that day."""
    return int(value_of(connection, "sources_put_back", {"day": now - timedelta(days=1)}))


#: So many are shown; ``total`` says how many there are.
SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class SimilarIds:
    """Spellings of an id, of a sensor of one tenant or, without a tenant, of a tenant; ``total`` counts all such."""

    tenant_id: str | None
    one: str
    another: str
    spellings: int
    total: int

    def __str__(self) -> str:
        what = "tenant" if self.tenant_id is None else f"sensor of {self.tenant_id}"
        if self.spellings == 1:
            return f"{what} {self.one!r}, which has lost its last digits"
        more = self.spellings - 2
        return f"{what} {self.one!r}, {self.another!r}" + (f" and {more} more" if more else "")


def similar_ids(connection: psycopg.Connection) -> list[SimilarIds]:
    """The first of all that there are."""
    with connection.cursor(row_factory=class_row(SimilarIds)) as cursor:
        return cursor.execute(statement("similar_ids"), {"blank": BLANK, "shown": SHOWN_MAX}).fetchall()
