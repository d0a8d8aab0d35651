"""Ours: the load step, from landing files to stored and counted readings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring.stopwatch import Stopwatch
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.run import Run
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.load import load_hours
from fridge_pipeline.ingest.sources_file import read_sources


def load(  # noqa: D103 # see the module
    stopwatch: Stopwatch, *, dsn: str, landing: str, first: str, last: str, inserted: int | None = None
) -> int:
    hours = HourRange(Hour.from_key(first), Hour.from_key(last))
    return _load(stopwatch, dsn, LocalLanding(landing), hours, inserted)


def load_by_source(  # noqa: D103 # see the module
    stopwatch: Stopwatch, *, dsn: str, landing: str, hour: str, sources: str, inserted: int
) -> int:
    hours = HourRange(Hour.from_key(hour), Hour.from_key(hour))
    return _load(stopwatch, dsn, LocalLanding(landing, read_sources(sources)), hours, inserted)


def _load(stopwatch: Stopwatch, dsn: str, zone: LocalLanding, hours: HourRange, inserted: int | None) -> int:
    with stopwatch.running():
        run = Run(Database(dsn), CATALOGUE, lambda: datetime.now(UTC), "benchmark")
        loads = list(load_hours(run, zone, hours, Path(zone.root).parent / "work"))
    stored = sum(load.inserted for load in loads)
    assert inserted in {None, stored}, f"{stored} readings were stored instead of {inserted}"
    return sum(load.rows for load in loads)
