from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import yaml
from dagster._core.scheduler import DagsterDaemonScheduler

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.orchestration.automation import LOAD_AND_BILL
from fridge_pipeline.orchestration.partitions import hours_in_tags, range_tags
from fridge_pipeline.settings import REPOSITORY
from tests.orchestration.ticks import schedule_tick, sensor_tick
from tests.pipeline import Pipeline, ProcessDied, dies_after, readings


def tick(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """One tick of the landing sensor, its requests checked as the daemon checks them."""
    return list(sensor_tick(definitions, instance, "landing_sensor").run_requests or [])


def sweep(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """One tick of the hourly schedule."""
    return schedule_tick(definitions, instance, "hourly_billing")


def run_requested(definitions: dg.Definitions, instance: dg.DagsterInstance, request: dg.RunRequest) -> bool:
    job = definitions.resolve_job_def(LOAD_AND_BILL)
    return job.execute_in_process(instance=instance, tags=dict(request.tags), raise_on_error=False).success


def hours_of(requests: list[dg.RunRequest]) -> list[str]:
    return [hour.key for request in requests for hour in hours_in_tags(dict(request.tags))]


def test_new_files_lead_to_runs_within_one_tick_and_the_same_files_to_none(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first, far = Hour(two_days_ago), Hour(two_days_ago).plus(20)
    pipeline.add_tenant("cohoes")
    for hour in (first, first.plus(1), far):
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 2))
    with dg.DagsterInstance.ephemeral() as instance:
        requests = tick(definitions, instance)
        assert hours_of(requests) == [first.key, first.plus(1).key, far.key]
        assert len(requests) == 2, "neighbouring hours share a run"
        assert all(run_requested(definitions, instance, request) for request in requests)
        assert tick(definitions, instance) == []


def test_a_late_file_in_a_closed_hour_requests_that_hour_and_only_that_one_under_a_new_key(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    for step in range(3):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step), 1, 2))
    with dg.DagsterInstance.ephemeral() as instance:
        before = tick(definitions, instance)
        for request in before:
            run_requested(definitions, instance, request)
        pipeline.land(first.plus(1), "late.csv", readings("cohoes", first.plus(1), 2, 2))
        requests = tick(definitions, instance)
        assert hours_of(requests) == [first.plus(1).key]
        assert requests[0].run_key not in {request.run_key for request in before}


def test_an_hour_that_a_run_works_on_is_not_requested_a_second_time(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    for step in range(3):
        pipeline.land(first.plus(step), "a.csv", readings("cohoes", first.plus(step), 1, 2))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.create_run_for_job(
            definitions.resolve_job_def(LOAD_AND_BILL),
            tags=range_tags(HourRange(first, first.plus(1))),
            status=dg.DagsterRunStatus.STARTED,
        )
        assert hours_of(tick(definitions, instance)) == [first.plus(2).key]


def test_a_folder_before_the_grid_becomes_an_exception_and_a_future_one_waits_while_the_others_run(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """A bad key in one request would fail the whole tick, and the next, for ever."""
    good, before, future = Hour(two_days_ago), Hour(two_days_ago).plus(-24 * 30), Hour(two_days_ago).plus(24 * 30)
    for hour in (good, before, future):
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 2))
    (pipeline.landing / "2026-13-45" / "99").mkdir(parents=True)
    with dg.DagsterInstance.ephemeral() as instance:
        assert hours_of(tick(definitions, instance)) == [good.key]
    told = pipeline.rows("select kind, hour from fridge.exceptions order by kind")
    assert told == [("future_hour", future.start), ("stray_files", None), ("unexpected_hour", before.start)]


def test_the_hour_that_is_running_now_is_loaded_as_its_files_arrive(
    definitions: dg.Definitions, pipeline: Pipeline
) -> None:
    now = Hour.containing(datetime.now(UTC))
    pipeline.land(now, "a.csv", readings("cohoes", now, 1, 1))
    with dg.DagsterInstance.ephemeral() as instance:
        assert hours_of(tick(definitions, instance)) == [now.key]


