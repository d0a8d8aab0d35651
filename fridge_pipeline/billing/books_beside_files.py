"""Control totals of some hours: the books beside each other, before anything is stated from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.queries import span_of, statement


@dataclass(frozen=True, slots=True)
class UsageBesideFiles:
    """A tenant-hour whose usage is not what its files brought; counts of readings and of sensors."""

    hour: datetime
    tenant_id: str
    brought: int
    inserted_count: int
    active_sensors: int

    def __str__(self) -> str:
        return (
            f"{self.tenant_id} {self.hour:%Y-%m-%d-%H:%M}: the files brought {self.brought} readings, usage says "
            f"{self.inserted_count} from {self.active_sensors} sensors"
        )


@dataclass(frozen=True, slots=True)
class TalliesBesideFile:
    """A landing file whose rows do not add up; ``rows_of_tenants`` is empty where none were noted."""

    path: str
    row_count: int
    told_apart: int
    rows_of_tenants: int | None

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.row_count} rows, of which {self.told_apart} are inserted, duplicate or rejected and "
            f"{self.rows_of_tenants} belong to tenants"
        )


def usage_beside_files(connection: psycopg.Connection, hours: HourRange) -> list[UsageBesideFiles]:
    """Every tenant-hour of a range that differs; hours that wait to be counted again are not judged."""
    with connection.cursor(row_factory=class_row(UsageBesideFiles)) as cursor:
        return cursor.execute(statement("usage_beside_files"), span_of(hours)).fetchall()


def tallies_beside_files(connection: psycopg.Connection, hours: HourRange) -> list[TalliesBesideFile]:
    """Every landing file of a range that does not add up."""
    with connection.cursor(row_factory=class_row(TalliesBesideFile)) as cursor:
        return cursor.execute(statement("tallies_beside_files"), span_of(hours)).fetchall()


def rows_not_accounted_for(database: Database, hours: HourRange) -> list[TalliesBesideFile]:
    """Landing files of some hours of which rows vanished or came up (law L3)."""
    with database.connect() as connection:
        return tallies_beside_files(connection, hours)


def usage_not_from_files(database: Database, hours: HourRange) -> list[UsageBesideFiles]:
    """Tenant-hours whose usage is not what their files brought (laws L1 and L2).

    The load noted what each file brought, the count read the stored readings: two ways to the same number.
    """
    with database.connect() as connection:
        return usage_beside_files(connection, hours)


@dataclass(frozen=True, slots=True)
class RangeSummary:
    """Counts over a range of hours, as the books stand now."""

    hours_billed: int
    hours: int
    files: int
    row_count: int
    inserted_count: int
    duplicate_count: int
    rejected_count: int
    accepted: int
    undelivered: int
    exceptions: int


def summarize(connection: psycopg.Connection, hours: HourRange) -> RangeSummary:
    """The summary of a range of hours."""
    with connection.cursor(row_factory=class_row(RangeSummary)) as cursor:
        summary = cursor.execute(statement("range_summary"), span_of(hours)).fetchone()
    if summary is None:
        raise RuntimeError("PostgreSQL returned no summary row")
    return summary


def hours_with_history(connection: psycopg.Connection, hours: HourRange) -> list[Hour]:
    """Hours of a range for which the books hold a landing file or a statement."""
    return [Hour(row[0]) for row in connection.execute(statement("hours_with_history"), span_of(hours)).fetchall()]
