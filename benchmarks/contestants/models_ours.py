"""Ours: the build step, which makes the SQL models and fills those of an hour."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.measuring.stopwatch import Stopwatch
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.database.build_models import make_models, run_models
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.models import read_models
from fridge_pipeline.settings import MODELS_FOLDER


def run_all_models(stopwatch: Stopwatch, *, dsn: str, hour: str) -> int:
    """All of them for one hour, over whatever was loaded and counted before."""
    models, database, now = read_models(MODELS_FOLDER), Database(dsn), datetime.now(UTC)
    only = Hour.from_key(hour)
    with stopwatch.running():
        make_models(database, MODELS_FOLDER, now)
        names = [model.name for model in models]
        rows = run_models(database, models, names, HourRange(only, only), CATALOGUE, now)
    sensors = {run.model: run.rows_per_hour for run in rows}["sensor_hours"]
    assert sensors, "no usage in the marts"
    return sensors[only]
