from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from fridge_pipeline.domain import usage

START = datetime(2026, 1, 24, 18, tzinfo=UTC)
HOURS = pl.LazyFrame(
    {"file_id": [1, 2, 3], "hour": [START, START, START.replace(hour=19)]},
    schema={"file_id": pl.Int32, "hour": pl.Datetime("us", "UTC")},
)
TENANTS = pl.LazyFrame(
    {"sensor_key": [1, 2, 3], "tenant_id": ["a", "a", "b"]}, schema={"sensor_key": pl.Int32, "tenant_id": pl.String}
)
STORED = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=60)


def stored(rows: list[tuple[int, int]]) -> pl.LazyFrame:
    return pl.LazyFrame(rows, schema={"file_id": pl.Int32, "sensor_key": pl.Int32}, orient="row")


@given(STORED, st.integers(1, 7))
def test_usage_is_the_same_however_the_stored_readings_are_cut_into_batches(
    rows: list[tuple[int, int]], size: int
) -> None:
    batches = [rows[start : start + size] for start in range(0, len(rows), size)] or [[]]
    folded = pl.concat([usage.readings_per_sensor(stored(batch)) for batch in batches])
    per_sensor = usage.sensor_hours(folded, HOURS, TENANTS)
    counts = usage.inserted_counts(per_sensor).collect()
    sensors = usage.active_sensors(per_sensor).collect()

    named = [({1: 18, 2: 18, 3: 19}[file], {1: "a", 2: "a", 3: "b"}[sensor], sensor) for file, sensor in rows]
    keys = sorted({(hour, tenant) for hour, tenant, _ in named})
    expected = pl.DataFrame(
        {
            "hour": [START.replace(hour=hour) for hour, _ in keys],
            "tenant_id": [tenant for _, tenant in keys],
            "inserted_count": [sum((h, t) == key for h, t, _ in named) for key in keys],
            "active_sensors": [len({s for h, t, s in named if (h, t) == key}) for key in keys],
        },
        schema={
            "hour": pl.Datetime("us", "UTC"),
            "tenant_id": pl.String,
            "inserted_count": pl.Int64,
            "active_sensors": pl.Int64,
        },
    )
    assert_frame_equal(
        counts.join(sensors, on=["hour", "tenant_id"], how="full", coalesce=True).sort("hour", "tenant_id"), expected
    )
