"""Dagster alone: the same runs of four assets that do nothing but report as many numbers per hour as ours do."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from benchmarks.measuring.stopwatch import Stopwatch
from fridge_pipeline.calendar.hours import Hour, HourRange, plan_ranges
from fridge_pipeline.database.connection import Database
from fridge_pipeline.orchestration.instance import dagster_environment, hold_connections, storage_dsn
from fridge_pipeline.orchestration.partitions import BACKFILL_POLICY, hourly_partitions, hours_of, range_tags
from fridge_pipeline.settings import read_settings

JOB = "idle"

#: Asset → what it depends on and what ours reports of an hour.
CHAIN: dict[str, tuple[tuple[str, ...], dict[str, int | str]]] = {
    "raw_readings": (
        (),
        {
            "dagster/partition_row_count": 100,
            "files_loaded": 1,
            "rows": 100,
            "inserted": 100,
            "duplicates": 0,
            "rejected": 0,
            "unreadable_files": 0,
            "landing_folder": "/landing/2026-01-24/18",
            "state": "loaded",
        },
    ),
    "inserted_counts": (
        ("raw_readings",),
        {"dagster/partition_row_count": 5, "tenants": 5, "inserted_count": 100},
    ),
    "active_sensors": (
        ("raw_readings",),
        {"dagster/partition_row_count": 5, "tenants": 5, "active_sensors": 20},
    ),
    "meter_events": (
        ("inserted_counts", "active_sensors"),
        {
            "dagster/partition_row_count": 10,
            "events_accepted": 10,
            "stripe_temperature_readings": 100,
            "stripe_active_sensors": 20,
            "state": "delivered",
        },
    ),
}


#: Dagster's PostgreSQL storage as its documentation shows it (psycopg 2 is named for SQLAlchemy's sake).
STOCK_INSTANCE = """
storage:
  postgres:
    postgres_url: {env: BENCH_DAGSTER_URL}
telemetry: {enabled: false}
"""


def backfill(stopwatch: Stopwatch, *, first: str, last: str, stock: bool) -> int:
    """Every hour of the range in as few runs as a backfill makes of them, on our instance or on a ``stock`` one."""
    span = HourRange(Hour.from_key(first), Hour.from_key(last))
    with _stock_instance() if stock else _instance() as instance:
        job = _job(span.first, [])
        with stopwatch.running():
            for hours in plan_ranges(span.hours()):
                _run(job, instance, hours)
        shown = {name: len(instance.get_materialized_partitions(dg.AssetKey(name))) for name in CHAIN}
    assert set(shown.values()) == {span.count}, shown
    return span.count


def start_to_last_asset(stopwatch: Stopwatch, *, hour: str) -> int:
    """One hour, from the start of this process until the last asset could say something to Stripe."""
    only = HourRange(Hour.from_key(hour), Hour.from_key(hour))
    reached: list[float] = []
    with _instance() as instance:
        _run(_job(only.first, reached), instance, only)
    stopwatch.took(reached[-1])
    return 1


@contextmanager
def _instance() -> Iterator[dg.DagsterInstance]:
    os.environ.update(dagster_environment(read_settings(os.environ)))
    with dg.DagsterInstance.get() as instance:
        hold_connections(instance)
        yield instance


@contextmanager
def _stock_instance() -> Iterator[dg.DagsterInstance]:
    """On the same server, without anything of ours."""
    settings = read_settings(os.environ)
    assert settings.database_url is not None
    storage = Database(storage_dsn(settings.database_url))
    Database(settings.database_url).create_beside(storage)
    home = settings.home / "stock"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text(STOCK_INSTANCE, encoding="utf-8")
    url = storage.dsn.replace("postgresql://", "postgresql+psycopg2://", 1)
    os.environ.update({"DAGSTER_HOME": str(home), "BENCH_DAGSTER_URL": url})
    with dg.DagsterInstance.get() as instance:
        yield instance


def _job(first: Hour, reached: list[float]) -> dg.JobDefinition:
    grid = hourly_partitions(first)
    definitions = dg.Definitions(
        assets=[_asset(grid, name, reached) for name in CHAIN],
        jobs=[dg.define_asset_job(JOB)],
        executor=dg.in_process_executor,
    )
    return definitions.resolve_job_def(JOB)


def _asset(grid: dg.HourlyPartitionsDefinition, name: str, reached: list[float]) -> dg.AssetsDefinition:
    deps, numbers = CHAIN[name]

    @dg.asset(name=name, deps=list(deps), partitions_def=grid, backfill_policy=BACKFILL_POLICY)
    def idle(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        reached.append(time.time())
        for hour in hours_of(context).hours():
            context.add_asset_metadata(dict(numbers), partition_key=hour.key)
        return dg.MaterializeResult()

    return idle


def _run(job: dg.JobDefinition, instance: dg.DagsterInstance, hours: HourRange) -> None:
    """As the headless runner does it."""
    result = job.execute_in_process(
        instance=instance,
        tags=range_tags(hours),
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    assert result.success
