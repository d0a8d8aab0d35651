"""What Dagster keeps of a ranged run is written in batches; its pages must still show every hour for itself."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import dagster as dg
import pytest
import sqlalchemy

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.connection import Database
from fridge_pipeline.installation import open_ledger
from fridge_pipeline.orchestration import dagster_storage
from fridge_pipeline.orchestration.automation import LOAD_AND_BILL
from fridge_pipeline.orchestration.headless import HeadlessRunner
from fridge_pipeline.orchestration.instance import EVENT_BATCH_SIZE, hold_connections, storage_dsn
from fridge_pipeline.orchestration.lost_runs import PROCESS_TAG, find_lost_runs, this_process
from fridge_pipeline.orchestration.partitions import hourly_partitions
from fridge_pipeline.orchestration.runs import report_lost_runs
from fridge_pipeline.settings import read_settings
from tests.orchestration.test_runs import CHAIN, metadata
from tests.orchestration.ticks import run_hours
from tests.pipeline import Pipeline, readings

STORAGE = {"module": "fridge_pipeline.orchestration.dagster_storage", "class": "InstallationStorage", "config": {}}


@pytest.fixture
def kept(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance with the installation's storage, in PostgreSQL beside the books."""
    storage = Database(storage_dsn(pipeline.database.dsn))
    pipeline.database.create_beside(storage)
    url = storage.dsn.replace("postgresql://", "postgresql+psycopg2://")
    monkeypatch.setattr(dagster_storage, "_storage_url", lambda: url)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(EVENT_BATCH_SIZE))
    with dg.instance_for_test(overrides={"storage": {"custom": STORAGE}}) as instance:
        hold_connections(instance)
        yield instance


def test_every_hour_of_a_ranged_run_is_planned_and_each_with_files_is_materialized_with_its_own_numbers(
    definitions: dg.Definitions, pipeline: Pipeline, kept: dg.DagsterInstance, two_days_ago: datetime
) -> None:
    first, hours = Hour(two_days_ago).plus(-20), 60  # more events than one batch holds
    pipeline.add_tenant("cohoes")
    for step in range(0, hours, 7):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step), 2, 1 + step))
    result = run_hours(definitions, kept, HourRange(first, first.plus(hours - 1)))
    assert result.success
    keys = {first.plus(step).key for step in range(hours)}
    planned = Counter(
        (str(event.asset_key and event.asset_key.to_user_string()), event.partition)
        for record in kept.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
        if (event := record.dagster_event) is not None
    )
    for asset in CHAIN:
        assert {key: planned[asset, key] for key in keys} == dict.fromkeys(keys, 1)
        held = {first.plus(step).key for step in range(0, hours, 7)}
        assert kept.get_materialized_partitions(dg.AssetKey(asset)) == held
    for step in (0, 7, 56):
        assert metadata(kept, "inserted_counts", first.plus(step))["inserted_count"] == 2 * (1 + step)
        assert metadata(kept, "active_sensors", first.plus(step))["active_sensors"] == 2


