"""L1 counted once, L2 counted from what is stored, L3 nothing vanishes."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.connection import Database
from tests.pipeline import Clock, Pipeline, as_frame, readings, summed
from tests.sandbox_process import SandboxProcess, fresh_name

#: Deliveries as (landing hour, first sensor, sensors, readings per sensor): they overlap at random.
DELIVERIES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(1, 3), st.integers(1, 4)), min_size=1, max_size=6
)


@settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(deliveries=DELIVERIES, shuffle=st.randoms(use_true_random=False))
def test_L1_a_reading_counts_once_whatever_the_order_repetition_and_overlap_of_loads(  # noqa: N802 # the law's name
    database: Database,
    stripe_sandbox: SandboxProcess,
    tmp_path: Path,
    two_days_ago: datetime,
    deliveries: list[tuple[int, int, int, int]],
    shuffle: random.Random,
) -> None:
    """The grand total is the number of distinct identities, and each is counted in exactly one hour."""
    tenant = fresh_name("tenant")
    pipeline = Pipeline(database, stripe_sandbox, tmp_path / "landing", tmp_path / tenant, Clock(two_days_ago))
    recorded = Hour(two_days_ago).plus(-30)
    batches = [
        (Hour(two_days_ago).plus(at - 10), readings(tenant, recorded, sensors, per_sensor, start))
        for at, start, sensors, per_sensor in deliveries
    ]
    for number, (hour, rows) in enumerate(batches * 2):  # every delivery twice, under two names
        pipeline.land(hour, f"{tenant}-{number}.csv", rows)
    hours = [hour for hour, _ in batches] * 2
    shuffle.shuffle(hours)
    for hour in hours:
        pipeline.load(hour)
    pipeline.count(Hour(two_days_ago).plus(-10), Hour(two_days_ago).plus(-8))

    distinct = {row[:3] for _, rows in batches for row in rows}
    own = {key: usage for key, usage in pipeline.usage().items() if key[0] == tenant}
    assert summed(own) == len(distinct)
    assert pipeline.one("select count(*) from fridge.readings where tenant_id = %s", tenant) == len(distinct)


def test_L1_postgresql_itself_refuses_to_store_a_reading_twice(pipeline: Pipeline, two_days_ago: datetime) -> None:  # noqa: N802
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 1))
    pipeline.load(hour)
    with pipeline.database.connect() as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("insert into fridge.stored_readings select * from fridge.stored_readings")


def test_L1_eight_runs_of_one_hour_at_the_same_time_end_in_the_right_counts(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Files that overlap pairwise, loaded by eight threads at once: every identity once, every row accounted."""
    hour = Hour(two_days_ago)
    for number in range(12):
        pipeline.land(hour, f"{number:02}.csv", readings("cohoes", hour, 20, 50, start=number * 10))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pipeline.load(hour), range(8)))
    pipeline.count(hour)
    assert pipeline.usage() == {("cohoes", hour.key): (130 * 50, 130)}
    assert pipeline.rows(
        "select count(*), sum(row_count), sum(inserted_count), sum(duplicate_count) from fridge.landing_files"
    ) == [(12, 12 * 1000, 130 * 50, 12 * 1000 - 130 * 50)]


def test_L1_two_tenants_may_use_the_same_sensor_id_at_the_same_time(pipeline: Pipeline, two_days_ago: datetime) -> None:  # noqa: N802
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 5) + readings("troy", hour, 1, 5))
    pipeline.load(hour)
    pipeline.count(hour)
    assert pipeline.usage() == {("cohoes", hour.key): (5, 1), ("troy", hour.key): (5, 1)}


def test_L1_a_late_copy_in_a_later_hour_counts_in_the_hour_that_was_loaded_first(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    early, late = Hour(two_days_ago), Hour(two_days_ago).plus(5)
    pipeline.land(early, "a.csv", readings("cohoes", early, 2, 10))
    pipeline.land(late, "b.csv", readings("cohoes", early, 3, 10))
    pipeline.load(early, late)
    pipeline.count(early, late)
    assert pipeline.usage() == {("cohoes", early.key): (20, 2), ("cohoes", late.key): (10, 1)}


def test_L2_counting_an_hour_again_gives_the_same_numbers_and_never_turns_them_into_zero(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 5, 100))
    for _ in range(3):
        pipeline.load(hour)
        pipeline.count(hour)
        assert pipeline.usage() == {("cohoes", hour.key): (500, 5)}


