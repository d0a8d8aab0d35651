"""Ours: the retention step, which drops whole months of readings."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.measuring.stopwatch import Stopwatch
from fridge_pipeline.database.connection import Database
from fridge_pipeline.operations.drop_old_readings import drop_old_readings


def drop_month(stopwatch: Stopwatch, *, dsn: str, readings: int) -> int:
    """Every month before the current one and one other; only one of them may hold readings."""
    database = Database(dsn)
    with stopwatch.running():
        dropped = drop_old_readings(database, 1, "the benchmark", lambda: datetime.now(UTC))
    full = [month for month in dropped if month.size_bytes > readings]  # a reading takes more than a byte
    assert len(full) == 1, f"dropped {[f'{month.month:%Y-%m}' for month in full]} instead of one month with readings"
    return readings
