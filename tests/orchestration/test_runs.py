from __future__ import annotations

from datetime import datetime

import dagster as dg
import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from tests.orchestration.ticks import run_hours
from tests.pipeline import Pipeline, readings

CHAIN = ["raw_readings", "inserted_counts", "active_sensors", "meter_events"]


def failure_text(result: dg.ExecuteInProcessResult) -> str:
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    data = failed.step_failure_data.user_failure_data
    assert data is not None
    return str(data.description)


def metadata(instance: dg.DagsterInstance, asset: str, hour: Hour) -> dict[str, object]:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[hour.key]), limit=1
    ).records
    materialization = records[0].asset_materialization
    assert materialization is not None
    return {name: entry.value for name, entry in materialization.metadata.items()}


def test_one_ranged_run_materializes_every_hour_with_files_with_its_own_numbers_and_observes_the_others(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for step in (0, 1, 3):  # nothing is delivered in the third hour
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step), 2, 5 + step))
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_hours(definitions, instance, HourRange(first, first.plus(3)))
        assert result.success
        steps = [event.step_key for event in result.all_events if event.is_step_start]
        assert steps[:3] == ["raw_readings", "usage_tables", "meter_events"], "Stripe waits for no check and no model"
        assert len(steps) == 11, "one file is seven steps of assets and their checks: views are as the books are"
        for asset in CHAIN:
            keys = instance.get_materialized_partitions(dg.AssetKey(asset))
            assert keys == {first.plus(step).key for step in (0, 1, 3)}
        assert metadata(instance, "raw_readings", first)["inserted"] == 10
        for asset in CHAIN:
            (empty,) = instance.fetch_observations(dg.AssetKey(asset), limit=9).records
            assert empty.asset_observation is not None
            assert empty.partition_key == first.plus(2).key
            has_looked = asset in {"raw_readings", "meter_events"}
            says = "empty: no landing files" if has_looked else "nothing: no landing file is loaded"
            assert empty.asset_observation.metadata["state"].value == says
            assert not {"inserted", "dagster/partition_row_count"} & empty.asset_observation.metadata.keys()
        assert metadata(instance, "inserted_counts", first.plus(3))["inserted_count"] == 16
        billed = metadata(instance, "meter_events", first.plus(1))
        assert (billed["events_accepted"], billed["stripe_temperature_readings"], billed["stripe_active_sensors"]) == (
            2,
            12,
            2,
        )
        assert float(str(billed["delivery_seconds"])) > 0
        assert run_hours(definitions, instance, HourRange(first, first)).success
        again = metadata(instance, "raw_readings", first)
        assert (again["inserted"], again["files_loaded_now"]) == (10, 0), "a run without news keeps the hour's numbers"
    assert pipeline.stripe_totals("cohoes")["temperature_readings", first.plus(3).key] == 16


def test_one_bad_hour_of_a_ranged_run_does_not_cost_the_others_their_result(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """The middle hour's folder leads out of the landing zone, so it cannot be listed."""
    first = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for step in (0, 2):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step), 2, 5))
    bad = pipeline.landing / first.plus(1).folder
    bad.parent.mkdir(parents=True, exist_ok=True)
    bad.symlink_to("/")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_hours(definitions, instance, HourRange(first, first.plus(2)))
        assert not result.success
        assert first.plus(1).key in failure_text(result)
        good = {first.key, first.plus(2).key}
        for asset in CHAIN:
            assert instance.get_materialized_partitions(dg.AssetKey(asset)) == good, asset
        (told,) = instance.fetch_observations(dg.AssetKey("raw_readings"), limit=9).records
        assert told.asset_observation is not None
        assert str(told.asset_observation.metadata["state"].value).startswith("not loaded: cannot list")
    for step in (0, 2):
        assert pipeline.stripe_totals("cohoes")["temperature_readings", first.plus(step).key] == 10
    assert pipeline.rows("select kind, hour from fridge.exceptions") == [("load_failed", first.plus(1).start)]


def test_a_run_of_only_a_bad_hour_fails_at_the_load(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    bad = pipeline.landing / hour.folder
    bad.parent.mkdir(parents=True, exist_ok=True)
    bad.symlink_to("/")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_hours(definitions, instance, HourRange(hour, hour))
        assert not result.success
        assert "cannot list the landing folder" in failure_text(result)
        assert instance.get_materialized_partitions(dg.AssetKey("raw_readings")) == set()


def test_with_stripe_unreachable_meter_events_fails_and_says_so_and_the_next_run_delivers_everything(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for step in range(3):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step), 2, 5))
    span = HourRange(first, first.plus(2))
    with dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:9")
        monkeypatch.setenv("STRIPE_API_KEY", "sk_test_unreachable")
        result = run_hours(definitions, instance, span)
        assert not result.success
        text = failure_text(result)
        assert "is unreachable" in text
        assert "3 of 3 hours are not delivered" in text
        assert "sk_test_unreachable" not in text
        for asset in CHAIN[:3]:
            assert len(instance.get_materialized_partitions(dg.AssetKey(asset))) == 3
        assert instance.get_materialized_partitions(dg.AssetKey("meter_events")) == set()

        monkeypatch.setenv("STRIPE_API_BASE", pipeline.sandbox.url)
        assert run_hours(definitions, instance, span).success
    assert (
        sum(total for (meter, _), total in pipeline.stripe_totals("cohoes").items() if meter == "temperature_readings")
        == 30
    )


def test_only_the_restated_hour_is_sent_again_when_a_late_file_arrives(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for step in range(3):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step), 2, 5))
    span = HourRange(first, first.plus(2))
    with dg.DagsterInstance.ephemeral() as instance:
        run_hours(definitions, instance, span)
        pipeline.land(first.plus(1), "late.csv", readings("cohoes", first.plus(1), 3, 5))
        run_hours(definitions, instance, span)
    assert pipeline.rows("select distinct hour from fridge.meter_events where revision = 2") == [(first.plus(1).start,)]
    assert pipeline.stripe_totals("cohoes")["temperature_readings", first.plus(1).key] == 15