def test_hours_that_were_not_delivered_are_shown_as_failed(
    definitions: dg.Definitions,
    pipeline: Pipeline,
    kept: dg.DagsterInstance,
    two_days_ago: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dagster can only tell from what was planned, hour by hour."""
    first = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", first.plus(1), 2, 5)
    monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:9")
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_unreachable")
    assert not run_hours(definitions, kept, HourRange(first, first.plus(2))).success
    keys = [first.plus(step).key for step in range(3)]
    shown = kept.get_status_by_partition(dg.AssetKey("meter_events"), keys, hourly_partitions(first))
    assert {key: status and status.value for key, status in (shown or {}).items()} == {
        keys[0]: "MATERIALIZED",
        keys[1]: "FAILED",
        keys[2]: "MATERIALIZED",
    }


@pytest.mark.parametrize(
    ("wanted", "other"), [("inserted_counts", "active_sensors"), ("active_sensors", "inserted_counts")]
)
def test_a_usage_asset_can_be_materialized_without_the_other(
    definitions: dg.Definitions,
    pipeline: Pipeline,
    kept: dg.DagsterInstance,
    two_days_ago: datetime,
    wanted: str,
    other: str,
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.load(hour)
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=kept, asset_selection=[dg.AssetKey(wanted)], tags={"dagster/partition": hour.key}
    )
    assert result.success
    assert kept.get_materialized_partitions(dg.AssetKey(wanted)) == {hour.key}
    assert kept.get_materialized_partitions(dg.AssetKey(other)) == set()
    assert metadata(kept, wanted, hour)["tenants"] == 1
    assert pipeline.rows("select distinct usage_table from fridge.counted_hours") == [(wanted,)]


def test_no_run_materializes_a_view_and_only_the_check_of_the_books_fills_tables(
    definitions: dg.Definitions, pipeline: Pipeline, kept: dg.DagsterInstance, two_days_ago: datetime
) -> None:
    assert definitions  # its fixture sets the environment
    hour, span = Hour(two_days_ago), HourRange(Hour(two_days_ago).plus(1), Hour(two_days_ago).plus(30))
    settings = read_settings(os.environ)
    with open_ledger(settings) as ledger:
        runner = HeadlessRunner(ledger, kept, HourRange(hour, span.last))
        alone, long, after = runner.run(HourRange(hour, hour)), runner.run(span), runner.check_books(span)
    assert [run.failure for run in (alone, long, after)] == [None, None, None]
    hourly = {"raw_readings", "inserted_counts", "active_sensors", "declared_measures", "meter_events"}
    hourly |= {"sensor_hours", "declared_hours", "recorded_months"}
    hourly |= {"kept_outcomes", "kept_owed_hours", "kept_recorded_months", "kept_signed_changes", "kept_tenant_days"}
    assert [planned(kept, run.run_id) for run in (alone, long, after)] == [hourly, hourly, {"data_gaps"}]
    assert pipeline.one("select count(*) from fridge.usage_monthly") == 0


def test_a_run_does_not_ask_again_and_again_which_tables_and_columns_there_are(
    definitions: dg.Definitions, pipeline: Pipeline, kept: dg.DagsterInstance, two_days_ago: datetime
) -> None:
    """Dagster's storage asks before each event of an asset; asked of PostgreSQL it takes longer than the event."""
    hour, asked = Hour(two_days_ago), list[str]()
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    engine = kept.event_log_storage._engine  # type: ignore[attr-defined] # SQLAlchemy tells by it

    def count(_connection: object, _cursor: object, text: str, *_further: object) -> None:
        asked.extend([text] if "pg_catalog.pg_class" in text else [])

    sqlalchemy.event.listen(engine, "before_cursor_execute", count)
    assert run_hours(definitions, kept, HourRange(hour, hour)).success
    assert len(asked) <= 10


def planned(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    """What a run said that it would materialize."""
    records = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    keys = [record.dagster_event.asset_key for record in records if record.dagster_event]
    return {key.to_user_string() for key in keys if key}


def test_a_run_that_repeats_one_of_a_lost_process_is_not_lost_itself(
    definitions: dg.Definitions, pipeline: Pipeline, kept: dg.DagsterInstance
) -> None:
    storage = Database(storage_dsn(pipeline.database.dsn))
    job, gone = definitions.resolve_job_def(LOAD_AND_BILL), {PROCESS_TAG: f"{socket.gethostname()}/{2**22 + 1}/0"}
    lost = kept.create_run_for_job(job, tags=gone, status=dg.DagsterRunStatus.STARTED)
    first, under_way = lost.run_id, dg.DagsterRunStatus.STARTED
    kept.create_run_for_job(job, tags=gone, status=under_way, root_run_id=first, parent_run_id=first)
    kept.create_run_for_job(job, tags={PROCESS_TAG: this_process()}, status=under_way)
    kept.create_run_for_job(job, tags=gone, status=dg.DagsterRunStatus.NOT_STARTED)
    assert find_lost_runs(storage, code_server_ended=False) == [first]
    assert len(find_lost_runs(storage, code_server_ended=True)) == 2
    report_lost_runs(kept, [first, first, "of another installation"])
    assert [run.status for run in kept.get_runs() if run.run_id == first] == [dg.DagsterRunStatus.FAILURE]
    assert find_lost_runs(storage, code_server_ended=False) == []
