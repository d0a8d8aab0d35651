"""The bench: what every subject gets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import psycopg

from benchmarks.measuring.contest import Listener, Turn, interleaved, run_candidate
from benchmarks.measuring.sample import Sample
from benchmarks.readings import Fleet, readings
from benchmarks.sizes import Sizes
from benchmarks.statements import statement
from fridge_pipeline.calendar.hours import ONE_HOUR, Hour
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.schema import migrate
from tests.world import PREPARED, World

#: The name under which the server's CPU seconds are reported.
POSTGRESQL = "PostgreSQL"

#: The landing hour of what is loaded; its year does not matter.
LANDING_HOUR = Hour(datetime(2026, 1, 24, 18, tzinfo=UTC))


@dataclass(frozen=True)
class Bench:
    """The world, the sizes, the seed, and who is told of every sample."""

    world: World
    sizes: Sizes
    seed: int
    listener: Listener

    def folder(self, name: str) -> Path:
        """A folder of that name for data."""
        path = self.world.home / "data" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def fresh_folder(self, name: str) -> Path:
        """A folder that nobody else has."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.world.home))

    def template(self, name: str, fill: Callable[[str], None], of: str = PREPARED) -> str:
        """A database to copy, filled once, with fresh statistics: autovacuum leaves the measured copies alone."""

        def fill_and_analyze(dsn: str) -> None:
            fill(dsn)
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("vacuum analyze")

        return self.world.template(name, fill_and_analyze, of)

    def run(
        self,
        act: str,
        watched: Mapping[str, int] | None = None,
        environment: Mapping[str, str] | None = None,
        **arguments: object,
    ) -> Sample:
        """One sample of a candidate; it starts with nothing left to write by the server of what was before."""
        with self.world.as_superuser(self.world.address.dsn("postgres")) as connection:
            connection.execute("checkpoint")
        servers = {POSTGRESQL: self.world.server.process_id() or 0, **(watched or {})}
        return run_candidate(act, arguments, servers, environment or {})

    def contest(self, turns: Mapping[str, Turn], repeats: int | None = None) -> dict[str, list[Sample]]:
        """Everyone's samples, taken in turns."""
        return interleaved(turns, repeats or self.sizes.repeats, self.listener)

    def hour_of_readings(self, rows: int, hour: Hour = LANDING_HOUR, lot: int = 0) -> Iterator[pl.DataFrame]:
        """So many readings recorded in the hour; those of two lots have none in common."""
        return readings(Fleet(), hour.start, ONE_HOUR, rows, self.seed + lot)

    def days_of_readings(self, rows: int, days: int, lot: int = 0) -> Iterator[pl.DataFrame]:
        """So many readings recorded in the days before the landing hour."""
        return readings(Fleet(), LANDING_HOUR.start - timedelta(days=days), timedelta(days=days), rows, self.seed + lot)


def prepare(dsn: str) -> None:
    """What all databases are copies of: the schema and nothing in it, and the table that a person would write into."""
    with Database(dsn).connect() as connection:
        migrate(connection)
        connection.execute(statement("create_rival_table"))


def rows_per_second(sample: Sample) -> float:
    """Rows of the landing files, or of what a rival was given, per second of wall time."""
    return sample.per_second


def seconds(sample: Sample) -> float:
    """Wall time."""
    return sample.wall


def cpu_seconds(sample: Sample) -> float:
    """CPU seconds of the process and of those that worked for it: what a busy machine changes least."""
    return sample.cpu + sum(sample.watched_cpu.values())


def mebibytes(sample: Sample) -> float:
    """Peak resident memory of the whole process, what it imports included."""
    return sample.peak_memory / 2**20
