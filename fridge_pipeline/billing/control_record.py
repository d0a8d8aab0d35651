"""Control totals of some hours: the books beside each other, before anything is stated from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.database.parameters import span_of
from fridge_pipeline.database.queries import statement


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