def test_hourly_billing_sweeps_every_closed_hour_that_is_not_delivered_and_no_other(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Delivered; counted but never stated; loaded but not counted; only landed; excepted; still open."""
    delivered, stated_not, counted_not, landed, unmapped = (Hour(two_days_ago).plus(8 * step) for step in range(-4, 1))
    still_open = Hour.containing(datetime.now(UTC))
    pipeline.add_tenant("cohoes")
    for hour in (delivered, stated_not, counted_not, landed, still_open):
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 1))
    pipeline.land(unmapped, "a.csv", readings("nobody", unmapped, 1, 1))
    pipeline.run(delivered)
    pipeline.run(unmapped)
    pipeline.load(stated_not)
    pipeline.count(stated_not)
    pipeline.load(counted_not)
    with dg.DagsterInstance.ephemeral() as instance:
        assert hours_of(sweep(definitions, instance)) == [stated_not.key, counted_not.key, landed.key]
        pipeline.add_tenant("nobody")
        requests = sweep(definitions, instance)
        assert hours_of(requests) == [stated_not.key, counted_not.key, landed.key, unmapped.key]
        for request in requests:
            assert run_requested(definitions, instance, request)
        assert sweep(definitions, instance) == []
    assert pipeline.stripe_totals("nobody")["temperature_readings", unmapped.key] == 1


def test_an_hour_whose_push_failed_is_swept_up_by_the_next_hourly_billing(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    with dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("STRIPE_API_KEY", "sk_test_down")
        monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:9")
        (request,) = tick(definitions, instance)
        assert not run_requested(definitions, instance, request)
        monkeypatch.setenv("STRIPE_API_BASE", pipeline.sandbox.url)
        (request,) = sweep(definitions, instance)
        assert run_requested(definitions, instance, request)
    assert pipeline.stripe_totals("cohoes") == {("active_sensors", hour.key): 2, ("temperature_readings", hour.key): 10}


def test_a_refused_hour_is_swept_up_once_its_tenant_has_another_customer(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("troy", "not a customer id")
    pipeline.land(hour, "a.csv", readings("troy", hour, 1, 5))
    pipeline.run(hour)
    with dg.DagsterInstance.ephemeral() as instance:
        assert sweep(definitions, instance) == []
        pipeline.add_tenant("troy")
        assert hours_of(sweep(definitions, instance)) == [hour.key]


@pytest.mark.parametrize(("read_hours_ago", "is_swept"), [(5, False), (7, True)])
def test_what_is_in_doubt_is_swept_up_when_it_is_time_to_read_stripe_back_again_and_not_before(
    definitions: dg.Definitions,
    pipeline: Pipeline,
    two_days_ago: datetime,
    read_hours_ago: int,
    is_swept: bool,  # noqa: FBT001
) -> None:
    hour, now = Hour(two_days_ago), pipeline.clock.now
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 5)
    pipeline.load(hour)
    pipeline.count(hour)
    pipeline.clock.now = now - timedelta(hours=40)
    with pytest.raises(ProcessDied):
        pipeline.bill(hour, at_failpoint=dies_after(Failpoint.MARKED_SENT))
    pipeline.clock.now = now - timedelta(hours=read_hours_ago)
    pipeline.bill(hour)
    pipeline.clock.now = now
    with dg.DagsterInstance.ephemeral() as instance:
        assert hours_of(sweep(definitions, instance)) == ([hour.key] if is_swept else [])
    assert pipeline.bill(hour).delivery.accepted == (2 if is_swept else 0)


def test_a_steady_tick_with_20_000_files_present_reads_none_of_them_and_asks_for_nothing(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Timed by hand, not here; here: a tick lists, compares fingerprints, and opens no landing file."""
    first = Hour(two_days_ago).plus(-40)
    content = b"tenant_id,sensor_id,recorded_at,temperature_c\n"
    for step in range(40):
        folder = pipeline.landing / first.plus(step).folder
        folder.mkdir(parents=True)
        for number in range(500):
            (folder / f"{number}.csv").write_bytes(content)
    fingerprints = definitions_fingerprints(pipeline)
    assert len(fingerprints) == 40
    with pipeline.database.connect() as connection:
        for hour, fingerprint in fingerprints.items():
            connection.execute("insert into fridge.landing_hours values (%s, %s, now())", [hour.start, fingerprint])
    for path in pipeline.landing.rglob("7.csv"):
        path.chmod(0)
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(definitions, instance) == []
        late = pipeline.land(first.plus(5), "late.csv", readings("cohoes", first.plus(5), 1, 1))
        assert late.exists()
        assert hours_of(tick(definitions, instance)) == [first.plus(5).key]


def definitions_fingerprints(pipeline: Pipeline) -> dict[Hour, str]:
    return dict(LocalLanding(str(pipeline.landing)).hours())


def test_hourly_billing_runs_once_an_hour_after_the_hour_has_closed(definitions: dg.Definitions) -> None:
    schedule = definitions.resolve_schedule_def("hourly_billing")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("7 * * * *", "UTC")


def test_a_tick_that_fails_is_tried_again_each_minute_for_an_hour_and_not_only_the_next_morning() -> None:
    """Dagster's own number is 0: what is evaluated once a day was lost for a day by a database that restarts."""
    scheduler = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text(encoding="utf-8"))["scheduler"]
    assert DagsterDaemonScheduler(**scheduler["config"]).max_tick_retries == 60


def test_both_automations_are_on_by_default(definitions: dg.Definitions) -> None:
    assert definitions.get_sensor_def("landing_sensor").default_status is dg.DefaultSensorStatus.RUNNING
    assert definitions.resolve_schedule_def("hourly_billing").default_status is dg.DefaultScheduleStatus.RUNNING


def test_the_grid_begins_where_the_setting_says_and_ends_with_the_hour_that_is_running(
    definitions: dg.Definitions,
) -> None:
    assets = {key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs() for key in [spec.key]}
    grid = assets["meter_events"].partitions_def
    assert grid is not None
    keys = grid.get_partition_keys(current_time=datetime.now(UTC))
    assert keys[-1] == Hour.containing(datetime.now(UTC)).key
    assert len(keys) == 97
    assert Hour.from_key(keys[1]).start - Hour.from_key(keys[0]).start == timedelta(hours=1)
