"""Withdrawals: landing files taken out of usage. Their readings stay stored, so that they never count again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.database.queries import statement


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
