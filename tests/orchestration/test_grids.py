"""Keys that are no partition: every asset refuses them, says which are, and does nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.orchestration.grid_start import settle_grid
from fridge_pipeline.orchestration.runs import failure_text
from fridge_pipeline.resources import RESOURCES
from tests.orchestration.ticks import asset_job, run_hours
from tests.pipeline import Pipeline, readings

HOURLY = (
    "raw_readings",
    "inserted_counts",
    "active_sensors",
    "declared_measures",
    "meter_events",
    "sensor_hours",
    "declared_hours",
    "recorded_months",
    "kept_outcomes",
    "kept_owed_hours",
    "kept_recorded_months",
    "kept_signed_changes",
    "kept_tenant_days",
    "backfill_plan",
)
DAILY = ("stripe_reconciliation", "stripe_invoices")
MONTHLY = ("evidence_pack", "audit_report")

NOW = datetime.now(UTC)
YESTERDAY = f"{NOW - timedelta(days=1):%Y-%m-%d}"
TODAY = f"{NOW:%Y-%m-%d}"
MONTH = f"{NOW:%Y-%m}"


def refusal(job: dg.JobDefinition, first: str, last: str | None = None) -> str:
    """Why a run of an asset for these keys did not begin, or failed; nothing was materialized."""
    tags = {"dagster/partition": first}
    if last is not None:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    with dg.DagsterInstance.ephemeral() as instance:
        try:
            result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        except (ValueError, dg.DagsterUnknownPartitionError) as error:
            return str(error)
        assert not [event for event in result.all_events if event.is_step_materialization]
        assert not result.success, f"it took {first}"
        return failure_text(result.all_events)


def test_every_partitioned_asset_is_on_one_of_the_three_grids(definitions: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec.partitions_def for spec in definitions.resolve_all_asset_specs()}
    assert {name for name, grid in specs.items() if grid is not None} == {*HOURLY, *DAILY, *MONTHLY}


@pytest.mark.parametrize(
    ("asset", "keys"),
    [
        (HOURLY[0], (f"{YESTERDAY}-05:01", f"{YESTERDAY}-5:00", YESTERDAY, MONTH, "2020-01-01-00:00")),
        *((asset, ()) for asset in HOURLY[1:]),
    ],
)
def test_an_hourly_asset_refuses_half_hours_other_grids_hours_ahead_and_hours_before_the_grid(
    definitions: dg.Definitions, asset: str, keys: tuple[str, ...]
) -> None:
    job, ahead = asset_job(definitions, [asset]), f"{NOW + timedelta(days=3):%Y-%m-%d-%H:00}"
    for key in (f"{YESTERDAY}-05:30", *keys):
        assert key in refusal(job, key)
    assert Hour.containing(datetime.now(UTC)).key in refusal(job, ahead), "the nearest there is"


@pytest.mark.parametrize("asset", HOURLY)
def test_an_hourly_asset_refuses_a_range_of_which_one_end_is_no_hour_of_the_grid(
    definitions: dg.Definitions, asset: str
) -> None:
    job, good, later = asset_job(definitions, [asset]), f"{YESTERDAY}-05:00", f"{YESTERDAY}-07:00"
    before, ahead = f"{NOW - timedelta(days=6):%Y-%m-%d-%H:00}", f"{NOW + timedelta(days=3):%Y-%m-%d-%H:00}"
    ranges = (
        (good, f"{YESTERDAY}-07:30", "07:30"),
        (f"{YESTERDAY}-05:30", later, "05:30"),
        (good, ahead, ahead),
        (before, good, before),
        (later, good, later),
    )
    for first, last, named in ranges if asset == HOURLY[0] else ranges[:1]:
        assert named in refusal(job, first, last)


@pytest.mark.parametrize(
    ("asset", "keys"),
    [
        *((asset, (f"{TODAY}-05:00", MONTH, "2020-01-01", "2031-01-01", "soon")) for asset in DAILY),
        *((asset, (TODAY, f"{TODAY}-05:00", "2020-01", "2031-01", "soon")) for asset in MONTHLY),
    ],
)
def test_daily_and_monthly_assets_refuse_the_keys_of_other_grids_and_what_is_outside_theirs(
    definitions: dg.Definitions, asset: str, keys: tuple[str, ...]
) -> None:
    job = asset_job(definitions, [asset])
    for key in keys:
        assert key in refusal(job, key)


def test_nothing_of_the_next_hour_is_loaded_under_a_key_between_two_hours(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    for step in (0, 1):
        pipeline.land(hour.plus(step), "a.csv", readings("cohoes", hour.plus(step), 2, 5))
    job, between = asset_job(definitions, ["raw_readings"]), hour.key.replace(":00", ":30")
    assert between in refusal(job, between)
    assert between in refusal(job, hour.key, between)
    assert pipeline.one("select count(*) from fridge.landing_files") == 0


def test_a_run_without_a_partition_says_which_there_are(definitions: dg.Definitions) -> None:
    for asset in (*HOURLY, *DAILY, *MONTHLY):
        with dg.DagsterInstance.ephemeral() as instance:
            result = asset_job(definitions, [asset]).execute_in_process(instance=instance, raise_on_error=False)
        assert "names no partition" in failure_text(result.all_events), asset


def test_a_shard_of_an_hour_off_the_grid_is_refused(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("load_shard")
    for hour in (f"{YESTERDAY}-05:30", "2020-01-01-00:00", f"{NOW + timedelta(days=3):%Y-%m-%d-%H:00}"):
        config = {"ops": {"load_shard_files": {"config": {"hour": hour, "shard": "1/2"}}}}
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(run_config=config, instance=instance, raise_on_error=False)
        assert not result.success
        assert hour in failure_text(result.all_events)


def test_the_grid_of_fridge_up_begins_at_the_first_landing_hour_and_earlier_once_an_earlier_folder_waits(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    grid = Hour.from_key("2026-01-01-00:00")

    def start(wanted: str = "first", **environ: str) -> str:
        where = {"FRIDGE_DATABASE_URL": pipeline.database.dsn, "FRIDGE_LANDING_URI": str(pipeline.landing), **environ}
        where |= {"FRIDGE_PARTITIONS_START": wanted}
        settle_grid(where)
        return where["FRIDGE_PARTITIONS_START"]

    assert start() == grid.key, "nobody knows an hour"
    pipeline.land(hour.plus(1), "a.csv", readings("cohoes", hour.plus(1), 1, 2))
    assert start() == hour.plus(1).key, "before the first load it is the first folder"
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_hours(definitions, instance, HourRange(hour.plus(1), hour.plus(1))).success
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 2))
        assert start() == hour.plus(1).key, "then the first of which a file was loaded"
        for before in (hour.plus(-24 * 30), grid.plus(-1)):  # both are before the grid of these definitions
            pipeline.land(before, "a.csv", readings("cohoes", before, 1, 2))
        landing_tick = definitions.get_sensor_def("landing_sensor")
        with dg.build_sensor_context(instance=instance, definitions=definitions, resources=RESOURCES) as context:
            landing_tick.evaluate_tick(context)
    assert start() == hour.plus(-24 * 30).key, "and of what waits before it nothing before a grid that nobody sets"
    assert start(hour.plus(5).key) == hour.plus(5).key
    assert start(FRIDGE_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none") == grid.key
