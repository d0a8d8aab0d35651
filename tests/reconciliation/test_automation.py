"""The sensor of refusals, the morning's reconciliation and the asset with its check, through Dagster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.orchestration.automation import BILL_CLOSED_HOURS, LOAD_AND_BILL, READ_INVOICES, RECONCILE_DAYS
from fridge_pipeline.orchestration.partitions import daily_grid, days_in_tags, hours_in_tags, range_tags
from fridge_pipeline.orchestration.sensors import last_look, requests_of
from fridge_pipeline.stripe.gateway import StripeCallError
from tests.orchestration.ticks import schedule_tick, sensor_tick
from tests.pipeline import readings
from tests.reconciliation.books import READINGS, Books

ONE_DAY = timedelta(days=1)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tick(definitions: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    """One tick of the sensor, its requests checked as the daemon checks them."""
    return sensor_tick(definitions, instance, "stripe_refusals", cursor)


def morning(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """One tick of the schedule."""
    return schedule_tick(definitions, instance, "daily_reconciliation")


def run(definitions: dg.Definitions, instance: dg.DagsterInstance, tags: Any) -> dg.ExecuteInProcessResult:
    job = definitions.resolve_job_def(RECONCILE_DAYS)
    return job.execute_in_process(instance=instance, tags=dict(tags), raise_on_error=False)


def days_of(requests: list[dg.RunRequest]) -> list[date]:
    return [day for request in requests for day in days_in_tags(dict(request.tags))]


def metadata(instance: dg.DagsterInstance, day: date) -> dict[str, object]:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("stripe_reconciliation"), asset_partitions=[day.isoformat()]),
        limit=1,
    ).records
    materialization = records[0].asset_materialization
    assert materialization is not None
    return {name: entry.value for name, entry in materialization.metadata.items()}


def check_of(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def lose(books: Books, hour: Hour, long_ago: timedelta) -> None:
    """Stripe loses an hour's readings, accepted so long ago."""
    now = books.pipeline.clock.now
    books.pipeline.sandbox.faults({"kind": "swallow", "event_name": READINGS})
    books.pipeline.clock.now = now - long_ago
    books.use(hour, 7)
    books.pipeline.clock.now = now


def test_a_refusal_leads_to_a_run_of_its_day_once_and_the_run_shows_its_numbers(
    definitions: dg.Definitions, books: Books, instance: dg.DagsterInstance
) -> None:
    books.pipeline.sandbox.settings(report_seconds=0)
    books.use(books.first, 10)
    books.pipeline.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS})
    books.use(books.first.plus(1), 4)
    first = tick(definitions, instance)
    assert days_of(first.run_requests) == [day_of(books.first)]
    again = tick(definitions, instance, first.cursor)
    assert [each.run_key for each in again.run_requests] == [each.run_key for each in first.run_requests]
    result = run(definitions, instance, first.run_requests[0].tags)
    assert result.success
    numbers = metadata(instance, day_of(books.first))
    assert (numbers["dagster/partition_row_count"], numbers["agreeing"], numbers["refused"]) == (2, 1, 1)
    assert (numbers["reads_of_this_run"], numbers["customers_not_read"]) == (2, 0)  # a day: by the hour at once
    assert check_of(result).passed


def test_while_nothing_was_ever_stated_a_tick_opens_no_stripe_and_starts_no_sandbox(
    definitions: dg.Definitions, books: Books, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRIPE_API_BASE")
    data = tick(definitions, instance)
    assert (data.run_requests or [], data.cursor) == ([], None)
    assert "nothing was sent lately" in data.skip_message
    assert not (books.pipeline.workspace.parent / "home" / "sandbox").exists()


def test_with_stripe_down_the_tick_fails_and_says_so_and_the_next_one_looks_from_the_same_time(
    definitions: dg.Definitions, books: Books, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.pipeline.sandbox.settings(report_seconds=0)
    books.pipeline.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS})
    books.use(books.first, 4)
    with monkeypatch.context() as patch:
        patch.setenv("STRIPE_API_KEY", "sk_test_down")
        patch.setenv("STRIPE_API_BASE", "http://127.0.0.1:9")
        with pytest.raises(StripeCallError, match="is unreachable, reading the reports") as failed:
            tick(definitions, instance)
    assert "sk_test_down" not in str(failed.value)
    assert days_of(tick(definitions, instance).run_requests) == [day_of(books.first)]


