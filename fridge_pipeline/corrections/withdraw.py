"""Withdraw: take a landing file out of usage. Its readings stay known, so they never count again."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.calendar.hours import Hour, NotAnHourError
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.exceptions import ExceptionKey, close_exception
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.retention import first_open_hour, kept_from
from fridge_pipeline.ingest.landing.landing_errors import LandingFolderError
from fridge_pipeline.ingest.landing.zone import LandingZone


class LoadUnderWayError(RuntimeError):
    """A load of the same file did not end in time for the withdrawal."""


@dataclass(frozen=True, slots=True)
class LoadedContent:
    """One content that was loaded under a path; the last three are ``None`` while it is not withdrawn."""

    file_id: int
    landing_hour: Hour
    inserted_count: int
    duplicate_count: int
    rejected_count: int
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    reason: str | None


def keep_loads_out(connection: psycopg.Connection, path: str) -> None:
    """Waits for a load of the same file, and keeps others out until the transaction ends.

    Raises ``LoadUnderWayError`` after ten minutes.
    """
    connection.execute(statement("limit_waiting"))
    try:
        connection.execute(statement("wait_for_load"), {"path": path})
    except psycopg.errors.LockNotAvailable as error:
        raise LoadUnderWayError(
            f"a load of {path} has been under way for over ten minutes and goes on; nothing was withdrawn. "
            "Try again when the runs that are under way have ended."
        ) from error


def loaded_contents(connection: psycopg.Connection, path: str) -> list[LoadedContent]:
    """Every content that was loaded under a path, the oldest first; none when the books do not know the path."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("loaded_contents"), {"path": path}).fetchall()
    return [LoadedContent(**{**row, "landing_hour": Hour(row["landing_hour"])}) for row in rows]


def withdraw_files(
    connection: psycopg.Connection, file_ids: Sequence[int], reason: str, withdrawn_by: str, now: datetime
) -> None:
    """Records that these files are no usage any more, which can be neither edited nor deleted.

    Call it with loads of the file kept out.
    """
    parameters = {"file_ids": list(file_ids), "reason": reason, "withdrawn_by": withdrawn_by, "now": now}
    connection.execute(statement("withdraw_files"), parameters)


def readings_of_files(connection: psycopg.Connection, file_ids: Sequence[int]) -> dict[str, int]:
    """Tenant → readings that these files stored."""
    return dict(connection.execute(statement("readings_of_files"), {"file_ids": list(file_ids)}).fetchall())


def paths_like(connection: psycopg.Connection, name: str, hour: Hour | None) -> list[str]:
    """Paths that were loaded in the same landing hour, or under the same file name in another one."""
    parameters = {"name": name, "hour": hour.start if hour else None}
    return [row[0] for row in connection.execute(statement("paths_like"), parameters).fetchall()]


#: So many near paths are shown for one that is not known, and this near they must be (1 is the same text).
NEAR_PATHS_MAX = 3
NEAR_PATHS_LIKENESS = 0.3


#: What is open about rows of a file that are no usage yet, until it is withdrawn: it is not read again then.
OVER = ("rows_rejected", "sensors_unregistered", "columns_refused")


class NoReasonError(ValueError):
    """A withdrawal changes what is billed; without a reason nobody could understand it later."""


class UnknownFileError(LookupError):
    """No landing file of this path was ever loaded."""


class NotLoadedError(LookupError):
    """The landing file is there and has not been loaded, so nothing of it is usage."""


class NothingStoredError(ValueError):
    """The landing file stored no readings, so nothing of it is usage."""


class SealedHourError(ValueError):
    """The hour's readings were dropped, so its usage can no longer be counted anew."""


class AlreadyWithdrawnError(ValueError):
    """The landing file was withdrawn before."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A landing file that is not usage any more; ``readings`` says per tenant how many readings that takes out."""

    path: str
    hour: Hour
    file_ids: list[int]
    readings: dict[str, int]
    reason: str
    withdrawn_by: str
    withdrawn_at: datetime


