from __future__ import annotations

from datetime import datetime

import dagster as dg

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.orchestration.automation import CHECK_BOOKS
from fridge_pipeline.orchestration.partitions import range_tags
from tests.orchestration.test_grids import HOURLY
from tests.orchestration.ticks import asset_job, run_hours
from tests.pipeline import Pipeline


def check(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dict[str, dg.AssetCheckEvaluation]:
    """Runs the daily job; its findings by asset and check."""
    result = definitions.resolve_job_def(CHECK_BOOKS).execute_in_process(instance=instance)
    assert result.success
    return {
        f"{each.asset_key.to_user_string()}.{each.check_name}": each for each in result.get_asset_check_evaluations()
    }


def test_the_daily_check_derives_usage_anew_and_each_test_of_a_model_is_a_check_of_its_asset(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago).plus(1)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_hours(definitions, instance, HourRange(hour, hour)).success
        evaluations = check(definitions, instance)
        assert [name for name, each in evaluations.items() if not each.passed] == []
        assert {
            "tie_out.nothing_is_unexplained",
            "usage_hourly.unique",
            "data_gaps.no_expected_sensor_is_silent",
        } <= set(evaluations)

        with pipeline.database.owned.connect() as connection:
            connection.execute("update fridge.usage set quantity = 3 where measure = 'active_sensors'")
        failed = {name: each for name, each in check(definitions, instance).items() if not each.passed}
        assert set(failed) == {"tie_out.nothing_is_unexplained", "usage_hourly.usage_is_what_sql_counts_too"}
        assert {each.severity for each in failed.values()} == {dg.AssetCheckSeverity.ERROR}
        assert failed["tie_out.nothing_is_unexplained"].metadata["rows"].value == 2


def test_an_increment_reports_the_rows_of_each_hour_a_table_all_its_rows_and_no_run_materializes_a_view(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_hours(definitions, instance, HourRange(hour, hour))
        assert result.success
        rows = {
            (event.asset_key.to_user_string(), event.partition): event.metadata["dagster/partition_row_count"].value
            for event in result.asset_materializations_for_node("finance_increments")
        }
        assert rows == {
            ("sensor_hours", hour.key): 2,
            ("declared_hours", hour.key): 0,
            ("recorded_months", hour.key): 1,
        }
        checked = definitions.resolve_job_def(CHECK_BOOKS).execute_in_process(instance=instance)
        (gaps,) = checked.asset_materializations_for_node("finance_tables")
        assert (gaps.asset_key, gaps.metadata["dagster/row_count"].value) == (dg.AssetKey("data_gaps"), 0)
        known = {key.to_user_string() for key in instance.all_asset_keys() if instance.has_asset_key(key)}
        assert {name for name in known if instance.get_latest_materialization_event(dg.AssetKey(name))} == {
            *(set(HOURLY) - {"backfill_plan"}),
            "data_gaps",
        }


def test_a_run_tests_the_hours_that_it_filled_and_the_night_all_of_them(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)

    def empty_values(result: dg.ExecuteInProcessResult) -> dict[str, object]:
        return {
            each.asset_key.to_user_string(): each.metadata["rows"].value
            for each in result.get_asset_check_evaluations()
            if each.check_name == "not_null" and each.asset_key.to_user_string() in {"sensor_hours", "recorded_months"}
        }

    with dg.DagsterInstance.ephemeral() as instance:
        assert run_hours(definitions, instance, HourRange(hour, hour)).success
        with pipeline.database.owned.connect() as connection:
            connection.execute("update fridge.sensor_hours set hour = hour - interval '9 days', readings = null")
        of_the_run = run_hours(definitions, instance, HourRange(hour, hour))
        assert empty_values(of_the_run) == {"sensor_hours": 0, "recorded_months": 0}
        with pipeline.database.owned.connect() as connection:
            connection.execute("update fridge.sensor_hours set readings = null where hour = %s", [hour.start])
        check_alone = asset_job(definitions, checks=[dg.AssetCheckKey(dg.AssetKey("sensor_hours"), "not_null")])
        again = check_alone.execute_in_process(instance=instance, tags=range_tags(HourRange(hour, hour)))
        assert empty_values(again) == {"sensor_hours": 2}
        assert empty_values(check_alone.execute_in_process(instance=instance)) == {"sensor_hours": 4}