def test_days_outside_the_grid_do_not_poison_the_tick(
    definitions: dg.Definitions, books: Books, instance: dg.DagsterInstance
) -> None:
    """An hour before the grid, billed by hand, is refused together with one inside it."""
    books.pipeline.sandbox.settings(report_seconds=0)
    before = books.first.plus(-24 * 20)
    books.pipeline.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS, "times": 2})
    books.use(before, 3)
    books.use(books.first, 4)
    assert days_of(tick(definitions, instance).run_requests) == [day_of(books.first)]
    assert books.statuses() == [(1, "refused"), (1, "refused")]


def test_consecutive_days_of_a_report_share_a_run_and_future_days_are_left_out() -> None:
    grid = DayRange(date(2026, 1, 10), date(2026, 1, 20))
    touched = {date(2026, 1, day): "evt_1" for day in (9, 10, 11, 13, 20, 21)} | {date(2026, 1, 15): "evt_2"}
    requests = requests_of(touched, grid)
    assert [request.run_key for request in requests] == [
        "evt_1:2026-01-10...2026-01-11",
        "evt_1:2026-01-13",
        "evt_1:2026-01-20",
        "evt_2:2026-01-15",
    ]


@pytest.mark.parametrize("cursor", [None, "", "rubbish", "2026-01-24T18:00:00"])
def test_a_cursor_that_is_no_time_begins_anew(cursor: str | None) -> None:
    assert last_look(cursor) is None
    assert last_look("2026-01-24T18:00:00+00:00") == datetime(2026, 1, 24, 18, tzinfo=UTC)


def test_the_check_fails_on_an_unexplained_hour_and_shows_it_and_passes_once_it_is_explained(
    definitions: dg.Definitions, books: Books, instance: dg.DagsterInstance
) -> None:
    lose(books, books.first, timedelta(hours=7))
    tags = range_tags(books.days)
    failed = run(definitions, instance, tags)
    assert failed.success, "a difference is a failed check and not a failed run"
    evaluation = check_of(failed)
    assert not evaluation.passed
    table = evaluation.metadata["worst"]
    assert isinstance(table, dg.TableMetadataValue)
    (worst,) = [record.data for record in table.records]
    shown = [worst[name] for name in ("hour", "usage", "ledger", "stripe", "difference")]
    assert shown == [books.first.key, "7", "7", "0", "-7"]
    assert metadata(instance, day_of(books.first))["unexplained"] == 1
    with books.pipeline.database.connect() as connection:
        connection.execute(
            "update fridge.meter_events set status = 'refused' where event_name = %s and status = 'accepted'",
            [READINGS],
        )
    books.pipeline.bill(books.first)
    passed = run(definitions, instance, tags)
    assert check_of(passed).passed
    assert metadata(instance, day_of(books.first))["agreeing"] == 2


def test_a_range_of_days_is_one_run_with_numbers_for_each_also_for_today_and_for_empty_days(
    definitions: dg.Definitions, books: Books, instance: dg.DagsterInstance
) -> None:
    books.use(books.first, 10)
    now = datetime.now(UTC)
    grid, today = daily_grid(Hour.containing(now).plus(-96), now), now.date()  # begins in the middle of its first day
    result = run(definitions, instance, range_tags(grid))
    assert result.success
    assert check_of(result).passed
    keys = instance.get_materialized_partitions(dg.AssetKey("stripe_reconciliation"))
    assert keys == {day.isoformat() for day in grid.days()}
    assert metadata(instance, today)["state"] == "no usage and no statements"
    assert books.summary_reads() == 2


