"""Real readings: a third of a year of deliveries, half of them repeated, against independently made totals."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from fridge_pipeline.billing.rules.staging import StagingPolicy
from fridge_pipeline.billing.stage import stage_hours
from fridge_pipeline.calendar.hours import Hour, HourRange, plan_ranges
from fridge_pipeline.settings import REPOSITORY
from tests.pipeline import CLOSE_AFTER, Pipeline, summed

LAND = REPOSITORY.parent / "shared" / "data" / "purpleair" / "land.py"

pytestmark = pytest.mark.skipif(
    not LAND.exists(), reason=f"the real readings are not part of the project: {LAND} is missing"
)

#: The last landing hours of the real data; all 196 are billed by hand with `fridge bill`, see docs.
HOURS = 10


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[str, str], tuple[int, int]]]:
    """The landing zone as it really was, and what loading its hours in order must give."""
    folder = tmp_path_factory.mktemp("purpleair")
    landing, expected = folder / "landing", folder / "expected.csv"
    command = [sys.executable, str(LAND), "--out", str(landing), "--last", str(HOURS), "--expect", str(expected)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    rows = pl.read_csv(expected).iter_rows()
    return landing, {(tenant, hour): (inserted, sensors) for tenant, hour, inserted, sensors in rows}


def landed(pipeline: Pipeline, source: Path) -> list[Hour]:
    """Copies the deliveries into the pipeline's landing zone; its landing hours in order."""
    shutil.copytree(source, pipeline.landing, dirs_exist_ok=True)
    folders = [path for path in pipeline.landing.glob("*/*") if path.is_dir()]
    return sorted(Hour.from_folder(f"{path.parent.name}/{path.name}") for path in folders)


def test_every_tenant_hour_of_the_real_deliveries_comes_out_exactly_as_expected_twice_in_a_row(
    pipeline: Pipeline, deliveries: tuple[Path, dict[tuple[str, str], tuple[int, int]]]
) -> None:
    source, expected = deliveries
    hours = landed(pipeline, source)
    for _ in range(2):
        for span in plan_ranges(hours):
            pipeline.load(span.first, span.last)
            pipeline.count(span.first, span.last)
        assert pipeline.usage() == expected
    assert_every_row_is_accounted(pipeline)


@pytest.mark.parametrize("order", ["reversed", "random, every file twice"])
def test_the_grand_total_does_not_depend_on_the_order_or_repetition_of_real_deliveries(
    pipeline: Pipeline, deliveries: tuple[Path, dict[tuple[str, str], tuple[int, int]]], order: str
) -> None:
    source, expected = deliveries
    hours = landed(pipeline, source)
    if order == "reversed":
        hours.reverse()
    else:
        for path in [path for path in pipeline.landing.rglob("*.*") if path.is_file() and path.name != "tenants.csv"]:
            shutil.copy(path, path.with_name(f"again-{path.name}"))
        random.Random(7).shuffle(hours)  # noqa: S311 # a repeatable order, not a secret
    for hour in hours:
        pipeline.load(hour)
    pipeline.count(min(hours), max(hours))
    assert summed(pipeline.usage()) == summed(expected)
    assert_every_row_is_accounted(pipeline)


def test_of_all_real_deliveries_only_the_backlog_of_months_is_held_and_no_ordinary_day(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """Each hour is judged as on its own day. In May and June 2024 up to a year of readings arrived within an hour."""
    expected = tmp_path / "expected.csv"
    command = [sys.executable, str(LAND), "--out", str(tmp_path / "all"), "--expect", str(expected)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    rows = [
        (tenant, Hour.from_key(hour).start, inserted, sensors)
        for tenant, hour, inserted, sensors in pl.read_csv(expected).iter_rows()
    ]
    with pipeline.database.connect() as connection, connection.cursor() as cursor:
        with cursor.copy(b"copy fridge.usage (tenant_id, hour, measure, quantity, computed_at) from stdin") as copy:
            for tenant, hour, inserted, sensors in rows:
                copy.write_row((tenant, hour, "inserted_count", inserted, hour))
                copy.write_row((tenant, hour, "active_sensors", sensors, hour))
        cursor.execute(
            "insert into fridge.tenants select distinct tenant_id, null, 'cus_' || tenant_id"
            " from fridge.inserted_counts"
        )
    hours = sorted({Hour(row[1]) for row in rows})
    outliers = [
        outlier.case
        for hour in hours
        for outlier in stage_hours(
            replace(pipeline.as_run(), clock=lambda hour=hour: hour.end + CLOSE_AFTER),  # type: ignore[misc]
            HourRange(hour, hour),
            StagingPolicy(CLOSE_AFTER),
        ).outliers
    ]
    assert {case.hour.start.strftime("%Y-%m") for case in outliers} == {"2024-05", "2024-06"}
    assert {case.meter.event_name for case in outliers} == {"temperature_readings"}
    assert (len(outliers), len(rows)) == (22, 661)


def assert_every_row_is_accounted(pipeline: Pipeline) -> None:
    """Law L3 on every file, and the sum of what was inserted is what is stored."""
    files = pipeline.rows("select row_count, inserted_count, duplicate_count, rejected_count from fridge.landing_files")
    assert all(rows == inserted + duplicates + rejected for rows, inserted, duplicates, rejected in files)
    assert sum(inserted for _, inserted, _, _ in files) == pipeline.one("select count(*) from fridge.readings")
