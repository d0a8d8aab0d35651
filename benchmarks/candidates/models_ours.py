"""Ours: the SQL models are made, and filled for an hour."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.measuring.stopwatch import Stopwatch
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.fill_models import fill_hours, fill_tables
from fridge_pipeline.database.make_models import make_models
from fridge_pipeline.database.models import read_models
from fridge_pipeline.settings import MODELS_FOLDER


def run_all_models(stopwatch: Stopwatch, *, dsn: str, hour: str) -> int:
    """All of them for one hour, over whatever was loaded and counted before."""
    models, database, now = read_models(MODELS_FOLDER), Database(dsn), datetime.now(UTC)
    only = Hour.from_key(hour)
    with stopwatch.running():
        make_models(database, MODELS_FOLDER, now)
        sensors = fill_hours(database, models, HourRange(only, only), CATALOGUE, lambda: now)["sensor_hours"]
        fill_tables(database, models, CATALOGUE)
    assert sensors, "no usage in the marts"
    return sensors[only]