def test_with_stripe_down_the_run_fails_and_says_how_much_was_not_read(
    definitions: dg.Definitions, books: Books, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.use(books.first, 10)
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_down")
    monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:9")
    result = run(definitions, instance, range_tags(books.days))
    assert not result.success
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    data = failed.step_failure_data.user_failure_data
    assert data is not None
    assert "2 of 2 customers could not be read" in (data.description or "")
    assert "sk_test_down" not in (data.description or "")


def test_the_morning_takes_yesterday_and_what_may_look_different_by_now_in_one_run(
    definitions: dg.Definitions, books: Books, instance: dg.DagsterInstance
) -> None:
    """Never reconciled; then settled; then unexplained; then restated: each asks for its day, and only then."""
    yesterday = datetime.now(UTC).date() - ONE_DAY
    books.use(books.first, 10)
    (request,) = morning(definitions, instance)
    assert days_in_tags(dict(request.tags)) == [day_of(books.first), yesterday]
    assert run(definitions, instance, request.tags).success
    assert days_of(morning(definitions, instance)) == [yesterday]

    lose(books, books.first.plus(1), timedelta(hours=7))
    books.reconcile()
    assert days_of(morning(definitions, instance)) == [day_of(books.first), yesterday]
    with books.pipeline.database.connect() as connection:
        connection.execute(
            "update fridge.meter_events set status = 'refused' where hour = %s", [books.first.plus(1).start]
        )
    books.pipeline.bill(books.first.plus(1))
    books.reconcile()
    assert days_of(morning(definitions, instance)) == [yesterday]

    books.pipeline.clock.advance(seconds=1)
    books.use(books.first, 12, name="late.csv")
    assert days_of(morning(definitions, instance)) == [day_of(books.first), yesterday]


def test_days_that_a_run_is_at_are_not_requested_a_second_time(
    definitions: dg.Definitions, books: Books, instance: dg.DagsterInstance
) -> None:
    books.use(books.first, 10)
    (request,) = morning(definitions, instance)
    instance.create_run_for_job(
        definitions.resolve_job_def(RECONCILE_DAYS), tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED
    )
    assert morning(definitions, instance) == []


def test_a_run_that_reads_the_invoices_of_the_same_days_keeps_no_reconciliation_waiting(
    definitions: dg.Definitions, books: Books, instance: dg.DagsterInstance
) -> None:
    books.use(books.first, 10)
    days = days_of(morning(definitions, instance))
    for job, chosen in ((READ_INVOICES, None), (RECONCILE_DAYS, {dg.AssetKey("stripe_invoices")})):
        instance.create_run_for_job(
            definitions.resolve_job_def(job),
            tags=range_tags(DayRange(days[0], days[-1])),
            status=dg.DagsterRunStatus.STARTED,
            asset_selection=chosen,
        )
    assert days_of(morning(definitions, instance)) == days


def test_a_run_of_days_does_not_disturb_the_automation_of_hours(
    definitions: dg.Definitions, books: Books, instance: dg.DagsterInstance
) -> None:
    instance.create_run_for_job(
        definitions.resolve_job_def(RECONCILE_DAYS), tags=range_tags(books.days), status=dg.DagsterRunStatus.STARTED
    )
    books.pipeline.land(books.first, "a.csv", readings("cohoes", books.first, 1, 2))
    requests = list(sensor_tick(definitions, instance, "landing_sensor").run_requests or [])
    assert [hour.key for each in requests for hour in hours_in_tags(dict(each.tags))] == [books.first.key]
    assert hours_in_tags(range_tags(books.days)) == days_in_tags(dict(requests[0].tags)) == []


def test_the_hourly_jobs_leave_the_daily_asset_alone_and_it_has_a_job_of_its_own(definitions: dg.Definitions) -> None:
    reconciliation = dg.AssetKey("stripe_reconciliation")
    for name in (LOAD_AND_BILL, BILL_CLOSED_HOURS):
        assert reconciliation not in definitions.resolve_job_def(name).asset_layer.executable_asset_keys
    assert set(definitions.resolve_job_def(RECONCILE_DAYS).asset_layer.executable_asset_keys) == {reconciliation}


def test_the_grid_of_days_begins_with_the_day_of_the_setting_and_ends_today(definitions: dg.Definitions) -> None:
    (spec,) = [each for each in definitions.resolve_all_asset_specs() if each.key.path[-1] == "stripe_reconciliation"]
    assert spec.partitions_def is not None
    now = datetime.now(UTC)
    keys = spec.partitions_def.get_partition_keys(current_time=now)
    assert keys == [day.isoformat() for day in daily_grid(Hour.containing(now).plus(-96), now).days()]


def test_both_run_by_default(definitions: dg.Definitions) -> None:
    sensor = definitions.get_sensor_def("stripe_refusals")
    schedule = definitions.resolve_schedule_def("daily_reconciliation")
    assert (sensor.default_status, sensor.minimum_interval_seconds) == (dg.DefaultSensorStatus.RUNNING, 300)
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("15 7 * * *", "UTC")
