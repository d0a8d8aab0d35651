"""Shards of a heavy hour: in any order, at once or killed, they store what one run stores (laws L1 to L3, L5)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.run import AtFailpoint, Failpoint, pass_by
from fridge_pipeline.definitions import defs
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.load import HourLoad, load_hours
from fridge_pipeline.ingest.rules.landing_files import SHARDS_MAX, LandingFile, NotAShardError, Shard
from fridge_pipeline.orchestration.automation import LOAD_AND_BILL
from fridge_pipeline.orchestration.partitions import range_tags
from fridge_pipeline.orchestration.sharding import LOAD_SHARD, ShardConfig
from tests.pipeline import Pipeline, ProcessDied, dies_after, readings, summed

SHARDS = [Shard(number, 4) for number in range(1, 5)]
FILES = 12
SENSORS, STEP, PER_SENSOR = 10, 5, 8
#: Each file brings half of the sensors of the file before once more.
DISTINCT = (STEP * (FILES - 1) + SENSORS) * PER_SENSOR
ROWS = FILES * SENSORS * PER_SENSOR


@pytest.fixture
def heavy_hour(pipeline: Pipeline, two_days_ago: datetime) -> Hour:
    """An hour whose files overlap, also across shards, with a broken row in each."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for number in range(FILES):
        rows = readings("cohoes", hour, SENSORS, PER_SENSOR, start=number * STEP)
        pipeline.land(hour, f"gateway-{number}.csv", [*rows, ("cohoes", "s0", hour.start, 999.0)])
    return hour


def load_shard(pipeline: Pipeline, hour: Hour, shard: Shard, at_failpoint: AtFailpoint = pass_by) -> HourLoad:
    zone = LocalLanding(str(pipeline.landing))
    run = replace(pipeline.as_run(at_failpoint), run_id=f"shard-{shard}")
    (load,) = load_hours(run, zone, HourRange(hour, hour), pipeline.workspace, shard)
    return load


def assert_everything_is_stored_counted_and_billed_once(pipeline: Pipeline, hour: Hour) -> None:
    assert pipeline.run(hour).unsettled == []
    sums = "select count(*), sum(row_count), sum(inserted_count), sum(duplicate_count), sum(rejected_count)"
    assert pipeline.rows(f"{sums} from fridge.landing_files") == [
        (FILES, ROWS + FILES, DISTINCT, ROWS - DISTINCT, FILES)
    ]
    assert pipeline.one("select count(*) from fridge.stored_readings") == DISTINCT
    assert summed(pipeline.usage()) == DISTINCT
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == DISTINCT


@pytest.mark.parametrize("order", [(1, 2, 3, 4), (4, 3, 2, 1), (3, 1, 4, 2)], ids=str)
def test_L1_shards_in_any_order_store_what_one_run_stores_and_the_usual_run_finds_nothing_left(  # noqa: N802 # the law
    pipeline: Pipeline, heavy_hour: Hour, order: tuple[int, ...]
) -> None:
    loads = [load_shard(pipeline, heavy_hour, Shard(number, 4)) for number in order]
    assert sum(load.listed for load in loads) == FILES
    assert max(load.listed for load in loads) < FILES
    (usual,) = pipeline.load(heavy_hour)
    assert usual.loaded == []
    assert_everything_is_stored_counted_and_billed_once(pipeline, heavy_hour)


def test_L1_shards_and_the_usual_run_all_at_once_store_what_one_run_stores(  # noqa: N802
    pipeline: Pipeline, heavy_hour: Hour
) -> None:
    with ThreadPoolExecutor(5) as pool:
        usual = pool.submit(pipeline.load, heavy_hour)
        list(pool.map(lambda shard: load_shard(pipeline, heavy_hour, shard), SHARDS))
        usual.result()
    assert_everything_is_stored_counted_and_billed_once(pipeline, heavy_hour)


def test_L5_shards_that_are_killed_or_never_run_lose_nothing_because_the_usual_run_loads_the_rest(  # noqa: N802
    pipeline: Pipeline, heavy_hour: Hour
) -> None:
    """One dies right after its files are stored, one is complete, two never run; then the hour is asked for."""
    with pytest.raises(ProcessDied):
        load_shard(pipeline, heavy_hour, SHARDS[2], dies_after(Failpoint.FILES_LOADED))
    load_shard(pipeline, heavy_hour, SHARDS[0])
    (usual,) = pipeline.load(heavy_hour)
    assert 0 < len(usual.loaded) < FILES
    assert_everything_is_stored_counted_and_billed_once(pipeline, heavy_hour)


