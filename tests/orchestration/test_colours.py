"""What the UI shows of an hour, an asset and a check is what the books say."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.orchestration.automation import LOAD_AND_BILL
from fridge_pipeline.orchestration.partitions import hours_in_tags, range_tags
from fridge_pipeline.orchestration.shown_hours import SHOWN
from tests.orchestration.ticks import asset_job, run_hours, sensor_tick
from tests.pipeline import Pipeline, readings

BROKEN = b"PAR1 and nothing that a parquet file has"


def observed(instance: dg.DagsterInstance, asset: str) -> dict[str, object]:
    """Partition → the state that an asset was last observed in."""
    records = instance.fetch_observations(dg.AssetKey(asset), limit=100).records
    return {str(each.partition_key): state_of(each.asset_observation) for each in reversed(records)}


def state_of(event: dg.AssetObservation | dg.AssetMaterialization | None) -> object:
    assert event is not None
    return event.metadata["state"].value


def state(instance: dg.DagsterInstance, asset: str, hour: Hour) -> object:
    """The state in which an hour was last materialized."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[hour.key])
    return state_of(instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization)


def failed(definitions: dg.Definitions, instance: dg.DagsterInstance, asset: str) -> set[str]:
    """The partitions that the UI shows in red."""
    grid = definitions.resolve_asset_graph().get(dg.AssetKey(asset)).partitions_def
    shown_now = get_and_update_asset_status_cache_value(instance, dg.AssetKey(asset), partitions_def=grid)
    assert grid is not None
    assert shown_now is not None
    return set(shown_now.deserialize_failed_partition_subsets(grid).get_partition_keys())


def shown(instance: dg.DagsterInstance, asset: str) -> set[str]:
    return instance.get_materialized_partitions(dg.AssetKey(asset))


def test_an_hour_without_landing_files_is_not_materialized_but_observed_as_empty(
    definitions: dg.Definitions, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_hours(definitions, instance, HourRange(hour, hour)).success
        for asset in SHOWN:
            assert shown(instance, asset) == set(), asset
        assert observed(instance, "raw_readings") == {hour.key: "empty: no landing files"}


def test_an_empty_hour_between_others_is_no_bill(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for step in (0, 2):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step), 2, 5))
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_hours(definitions, instance, HourRange(first, first.plus(2))).success
        for asset in SHOWN:
            assert shown(instance, asset) == {first.key, first.plus(2).key}, asset
            assert set(observed(instance, asset)) == {first.plus(1).key}, asset
        assert observed(instance, "raw_readings") == observed(instance, "meter_events")
        assert observed(instance, "meter_events") == {first.plus(1).key: "empty: no landing files"}


def test_an_empty_hour_is_not_failed_where_the_run_of_its_neighbours_fails(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for step in (0, 2):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step), 2, 5))
    monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:9")
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_unreachable")
    with dg.DagsterInstance.ephemeral() as instance:
        assert not run_hours(definitions, instance, HourRange(first, first.plus(2))).success
        for asset in SHOWN:
            undelivered = {first.key, first.plus(2).key} if asset == "meter_events" else set()
            assert failed(definitions, instance, asset) == undelivered, asset
        assert state(instance, "inserted_counts", first.plus(1)) == "empty: no landing files"


def test_an_open_hour_is_shown_as_loaded_and_counted_so_far_and_not_as_billed(
    definitions: dg.Definitions, pipeline: Pipeline
) -> None:
    hour = Hour.containing(datetime.now(UTC))
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 1)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_hours(definitions, instance, HourRange(hour, hour)).success
        assert state(instance, "raw_readings", hour) == "open: loaded so far"
        assert state(instance, "inserted_counts", hour) == "open: counted so far"
        assert shown(instance, "meter_events") == set()
        assert observed(instance, "meter_events") == {hour.key: "open: pushed after it has closed"}


def test_a_backfill_materializes_open_and_empty_hours_too_without_numbers_because_it_would_fail_otherwise(
    definitions: dg.Definitions, pipeline: Pipeline
) -> None:
    hour = Hour.containing(datetime.now(UTC))
    span = HourRange(hour.plus(-4), hour)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 1))
    tags = {**range_tags(span), "dagster/backfill": "some"}
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_job_def(LOAD_AND_BILL)
        assert job.execute_in_process(instance=instance, tags=tags, raise_on_error=False).success
        for asset in SHOWN:
            assert shown(instance, asset) == {each.key for each in span.hours()}, asset
        assert state(instance, "meter_events", hour) == "open: pushed after it has closed"
        assert state(instance, "meter_events", span.first) == "empty: no landing files"


def test_a_run_that_loads_nothing_does_not_call_an_hour_empty_whose_files_wait(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 1))
    tags = {"dagster/partition": hour.key, "dagster/backfill": "some"}
    with dg.DagsterInstance.ephemeral() as instance:
        job = asset_job(definitions, ["inserted_counts", "active_sensors", "meter_events"])
        assert job.execute_in_process(instance=instance, tags=tags).success
        assert state(instance, "meter_events", hour) == "nothing: no landing file is loaded"


