"""Refresh: a month of the SQL models from what is stored now, before somebody signs, reports or packs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.calendar.month import Month
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.build_models import run_models
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.models import Materialized, SqlModel, read_models

#: Hours that are made anew in one transaction: a day, so that a month of any size holds nothing up for long.
HOURS_AT_A_TIME = 24


def refresh_month(
    database: Database, folder: Path, catalogue: Sequence[Meter], month: Month, clock: Callable[[], datetime]
) -> None:
    """Makes the month's increments and all tables anew, so that what was changed behind the program's back shows."""
    models = read_models(folder)
    last = min(month.hours.last, Hour.containing(clock()))
    if month.hours.first <= last:
        derive_hours(database, models, catalogue, HourRange(month.hours.first, last), clock)
    tables = [model.name for model in models if model.materialized is Materialized.TABLE]
    run_models(database, models, tables, None, catalogue, clock())


def derive_hours(
    database: Database,
    models: Sequence[SqlModel],
    catalogue: Sequence[Meter],
    hours: HourRange,
    clock: Callable[[], datetime],
) -> None:
    """Makes the increments of these hours anew, a day at a time."""
    increments = [model.name for model in models if model.materialized is Materialized.INCREMENT]
    first = hours.first
    while first <= hours.last:
        until = min(first.plus(HOURS_AT_A_TIME - 1), hours.last)
        run_models(database, models, increments, HourRange(first, until), catalogue, clock())
        first = until.plus(1)