def test_L2_counting_a_range_gives_what_counting_its_hours_one_by_one_gives(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first, last = Hour(two_days_ago), Hour(two_days_ago).plus(3)
    for step in range(4):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step - 1), 2, 7 + step))
    pipeline.load(first, last)
    pipeline.count(first, last)
    at_once = pipeline.usage()
    for step in range(4):
        pipeline.count(first.plus(step))
    assert pipeline.usage() == at_once
    assert summed(at_once) == 2 * (7 + 8 + 9 + 10)


def test_L3_rows_are_inserted_plus_duplicate_plus_rejected_for_every_file(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    good = readings("cohoes", hour, 2, 10)
    bad = [
        ("cohoes", "s9", hour.start, 151.0),
        ("", "s9", hour.start, 4.0),
        ("cohoes", "s9", hour.end + timedelta(minutes=6), 4.0),
    ]
    pipeline.land(hour, "a.csv", good[:15])
    pipeline.land(hour, "b.csv", good + good[:3] + bad)
    pipeline.load(hour)
    counts = pipeline.rows(
        "select row_count, inserted_count, duplicate_count, rejected_count from fridge.landing_files order by path"
    )
    assert counts == [(15, 15, 0, 0), (26, 5, 18, 3)]
    assert pipeline.rows("select line, reason from fridge.rejected_readings order by line") == [
        (25, "temperature out of range"),
        (26, "missing tenant_id"),
        (27, "time too late for the landing hour"),
    ]


def test_L3_an_unreadable_file_is_an_exception_and_its_neighbours_load(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 3))
    pipeline.land(hour, "b.parquet", b"half a parquet file")
    pipeline.land(hour, "c.csv.gz", b"no gzip")
    pipeline.land(hour, "d.xlsx", b"PK")
    pipeline.land(hour, "e.csv", b"")
    pipeline.land(hour, "z.csv", readings("cohoes", hour, 2, 3))
    (load,) = pipeline.load(hour)
    assert (load.inserted, load.duplicates, load.unreadable) == (6, 3, 4)
    exceptions = pipeline.rows(
        "select subject, closed_at from fridge.exceptions where kind = 'unreadable_file' order by 1"
    )
    assert exceptions == [(f"{hour.folder}/{name}", None) for name in ("b.parquet", "c.csv.gz", "d.xlsx", "e.csv")]
    assert pipeline.rows("select distinct row_count, status from fridge.landing_files where status <> 'loaded'") == [
        (0, "unreadable")
    ]


def test_L3_a_file_that_is_delivered_whole_after_all_closes_its_exception_and_counts_only_its_new_readings(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    rows = readings("cohoes", hour, 4, 5)
    path = pipeline.land(hour, "a.parquet", b"half")
    pipeline.load(hour)
    as_frame(rows).write_parquet(path)
    pipeline.load(hour)
    assert pipeline.rows("select status, row_count, inserted_count from fridge.landing_files order by file_id") == [
        ("unreadable", 0, 0),
        ("loaded", 20, 20),
    ]
    assert pipeline.one("select count(*) from fridge.exceptions where closed_at is null") == 0


def test_L3_a_file_that_changes_after_loading_is_noticed_by_its_content_and_recorded(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.load(hour)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 3, 10))
    pipeline.load(hour)
    assert pipeline.rows(
        "select row_count, inserted_count, duplicate_count from fridge.landing_files order by file_id"
    ) == [
        (10, 10, 0),
        (30, 20, 10),
    ]


def test_L3_a_file_that_grows_without_another_modification_time_is_loaded_again(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Times of two seconds on a memory card, or the same for every file where a device has no clock."""
    hour = Hour(two_days_ago)
    for sensors in (1, 3, 3):
        os.utime(pipeline.land(hour, "a.csv", readings("cohoes", hour, sensors, 10)), ns=(1, 1))
        pipeline.load(hour)
    assert pipeline.rows("select row_count, inserted_count from fridge.landing_files order by file_id") == [
        (10, 10),
        (30, 20),
    ]


def test_L3_a_file_that_is_only_touched_is_not_loaded_again(pipeline: Pipeline, two_days_ago: datetime) -> None:  # noqa: N802
    hour = Hour(two_days_ago)
    path = pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.load(hour)
    path.touch()
    (load,) = pipeline.load(hour)
    assert load.loaded == []
    assert pipeline.one("select count(*) from fridge.landing_files") == 1