def test_an_hour_of_which_a_run_sent_some_tenants_only_is_not_shown_as_billed_and_the_next_run_sends_the_rest(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    span = HourRange(first, first.plus(1))
    for tenant in ("cohoes", "troy"):
        pipeline.add_tenant(tenant)
        pipeline.land(first, f"{tenant}.csv", readings(tenant, first, 2, 5))
    pipeline.land(first.plus(1), "alone.csv", readings("cohoes", first.plus(1), 2, 5))
    job = definitions.resolve_job_def(LOAD_AND_BILL)
    with dg.DagsterInstance.ephemeral() as instance:
        for tenants, is_known in (("cohoes", True), (" troy,cohos", False)):
            tags = {**range_tags(span), "dagster/backfill": "some", "fridge/tenants": tenants}
            result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
            assert result.success is is_known, tenants
            states = pipeline.rows("select distinct tenant_id, status from fridge.meter_events")
            assert set(states) == {("cohoes", "accepted"), ("troy", "staged")}
            assert shown(instance, "meter_events") == {first.plus(1).key}, tenants
        waits = "sent of the tenants that were asked for; 2 meter events of others wait"
        assert observed(instance, "meter_events") == {first.key: waits}
        assert first.key in shown(instance, "inserted_counts")
        assert pipeline.swept() == [first]
        assert run_hours(definitions, instance, span).success
        assert shown(instance, "meter_events") == {first.key, first.plus(1).key}
        assert state(instance, "meter_events", first) == "delivered"
    assert pipeline.stripe_totals("troy") == {("temperature_readings", first.key): 10, ("active_sensors", first.key): 2}


def test_with_stripe_unreachable_usage_is_derived_in_sql_and_no_model_of_finance_fails_is_skipped_or_loses_its_checks(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:9")
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_unreachable")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_hours(definitions, instance, HourRange(hour, hour))
    assert not result.success
    assert pipeline.one("select sum(readings) from fridge.sensor_hours") == 10
    ended = {event.step_key: event.event_type_value for event in result.all_events if event.is_step_event}
    touched = {step for step, last in ended.items() if last in {"STEP_FAILURE", "STEP_SKIPPED"}}
    assert touched == {"meter_events"}
    planned = {event.asset_key for event in result.all_events if event.is_asset_materialization_planned}
    assert {key.to_user_string() for key in planned if key} <= set(SHOWN)


def test_every_check_of_what_an_hour_materializes_is_evaluated_in_the_same_run(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_hours(definitions, instance, HourRange(hour, hour))
    evaluated = {each.asset_check_key for each in result.get_asset_check_evaluations()}
    figures = ("kept_outcomes", "kept_owed_hours", "kept_recorded_months", "kept_signed_changes", "kept_tenant_days")
    made = {dg.AssetKey(asset) for asset in (*SHOWN, "declared_hours", "recorded_months", *figures)}
    keys = definitions.resolve_asset_graph().asset_check_keys
    assert evaluated == {key for key in keys if key.asset_key in made}
    assert len(evaluated) > 4


def test_hours_of_a_wiped_asset_are_run_again_once_with_the_numbers_of_the_books(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    span = HourRange(first, first.plus(1))
    pipeline.add_tenant("cohoes")
    for hour in span.hours():
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_hours(definitions, instance, span).success
        stated = pipeline.one("select count(*) from fridge.meter_events")
        assert restoring(definitions, instance) == []
        instance.wipe_assets([dg.AssetKey("meter_events")])
        (request,) = restoring(definitions, instance)
        assert hours_in_tags(dict(request.tags)) == span.hours()
        assert request.run_key == restoring(definitions, instance)[0].run_key, "one run a day"
        assert run_hours(definitions, instance, span).success
        assert shown(instance, "meter_events") == {hour.key for hour in span.hours()}
        assert restoring(definitions, instance) == []
    assert pipeline.one("select count(*) from fridge.meter_events") == stated


def restoring(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    return list(sensor_tick(definitions, instance, "wiped_hours").run_requests or [])


def test_every_check_runs_by_itself(definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime) -> None:
    """Tests of models that differ only in model and column are one step; of these the first is run."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    keys = sorted(definitions.resolve_asset_graph().asset_check_keys, reverse=True)
    different = {re.sub(r"^(accepted_values|relationship)_.*", r"\1", key.name): key for key in keys}
    assert len(different) > 15
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_hours(definitions, instance, HourRange(hour, hour)).success
        for key in different.values():
            result = asset_job(definitions, checks=[key]).execute_in_process(instance=instance)
            (evaluation,) = result.get_asset_check_evaluations()
            assert (evaluation.asset_check_key, evaluation.passed) == (key, True)


def test_a_check_of_hours_run_by_itself_looks_at_the_newest_week_or_at_the_hours_it_is_given(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.parquet", BROKEN)
    pipeline.load(hour)
    key = dg.AssetCheckKey(dg.AssetKey("raw_readings"), "every_file_and_row_was_used")
    job = asset_job(definitions, checks=[key])
    for tags, passed in (
        ({}, False),
        (range_tags(HourRange(hour, hour)), False),
        ({"dagster/partition": hour.plus(1).key}, True),
    ):
        with dg.DagsterInstance.ephemeral() as instance:
            (found,) = job.execute_in_process(instance=instance, tags=tags).get_asset_check_evaluations()
        assert found.passed is passed, tags
