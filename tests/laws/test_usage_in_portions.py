"""Usage is read in portions, streamed and folded; none of that may show in the numbers (law L2)."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

import polars as pl
import pytest
from psycopg import sql

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import ACTIVE_SENSORS, INSERTED_COUNT
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.usage import count
from fridge_pipeline.usage.count import prepare_reading, write_usage
from fridge_pipeline.usage.rules.counting import USAGE_SCHEMA
from tests.pipeline import Pipeline, ProcessDied, dies_after, readings

NO_FILES = pl.DataFrame(schema={"file_id": pl.Int32(), "hour": pl.Datetime("us", "UTC")})
USAGE = {0: (20, 2), 1: (31, 4), 3: (12, 3), 4: (7, 1)}


def loaded_alternately(pipeline: Pipeline, first: Hour) -> dict[tuple[str, str], tuple[int, int]]:
    """Five hours, nothing in the third; the files of the others were loaded in turns. Returns their usage."""
    for turn in range(2):
        for step, sensors, per_sensor in ((0, 2, 5), (1, 3, 5), (3, 3, 2), (4, 1, 3)):
            hour = first.plus(step)
            pipeline.land(
                hour,
                f"{turn}.csv",
                [
                    (*row[:2], row[2].replace(microsecond=turn + 1), row[3])
                    for row in readings("cohoes", hour, sensors, per_sensor)
                ],
            )
            pipeline.load(hour)
    pipeline.land(first.plus(1), "2.csv", readings("cohoes", first.plus(1), 1, 1, start=9))
    pipeline.land(first.plus(4), "2.csv", readings("cohoes", first.plus(4), 1, 1))
    pipeline.load(first, first.plus(4))
    return {("cohoes", first.plus(step).key): usage for step, usage in USAGE.items()}


@pytest.mark.parametrize(("per_portion", "alone"), [(1, 8), (1, 0), (32, 8), (45, 0), (10**9, 8)])
def test_usage_is_the_same_in_whatever_portions_the_range_is_read(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch, per_portion: int, alone: int
) -> None:
    first = Hour(two_days_ago)
    expected = loaded_alternately(pipeline, first)
    monkeypatch.setattr(count, "READINGS_PER_PORTION", per_portion)
    monkeypatch.setattr(count, "RUNS_READ_ALONE", alone)
    monkeypatch.setattr(count, "ROWS_TO_MERGE", 1)
    pipeline.count(first, first.plus(4))
    assert pipeline.usage() == expected


def test_what_a_count_had_written_when_it_died_stays_and_the_next_one_writes_the_rest(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Hour(two_days_ago)
    expected = loaded_alternately(pipeline, first)
    monkeypatch.setattr(count, "READINGS_PER_PORTION", 1)
    with pytest.raises(ProcessDied):
        pipeline.count(first, first.plus(4), at_failpoint=dies_after(Failpoint.USAGE_WRITTEN, 2))
    assert pipeline.usage() == dict(list(expected.items())[:2])
    pipeline.count(first, first.plus(4))
    assert pipeline.usage() == expected


def test_each_measure_can_be_counted_without_the_other(pipeline: Pipeline, two_days_ago: datetime) -> None:
    first = Hour(two_days_ago)
    loaded_alternately(pipeline, first)
    span = HourRange(first, first.plus(4))
    counted = count.count_usage(pipeline.database, span, pipeline.clock(), [ACTIVE_SENSORS])
    sensors = [sensors for _, sensors in USAGE.values()]
    assert counted.filter(pl.col("measure") == "active_sensors")["quantity"].to_list() == sensors
    assert pipeline.rows("select measure, quantity from fridge.usage order by hour") == [
        ("active_sensors", each) for each in sensors
    ]
    assert pipeline.rows("select distinct usage_table from fridge.counted_hours") == [("active_sensors",)]


@pytest.mark.parametrize("tenant", ['"', "a,b", "two\nlines", "\\.", "\\N", "''", " padded ", "été 🧊"])
def test_a_tenants_name_is_written_as_it_is_whatever_it_holds(
    pipeline: Pipeline, two_days_ago: datetime, tenant: str
) -> None:
    hour = Hour(two_days_ago)
    with pipeline.database.connect() as connection:
        write_usage(
            connection,
            [INSERTED_COUNT],
            pl.DataFrame([(hour.start, tenant, "inserted_count", 5)], schema=USAGE_SCHEMA, orient="row"),
            NO_FILES,
            HourRange(hour, hour),
            pipeline.clock(),
        )
    assert pipeline.rows("select tenant_id, hour, inserted_count from fridge.inserted_counts") == [
        (tenant, hour.start, 5)
    ]


@pytest.mark.parametrize("columns", ["sensor_key", "file_id, sensor_key, recorded_at"])
def test_the_files_of_an_hour_are_found_by_block_ranges_also_right_after_a_load(
    pipeline: Pipeline, two_days_ago: datetime, columns: LiteralString
) -> None:
    """No statistics yet and late readings: left to itself, the planner would read the month."""
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", [*readings("cohoes", hour, 3, 100), *readings("cohoes", hour.plus(-400), 3, 100)])
    pipeline.load(hour)
    with pipeline.database.connect_bulk() as connection, connection.cursor() as cursor:
        prepare_reading(connection)
        found = sql.SQL(statement("stored_readings_of_files"))
        text = found.format(first=1, last=1, columns=sql.SQL(columns)).as_string()
        cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
        cursor.execute(f"explain (analyze) {text}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Bitmap Index Scan on stored_readings_" in plan
    assert "file_id_idx" in plan
    assert "Seq Scan" not in plan
    assert "_pkey" not in plan
