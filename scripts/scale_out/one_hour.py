"""One heavy hour: loaded by one process, and by several that take a shard each; then counted."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from deliveries import closed_hours, land

from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.run import Run
from fridge_pipeline.ingest.landing.zone import open_landing_zone
from fridge_pipeline.ingest.load import load_hours
from fridge_pipeline.ingest.rules.landing_files import Shard
from fridge_pipeline.operations.prepare_database import prepare_database
from fridge_pipeline.settings import MODELS_FOLDER
from fridge_pipeline.usage.count import count_usage
from tests.world import World

#: Processes and shards; the first is how it works without shards. In turns, twice: the machine may slow down meanwhile.
SETUPS = ((1, 1), (2, 2), (2, 4), (1, 1), (2, 2), (2, 4))


@dataclass(frozen=True, slots=True)
class HourSpeed:
    """How long the load and the count of an hour took."""

    processes: int
    shards: int
    readings: int
    load_seconds: float
    count_seconds: float


def measure_one_hour(home: Path, readings: int, seed: int) -> list[HourSpeed]:
    """Each setup on a database of its own; starting processes and importing is not timed."""
    landed = land(home / "landing", closed_hours(datetime.now(UTC), 1), readings, seed)
    speeds = []
    for turn, (processes, shards) in enumerate(SETUPS):
        with World(home / f"turn-{turn}") as world, _pool(processes) as pool:
            dsn = world.address.dsn()
            prepare_database(Database(dsn), MODELS_FOLDER, datetime.now(UTC))
            list(pool.map(_warm, [dsn] * processes))
            tasks = [(dsn, str(home / "landing"), landed.hours, f"{number + 1}/{shards}") for number in range(shards)]
            began = time.monotonic()
            stored = sum(pool.map(_load, tasks))
            loaded = time.monotonic()
            count_usage(Database(dsn), landed.hours, datetime.now(UTC))
            speeds.append(HourSpeed(processes, shards, readings, loaded - began, time.monotonic() - loaded))
        if stored != landed.readings:
            raise RuntimeError(f"{shards} shards stored {stored} of {landed.readings} readings")
    return speeds


def _pool(processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(processes, mp_context=get_context("spawn"))


def _warm(dsn: str) -> None:
    with Database(dsn).connect() as connection:
        connection.execute("select pg_sleep(0.5)")  # so that each process gets one


def _load(task: tuple[str, str, HourRange, str]) -> int:
    dsn, landing, hours, text = task
    shard = Shard.from_text(text)
    loads = load_hours(
        Run(Database(dsn), CATALOGUE, _now, "scale-out"),
        open_landing_zone(landing),
        hours,
        Path(landing).parent / "work" / text.replace("/", "-"),
        None if shard.count == 1 else shard,
    )
    return sum(load.inserted for load in loads)


def _now() -> datetime:
    return datetime.now(UTC)