def withdraw_file(
    database: Database,
    zone: LandingZone,
    path: str,
    reason: str,
    withdrawn_by: str,
    clock: Callable[[], datetime],
) -> Withdrawal:
    """Withdraws every content that was loaded under a path (relative to the landing root, as in the books).

    Nothing is deleted. The hour's usage shrinks when it is next counted, which the sweep sees to: a count that is
    under way and misses the withdrawal puts on record that it counted the file. Raises the errors above, and
    ``NotEntitledError``.
    """
    if not reason.strip():
        raise NoReasonError(f"say why {path} is withdrawn: the reason stays on record with it")
    with database.connect() as connection:
        with connection.transaction():
            keep_loads_out(connection, path)
            contents = loaded_contents(connection, path)
            if not contents:
                raise _not_loaded(connection, zone, path)
            _refuse_without_effect(path, contents)
            _refuse_sealed(path, contents[0].landing_hour, kept_from(connection))
            file_ids = [content.file_id for content in contents if content.withdrawn_at is None]
            withdrawn_at = clock()
            for kind in OVER:
                close_exception(connection, ExceptionKey(kind, None, contents[0].landing_hour, path), withdrawn_at)
            with database.acting(connection) as acting:
                withdraw_files(acting, file_ids, reason.strip(), withdrawn_by, withdrawn_at)
        readings = readings_of_files(connection, file_ids)
    hour = contents[0].landing_hour
    return Withdrawal(path, hour, file_ids, readings, reason.strip(), withdrawn_by, withdrawn_at)


def _refuse_without_effect(path: str, contents: list[LoadedContent]) -> None:
    storing = [content for content in contents if content.inserted_count]
    if not storing:
        raise NothingStoredError(
            f"{path} stored no readings ({sum(each.duplicate_count for each in contents)} duplicates, "
            f"{sum(each.rejected_count for each in contents)} rejected), so nothing of it is usage. "
            "A duplicate counts with the file that brought the reading first: withdraw that one. The exception about "
            "rejected rows is ended by fridge settle (docs/runbook.md)."
        )
    if all(content.withdrawn_at is not None for content in storing):
        last = storing[-1]
        raise AlreadyWithdrawnError(
            f"{path} was already withdrawn at {last.withdrawn_at:%Y-%m-%d %H:%M:%S} UTC by {last.withdrawn_by}: "
            f"{last.reason}"
        )


def _refuse_sealed(path: str, hour: Hour, kept_from: datetime | None) -> None:
    if kept_from is not None and hour < first_open_hour(kept_from):
        raise SealedHourError(
            f"the readings of {path} are dropped: those before {kept_from:%Y-%m-%d} are not kept, so the usage of the "
            f"hour {hour} can no longer be counted without it. Give the customer a credit instead."
        )


def _not_loaded(connection: psycopg.Connection, zone: LandingZone, path: str) -> LookupError:
    folder, _, name = path.rpartition("/")
    try:
        hour: Hour | None = Hour.from_folder(folder)
    except NotAnHourError:
        hour = None
    if hour is not None and _is_in(zone, hour, path):
        return NotLoadedError(
            f"{path} has not been loaded, so nothing of it is usage yet. Move it out of the landing zone, or load it "
            f"first (fridge bill --from {hour} --to {hour}) and withdraw it then."
        )
    near = difflib.get_close_matches(path, paths_like(connection, name, hour), NEAR_PATHS_MAX, NEAR_PATHS_LIKENESS)
    hint = f"Did you mean {' or '.join(near)}?" if near else "The table fridge.landing_files has those that were."
    return UnknownFileError(
        f"no landing file {path} was ever loaded; a path is relative to the landing root, such as "
        f"2026-01-24/18/name.csv. {hint}"
    )


def _is_in(zone: LandingZone, hour: Hour, path: str) -> bool:
    try:
        return any(file.path == path for file in zone.listing(hour).files)
    except LandingFolderError:
        return False