def test_no_hour_counts_as_loaded_by_shards_alone_so_a_file_that_no_shard_saw_is_still_found(
    pipeline: Pipeline, heavy_hour: Hour
) -> None:
    for shard in SHARDS:
        load_shard(pipeline, heavy_hour, shard)
    assert pipeline.rows("select * from fridge.landing_hours") == []
    pipeline.load(heavy_hour)
    assert pipeline.one("select count(*) from fridge.landing_hours") == 1


def test_the_job_loads_its_shard_claims_no_partition_and_the_usual_job_bills_the_hour(
    pipeline: Pipeline, heavy_hour: Hour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRIDGE_HOME", str(pipeline.workspace.parent / "home"))
    monkeypatch.setenv("FRIDGE_DATABASE_URL", pipeline.database.dsn)
    monkeypatch.setenv("FRIDGE_LANDING_URI", str(pipeline.landing))
    monkeypatch.setenv("FRIDGE_PARTITIONS_START", heavy_hour.plus(-1).key)
    monkeypatch.setenv("STRIPE_API_BASE", pipeline.sandbox.url)
    definitions = defs()
    with dg.DagsterInstance.ephemeral() as instance:
        for shard in SHARDS[:2]:
            config = dg.RunConfig(ops={"load_shard_files": ShardConfig(hour=heavy_hour.key, shard=str(shard))})
            job = definitions.resolve_job_def(LOAD_SHARD)
            assert job.execute_in_process(run_config=config, instance=instance).success
        files = LocalLanding(str(pipeline.landing)).listing(heavy_hour).files
        shares = {file.path for shard in SHARDS[:2] for file in shard.of(files)}
        assert {path for (path,) in pipeline.rows("select path from fridge.landing_files")} == shares
        assert 0 < len(shares) < FILES
        assert instance.get_materialized_partitions(dg.AssetKey("raw_readings")) == set()
        usual = definitions.resolve_job_def(LOAD_AND_BILL)
        tags = range_tags(HourRange(heavy_hour, heavy_hour))
        assert usual.execute_in_process(tags=tags, instance=instance).success
    assert_everything_is_stored_counted_and_billed_once(pipeline, heavy_hour)


@given(st.lists(st.integers(0, 10**9), max_size=50), st.integers(1, SHARDS_MAX))
def test_every_file_falls_to_one_shard_neighbours_together_and_no_shard_is_a_file_heavier_than_its_share(
    sizes: list[int], count: int
) -> None:
    hour = Hour(datetime(2026, 1, 24, 18, tzinfo=UTC))
    files = [LandingFile(f"{hour.folder}/{number:02}.csv", hour, size, "v") for number, size in enumerate(sizes)]
    shares = [Shard(number, count).of(files) for number in range(1, count + 1)]
    assert [file for share in shares for file in share] == files
    heaviest = max((sum(file.size + 1 for file in share) for share in shares), default=0)
    assert heaviest <= sum(size + 1 for size in sizes) / count + max(sizes, default=0) + 1


def test_files_that_no_shard_took_since_others_landed_meanwhile_are_loaded_by_the_usual_run(
    pipeline: Pipeline, heavy_hour: Hour
) -> None:
    """What the shards took for the middle of the listing has moved by then; nothing is left out or stored twice."""
    load_shard(pipeline, heavy_hour, Shard(2, 2))
    for number in range(FILES):
        again = readings("cohoes", heavy_hour, SENSORS, PER_SENSOR, start=number * STEP)
        pipeline.land(heavy_hour, f"again-{number}.csv", again)
    load_shard(pipeline, heavy_hour, Shard(1, 2))
    assert pipeline.one("select count(*) from fridge.landing_files") < 2 * FILES
    pipeline.load(heavy_hour)
    assert pipeline.one("select count(*) from fridge.landing_files") == 2 * FILES
    assert pipeline.one("select count(*) from fridge.stored_readings") == DISTINCT


@pytest.mark.parametrize("text", ["", "0/4", "5/4", "2/65", "2-4", "2/4 ", "-1/4", "٢/٤"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(NotAShardError):
        Shard.from_text(text)
    assert str(Shard.from_text("2/4")) == "2/4"
