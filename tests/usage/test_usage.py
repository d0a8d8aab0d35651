from __future__ import annotations

import itertools
from datetime import UTC, datetime

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from fridge_pipeline.catalogue.condition import read_condition
from fridge_pipeline.catalogue.measure import Aggregate, Measure
from fridge_pipeline.usage.rules.counting import (
    USAGE_SCHEMA,
    FileRun,
    bridged,
    columns_read,
    merged,
    names_sensors,
    runs_of,
    sensor_hours,
    sensors_of_hour,
    usage_of_tenants,
)

OF_DOORS = read_condition("sensor_id LIKE 'door-%'", {"sensor_id": str})
START = datetime(2026, 1, 24, 18, tzinfo=UTC)
HOURS = pl.LazyFrame(
    {"file_id": [1, 2, 3], "hour": [START, START, START.replace(hour=19)]},
    schema={"file_id": pl.Int32, "hour": pl.Datetime("us", "UTC")},
)
TENANTS = pl.LazyFrame(
    {"sensor_key": [1, 2, 3], "tenant_id": ["a", "a", "b"]}, schema={"sensor_key": pl.Int32, "tenant_id": pl.String}
)
#: File 4 is another hour's: it is read along and must not count.
STORED = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), max_size=60)


def stored(rows: list[tuple[int, int]]) -> pl.LazyFrame:
    return pl.LazyFrame(rows, schema={"file_id": pl.Int32, "sensor_key": pl.Int32}, orient="row")


def counted_by_hand(rows: list[tuple[int, int]]) -> pl.DataFrame:
    named = [({1: 18, 2: 18, 3: 19}[file], {1: "a", 2: "a", 3: "b"}[sensor], sensor) for file, sensor in rows]
    counted = []
    for hour, tenant in sorted({(hour, tenant) for hour, tenant, _ in named}):
        sensors = [sensor for h, t, sensor in named if (h, t) == (hour, tenant)]
        of_tenant = (START.replace(hour=hour), tenant)
        counted += [(*of_tenant, "active_sensors", len(set(sensors))), (*of_tenant, "inserted_count", len(sensors))]
    return pl.DataFrame(counted, schema=USAGE_SCHEMA, orient="row")


@given(STORED, st.integers(1, 7), st.integers(1, 4))
def test_usage_is_the_same_however_the_stored_readings_are_cut_into_batches_and_merged(
    rows: list[tuple[int, int]], size: int, merged_each: int
) -> None:
    waiting: list[pl.DataFrame] = []
    for start in range(0, len(rows), size):
        waiting.append(sensor_hours(stored(rows[start : start + size]), HOURS).collect())
        if len(waiting) > merged_each:
            waiting = [merged(waiting)]
    usage = usage_of_tenants(merged(waiting).lazy(), TENANTS).collect()
    counted = usage.filter(pl.col("measure").is_in(["inserted_count", "active_sensors"]))
    assert_frame_equal(counted, counted_by_hand([row for row in rows if row[0] < 4]))


@given(st.lists(st.integers(1, 3), max_size=40))
def test_an_hour_read_alone_is_counted_as_it_is_among_others(sensors: list[int]) -> None:
    rows = [(1, sensor) for sensor in sensors]
    alone = sensors_of_hour(stored(rows).select("sensor_key"), START).collect()
    assert_frame_equal(alone, sensor_hours(stored(rows), HOURS).collect(), check_row_order=False)


def test_only_a_measure_that_compares_sensors_has_their_names_read() -> None:
    of_all, of_some = Measure("all_readings", Aggregate.COUNT), Measure("doors", Aggregate.COUNT, condition=OF_DOORS)
    assert (columns_read([of_all]), names_sensors([of_all])) == ([], False)
    assert names_sensors([of_all, of_some])
    rows = stored([(1, 1), (1, 1), (1, 2)]).select("sensor_key")
    found = sensors_of_hour(rows, START, [of_all, Measure("any_sensor", Aggregate.DISTINCT)]).collect()
    assert sorted(found.select("sensor_key", "all_readings", "any_sensor").rows()) == [(1, 2, 1), (2, 1, 1)]


@given(st.sets(st.integers(1, 60)), st.integers(0, 5))
def test_runs_hold_exactly_the_files_that_are_asked_for_and_bridged_ones_only_short_gaps_more(
    wanted: set[int], between_max: int
) -> None:
    runs = runs_of(wanted)
    assert [file_id for run in runs for file_id in range(run.first, run.last + 1)] == sorted(wanted)
    assert all(later.first - run.last > 1 for run, later in itertools.pairwise(runs))
    fewer = bridged(runs, between_max)
    assert wanted <= {file_id for run in fewer for file_id in range(run.first, run.last + 1)}
    assert all(later.first - run.last - 1 > between_max for run, later in itertools.pairwise(fewer))


def test_two_hours_that_were_loaded_alternately_are_read_in_one_run_each() -> None:
    assert len(runs_of(range(1, 4001, 2))) == 2000
    assert bridged(runs_of(range(1, 4001, 2))) == [FileRun(1, 3999)]
