"""What stands between a count and a bill: nothing is stated of a tenant-hour whose books contradict each other."""

from datetime import datetime

import dagster as dg

from fridge_pipeline.billing.books_beside_files import rows_not_accounted_for, usage_not_from_files
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.ingest.load_transaction import load_transaction
from fridge_pipeline.orchestration.partitions import RETRIES_MAX, retried_when_the_database_is_lost
from tests.orchestration.ticks import run_hours
from tests.pipeline import Pipeline, readings

DELETES_A_READING = """
    alter table fridge.stored_readings disable trigger user;
    grant delete on fridge.stored_readings to current_user;
    delete from fridge.stored_readings where ctid in (
        select ctid from fridge.stored_readings
        where file_id = (select max(file_id) from fridge.landing_files) order by ctid limit 1
    );
    alter table fridge.stored_readings enable trigger user;
"""
CHANGES_A_TALLY = """
    alter table fridge.landing_file_tenants disable trigger user;
    grant update on fridge.landing_file_tenants to current_user;
    update fridge.landing_file_tenants set row_count = row_count + 1, duplicate_count = duplicate_count + 1;
    alter table fridge.landing_file_tenants enable trigger user;
"""


def edit_behind_the_programs_back(pipeline: Pipeline, statements: str) -> None:
    with pipeline.database.owned.connect() as connection:
        connection.execute(statements.encode())


def check_of(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    (found,) = [each for each in result.get_asset_check_evaluations() if each.check_name == name]
    return found


def test_a_tenant_hour_that_contradicts_its_files_is_not_stated_and_nobody_else_waits_for_it(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    span = HourRange(first, first.plus(1))
    for tenant in ("cohoes", "utica"):
        pipeline.add_tenant(tenant)
        for step in (0, 1):
            pipeline.land(first.plus(step), f"{tenant}.csv", readings(tenant, first.plus(step), 2, 5))
    pipeline.load(first, span.last)
    edit_behind_the_programs_back(pipeline, DELETES_A_READING)  # of utica's file in the last hour
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_hours(definitions, instance, span)
        assert result.success
        failed = check_of(result, "usage_is_what_the_files_brought")
        assert not failed.passed
        assert failed.severity is dg.AssetCheckSeverity.ERROR
        assert "the files brought 10 readings, usage says 9 from" in (failed.description or "")
        assert "utica" in (failed.description or "")
    stated = {(tenant, hour) for tenant in ("cohoes", "utica") for _, hour in pipeline.stripe_totals(tenant)}
    assert stated == {("cohoes", first.key), ("cohoes", span.last.key), ("utica", first.key)}
    ((kind, tenant, hour, detail),) = pipeline.rows("select kind, tenant_id, hour, detail from fridge.exceptions")
    assert (kind, tenant, hour) == ("contradiction", "utica", span.last.start)
    assert "the files brought 10 readings, usage says 9 from" in detail


def test_what_contradicted_is_stated_once_usage_and_files_agree_again_and_its_exception_ends(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    pipeline.load(hour)
    pipeline.count(hour)
    edit_behind_the_programs_back(pipeline, "update fridge.usage set quantity = 17 where measure = 'inserted_count'")
    pipeline.bill(hour)
    pipeline.bill(hour)
    assert pipeline.stripe_totals("cohoes") == {}
    assert pipeline.rows("select kind from fridge.exceptions where closed_at is null") == [("contradiction",)]
    pipeline.run(hour)  # which counts it again
    assert pipeline.stripe_totals("cohoes") == {
        ("temperature_readings", hour.key): 10,
        ("active_sensors", hour.key): 2,
    }
    assert pipeline.rows("select kind from fridge.exceptions where closed_at is null") == []


def test_a_file_whose_tenants_do_not_add_up_to_it_fails_the_check_of_its_hour(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.load(hour)
    edit_behind_the_programs_back(pipeline, CHANGES_A_TALLY)
    with dg.DagsterInstance.ephemeral() as instance:
        failed = check_of(run_hours(definitions, instance, HourRange(hour, hour)), "every_row_is_accounted_for")
    assert not failed.passed
    assert "10 rows, of which 10 are inserted, duplicate or rejected and 11 belong to tenants" in (
        failed.description or ""
    )


def test_books_that_agree_pass_both_checks_with_late_and_doubled_files_among_them(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    span = HourRange(first, first.plus(2))
    pipeline.add_tenant("cohoes")
    for step, sensors in ((0, 2), (1, 3), (2, 1)):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first, sensors, 5))  # the same readings again
    pipeline.land(first, "b.csv", readings("utica", first, 1, 4))
    pipeline.load(first, span.last)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_hours(definitions, instance, span)
        for check in ("every_row_is_accounted_for", "usage_is_what_the_files_brought"):
            assert check_of(result, check).passed
    assert pipeline.stripe_totals("cohoes")["temperature_readings", first.plus(1).key] == 5


def test_an_hour_that_waits_to_be_counted_again_is_not_called_wrong(pipeline: Pipeline, two_days_ago: datetime) -> None:
    hour = Hour(two_days_ago)
    span = HourRange(hour, hour)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.load(hour)
    pipeline.count(hour)
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 3, 5))
    pipeline.load(hour)
    assert usage_not_from_files(pipeline.database, span) == []
    pipeline.count(hour)
    assert usage_not_from_files(pipeline.database, span) == []
    edit_behind_the_programs_back(
        pipeline, "update fridge.usage set quantity = quantity + 7 where measure = 'inserted_count'"
    )
    (found,) = usage_not_from_files(pipeline.database, span)
    assert (found.tenant_id, found.brought, found.inserted_count) == ("cohoes", 15, 22)
    assert rows_not_accounted_for(pipeline.database, span) == []


def test_a_step_whose_connection_is_cut_is_run_again_and_its_error_shows_when_it_stays_cut(pipeline: Pipeline) -> None:
    attempts: list[int] = []

    @dg.asset
    def cut_once(context: dg.AssetExecutionContext) -> None:
        attempts.append(context.retry_number)
        with retried_when_the_database_is_lost(), pipeline.database.connect() as connection:
            if context.retry_number < 1:
                with pipeline.database.owned.connect() as other:
                    other.execute("select pg_terminate_backend(%s)", [connection.info.backend_pid])
            connection.execute("select 1")

    assert RETRIES_MAX > 1
    assert dg.materialize([cut_once]).success
    assert attempts == [0, 1]


def test_what_is_no_lost_database_is_not_tried_again() -> None:
    attempts: list[int] = []

    @dg.asset
    def wrong(context: dg.AssetExecutionContext) -> None:
        attempts.append(context.retry_number)
        with retried_when_the_database_is_lost():
            raise ValueError("13 is no hour")

    with dg.DagsterInstance.ephemeral() as instance:
        assert not dg.materialize([wrong], instance=instance, raise_on_error=False).success
    assert attempts == [0]


def test_a_load_whose_bulk_connection_is_cut_is_a_lost_database_and_not_another_error(pipeline: Pipeline) -> None:
    attempts: list[int] = []

    @dg.asset
    def cut_in_bulk(context: dg.AssetExecutionContext) -> None:
        attempts.append(context.retry_number)
        with retried_when_the_database_is_lost(), pipeline.database.connect_bulk() as bulk, bulk.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            row = cursor.fetchone()
            assert row is not None
            if context.retry_number < 1:
                with pipeline.database.owned.connect() as other:
                    other.execute("select pg_terminate_backend(%s)", [row[0]])
            with load_transaction(bulk):
                pass

    assert dg.materialize([cut_in_bulk]).success
    assert attempts == [0, 1]
