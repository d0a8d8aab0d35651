"""Laws of the sensor ``undelivered_sweep``: soon after an outage, never two runs at once, never against a wall."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.definitions import defs
from fridge_pipeline.orchestration.automation import BILL_CLOSED_HOURS, PLAN_BACKFILL
from fridge_pipeline.orchestration.partitions import hours_in_tags, range_tags
from tests.orchestration.ticks import run_hours, sensor_tick
from tests.pipeline import Pipeline, readings

#: Stripe does not answer at all; or it answers, and takes no statement.
SILENT = {"kind": "reset", "endpoint": "/v1/billing", "times": 1_000}
TAKES_NOTHING = {"kind": "unavailable", "endpoint": "/v1/billing/meter_events", "method": "POST", "times": 1_000}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tick(
    definitions: dg.Definitions, instance: dg.DagsterInstance, now: datetime | None = None
) -> tuple[list[str], str]:
    """The hours that a tick at a time requests, one text for each run, and what else it says."""
    result = sensor_tick(definitions, instance, "undelivered_sweep", clock=lambda: now or datetime.now(UTC))
    requested = [hours_in_tags(request.tags) for request in result.run_requests or []]
    return [str(HourRange(hours[0], hours[-1])) for hours in requested], result.skip_message or ""


def run_at(definitions: dg.Definitions, instance: dg.DagsterInstance, hours: HourRange, now: datetime) -> bool:
    with freeze_time(now):
        return run_hours(definitions, instance, hours).success


def attempt(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    hours: HourRange,
    now: datetime,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.FAILURE,
    name: str = BILL_CLOSED_HOURS,
) -> None:
    """A run on record, with its end, if it has one."""
    with freeze_time(now):
        job = definitions.resolve_job_def(name)
        run = instance.create_run_for_job(job, tags=range_tags(hours), status=dg.DagsterRunStatus.STARTED)
        if status is dg.DagsterRunStatus.FAILURE:
            instance.report_run_failed(run)
        elif status is dg.DagsterRunStatus.CANCELED:
            instance.report_run_canceled(run)


def undelivered(pipeline: Pipeline, *hours: Hour) -> None:
    """Hours that are loaded and counted, and not stated."""
    pipeline.add_tenant("cohoes")
    for hour in hours:
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 2))
        pipeline.load(hour)
        pipeline.count(hour)


def test_in_an_outage_of_an_hour_one_run_fails_and_the_next_one_delivers_two_minutes_after_its_end(
    definitions: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first, begun = Hour(two_days_ago), datetime.now(UTC)
    span = HourRange(first, first.plus(1))
    undelivered(pipeline, *span.hours())
    pipeline.sandbox.faults(SILENT)
    assert not run_at(definitions, instance, span, begun)
    for minutes in range(2, 62, 20):
        requested, said = tick(definitions, instance, begun + timedelta(minutes=minutes))
        assert requested == []
        assert said.startswith("2 hours are not delivered: the Stripe sandbox at http")
    pipeline.sandbox.clear_faults()
    asked = len(pipeline.sandbox.requests())
    after = begun + timedelta(minutes=64)
    assert tick(definitions, instance, after) == ([str(span)], "")
    assert len(pipeline.sandbox.requests()) == asked + 2, "the meters of a sandbox, and whether Stripe answers"
    assert run_at(definitions, instance, span, after)
    assert tick(definitions, instance, after) == ([], "every closed hour is delivered or is among the exceptions")
    assert pipeline.stripe_totals("cohoes")["temperature_readings", first.key] == 2
    assert instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])) == 1


def test_what_stripe_answers_and_does_not_take_is_tried_12_times_in_an_hour_and_then_every_quarter(
    definitions: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hours, begun = HourRange(Hour(two_days_ago), Hour(two_days_ago)), datetime.now(UTC)
    undelivered(pipeline, hours.first)
    pipeline.sandbox.faults(TAKES_NOTHING)
    assert not run_at(definitions, instance, hours, begun)
    tried = []
    for minutes in range(2, 150, 2):
        now = begun + timedelta(minutes=minutes)
        requested, said = tick(definitions, instance, now)
        if requested:
            assert requested == [str(hours)]
            tried.append(minutes)
            attempt(definitions, instance, hours, now)
        else:
            assert said.startswith("1 hours are not delivered; next try at ")
    assert tried == [2, 4, 6, 8, 10, 14, 18, 24, 30, 38, 48, 60, 76, 92, 108, 124, 140]
    pipeline.sandbox.clear_faults()
    assert run_at(definitions, instance, hours, begun + timedelta(minutes=156))
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hours.first.key] == 2


def test_hours_that_a_run_is_at_or_a_person_has_stopped_are_left_alone_and_a_failed_one_keeps_no_other_waiting(
    definitions: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    running, stopped, failed, fresh = (Hour(two_days_ago).plus(8 * step) for step in range(-3, 1))
    undelivered(pipeline, running, stopped, failed, fresh)
    now = datetime.now(UTC)
    for hour, status in (
        (running, dg.DagsterRunStatus.STARTED),
        (stopped, dg.DagsterRunStatus.CANCELED),
        (failed, dg.DagsterRunStatus.FAILURE),
    ):
        attempt(definitions, instance, HourRange(hour, hour), now - timedelta(minutes=1), status)
    assert tick(definitions, instance, now) == ([fresh.key], "")
    attempt(definitions, instance, HourRange(fresh, fresh), now, dg.DagsterRunStatus.STARTED)
    assert tick(definitions, instance, now)[0] == []
    assert tick(definitions, instance, now + timedelta(minutes=1)) == ([failed.key], "")


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELED])
def test_a_plan_of_hours_that_is_under_way_or_was_stopped_keeps_none_of_them_from_being_billed(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    pipeline: Pipeline,
    two_days_ago: datetime,
    status: dg.DagsterRunStatus,
) -> None:
    hour, now = Hour(two_days_ago), datetime.now(UTC)
    undelivered(pipeline, hour)
    attempt(definitions, instance, HourRange(hour, hour), now, status, PLAN_BACKFILL)
    assert tick(definitions, instance, now) == ([hour.key], "")


@pytest.mark.parametrize("close_after", [0, 5, 90])
def test_an_hour_that_has_just_closed_is_hourly_billings_for_five_minutes(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    pipeline: Pipeline,
    two_days_ago: datetime,
    monkeypatch: pytest.MonkeyPatch,
    close_after: int,
) -> None:
    assert definitions is not None
    monkeypatch.setenv("FRIDGE_CLOSE_AFTER_MINUTES", str(close_after))
    own, hour = defs(), Hour(two_days_ago)
    undelivered(pipeline, hour)
    closes = hour.end + timedelta(minutes=close_after)
    minute = (closes + timedelta(minutes=2)).minute
    assert own.resolve_schedule_def("hourly_billing").cron_schedule == f"{minute} * * * *"
    assert tick(own, instance, closes + timedelta(minutes=4))[0] == []
    assert tick(own, instance, closes + timedelta(minutes=5))[0] == [hour.key]


def test_a_tick_looks_at_no_landing_file_and_asks_stripe_nothing_while_nothing_has_failed(
    definitions: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    undelivered(pipeline, hour)
    pipeline.landing.rename(pipeline.landing.with_name("moved"))
    asked = len(pipeline.sandbox.requests())
    assert tick(definitions, instance) == ([hour.key], "")
    assert len(pipeline.sandbox.requests()) == asked
    pipeline.bill(hour)
    asked = len(pipeline.sandbox.requests())
    assert tick(definitions, instance) == ([], "every closed hour is delivered or is among the exceptions")
    assert len(pipeline.sandbox.requests()) == asked
    sensor = definitions.get_sensor_def("undelivered_sweep")
    assert (sensor.default_status, sensor.minimum_interval_seconds) == (dg.DefaultSensorStatus.RUNNING, 120)
