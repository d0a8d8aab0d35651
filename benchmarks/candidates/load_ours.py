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


def load(  # noqa: D103 # see the module
    stopwatch: Stopwatch, *, dsn: str, landing: str, first: str, last: str, inserted: int | None = None
) -> int:
    hours = HourRange(Hour.from_key(first), Hour.from_key(last))
    zone, workspace = LocalLanding(landing), Path(landing).parent / "work"
    with stopwatch.running():
        run = Run(Database(dsn), CATALOGUE, lambda: datetime.now(UTC), "benchmark")
        loads = list(load_hours(run, zone, hours, workspace))
    stored = sum(load.inserted for load in loads)
    assert inserted in {None, stored}, f"{stored} readings were stored instead of {inserted}"
    return sum(load.rows for load in loads)
