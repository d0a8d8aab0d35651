"""Sensor: a tick that finds nothing new among many files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import Bench, mebibytes, seconds
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.connection import Database
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing_record import record_landing_hour

TICK = "benchmarks.candidates.sensor:tick"
WALK = "benchmarks.candidates.sensor:walk"

HOURS = 720
SECONDS_MAX = 1.0
MEBIBYTES_MAX = 200

#: The sensor looks closely at folders that have changed just now; a steady zone has none.
SETTLE_SECONDS = 15


def rows(bench: Bench) -> Iterator[Row]:
    """Time and memory of a steady tick, against a plain walk and against the limits."""
    files, landing = bench.sizes.sensor_files, bench.folder("sensor") / "landing"
    first = Hour.containing(datetime.now(UTC)).plus(-HOURS - 1)
    _make_files(landing, first, files)
    time.sleep(SETTLE_SECONDS)
    environment = {
        "FRIDGE_HOME": str(bench.fresh_folder("sensor")),
        "FRIDGE_LANDING_URI": str(landing),
        "FRIDGE_PARTITIONS_START": first.key,
    }
    with bench.world.database() as dsn:
        with Database(dsn).connect() as connection:
            for hour, fingerprint in LocalLanding(str(landing)).hours().items():
                record_landing_hour(connection, hour, fingerprint, [], datetime.now(UTC))
        environment["FRIDGE_DATABASE_URL"] = dsn
        samples = bench.contest(
            {
                "ours": lambda _: bench.run(TICK, environment=environment),
                "walk": lambda _: bench.run(WALK, landing=str(landing), files=files),
            }
        )
    work = f"look for news among {files:,} files in {HOURS} landing hours, all loaded"
    steady, ours = "a steady tick of landing_sensor", samples["ours"]
    side = Side.of(steady, ours, seconds)
    yield Row("sensor", work, "s", side, Side.of("a walk that asks for every file", samples["walk"], seconds))
    limit = Side.limit(f"the limit of {SECONDS_MAX:g} s", SECONDS_MAX)
    yield Row("sensor", work, "s", side, limit, Target(at_most=1))
    limit = Side.limit(f"the limit of {MEBIBYTES_MAX} MiB", MEBIBYTES_MAX)
    whole = Side.of(f"{steady}: peak memory of the process, Dagster included", ours, mebibytes)
    yield Row("sensor", work, "MiB", whole, limit, Target(at_most=1))
    added = Side.of(f"{steady}: what it and the ticks before it add to the process", ours, _added_mebibytes)
    yield Row("sensor", work, "MiB", added, limit, Target(at_most=1))


def _added_mebibytes(sample: Sample) -> float:
    return (sample.peak_memory - sample.peak_before) / 2**20


def _make_files(landing: Path, first: Hour, files: int) -> None:
    """Empty files: a tick opens none of them."""
    for step in range(HOURS):
        folder = landing / first.plus(step).folder
        folder.mkdir(parents=True)
        for number in range(step, files, HOURS):
            (folder / f"{number}.csv").touch()
