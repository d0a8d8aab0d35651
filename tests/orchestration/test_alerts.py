"""The sensors of alerts and the canary's schedule, as the daemon evaluates them."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.definitions import defs
from fridge_pipeline.orchestration.automation import BILL_CLOSED_HOURS, LOAD_AND_BILL
from fridge_pipeline.orchestration.partitions import range_tags
from fridge_pipeline.orchestration.schedules import LAND_CANARY
from fridge_pipeline.resources import RESOURCES
from tests.operations.servers import WebhookServer, webhook_server
from tests.orchestration.ticks import sensor_tick
from tests.pipeline import Pipeline


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    with webhook_server() as server:
        yield server


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def told(definitions: dg.Definitions, webhook: WebhookServer, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """The code location with a webhook."""
    assert definitions is not None
    monkeypatch.setenv("FRIDGE_ALERT_WEBHOOK", webhook.url)
    return defs()


def tick(definitions: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None = None) -> tuple[str, str]:
    """What a tick of ``alerts`` says, and its cursor."""
    result = sensor_tick(definitions, instance, "alerts", cursor)
    assert result.run_requests in (None, [])
    return result.skip_message or "", result.cursor or ""


def run(definitions: dg.Definitions, instance: dg.DagsterInstance, job: str, hour: Hour | None) -> bool:
    tags = range_tags(HourRange(hour, hour)) if hour else {}
    return (
        definitions.resolve_job_def(job).execute_in_process(instance=instance, tags=tags, raise_on_error=False).success
    )


def fail_hour(definitions: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline, hour: Hour) -> None:
    """A run that finds Stripe down."""
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 2)
    with pytest.MonkeyPatch.context() as nowhere:
        nowhere.setenv("STRIPE_API_BASE", "http://127.0.0.1:9")
        assert not run(definitions, instance, LOAD_AND_BILL, hour)


def failure_tick(definitions: dg.Definitions, instance: dg.DagsterInstance) -> str:
    """What a tick of ``run_failures`` says of the newest failed run."""
    record = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]), limit=1)[0]
    event = next(
        entry.dagster_event
        for entry in instance.all_logs(record.dagster_run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    )
    assert event is not None
    context = dg.build_run_status_sensor_context(
        "run_failures",
        event,
        instance,
        record.dagster_run,
        resources=RESOURCES,
        repository_def=definitions.get_repository_def(),
    ).for_run_failure()
    with context:
        result = definitions.get_sensor_def("run_failures")(context)
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or ""


def test_with_nothing_configured_the_sensors_are_off_and_send_nothing_when_switched_on(
    definitions: dg.Definitions, instance: dg.DagsterInstance, webhook: WebhookServer, pipeline: Pipeline
) -> None:
    for name in ("alerts", "run_failures"):
        assert definitions.get_sensor_def(name).default_status is dg.DefaultSensorStatus.STOPPED
    assert definitions.resolve_schedule_def("hourly_canary").default_status is dg.DefaultScheduleStatus.STOPPED
    assert tick(definitions, instance)[0].startswith("alerts are off: neither FRIDGE_ALERT_WEBHOOK nor")
    assert (webhook.asked, pipeline.one("select count(*) from fridge.alerts")) == (0, 0)


def test_a_failed_run_is_told_at_once_and_its_end_when_a_later_run_did_its_hours(
    told: dg.Definitions, instance: dg.DagsterInstance, webhook: WebhookServer, pipeline: Pipeline
) -> None:
    assert told.get_sensor_def("alerts").default_status is dg.DefaultSensorStatus.RUNNING
    hour = Hour.containing(pipeline.clock.now).plus(-3)
    fail_hour(told, instance, pipeline, hour)
    assert failure_tick(told, instance) == "1 alerts, 1 messages sent"
    (text,) = webhook.texts
    assert text.startswith("Fridge billing: 1 run of load_and_bill failed\n")
    assert f"worked on {hour} and says: meter_events: " in text
    assert "what a schedule runs at its next time. Anything else that a person launched is not tried again." in text
    assert "fridge doctor" in text

    assert run(told, instance, BILL_CLOSED_HOURS, hour.plus(-1))
    assert tick(told, instance)[0].endswith("0 messages sent"), "another hour is no success of this one"
    assert run(told, instance, BILL_CLOSED_HOURS, hour)
    tick(told, instance)
    assert "Over: 1 run of load_and_bill failed" in webhook.texts[-1]


def test_a_webhook_that_is_down_fails_no_tick_and_is_tried_again(
    told: dg.Definitions, instance: dg.DagsterInstance, webhook: WebhookServer, pipeline: Pipeline
) -> None:
    webhook.status = 500
    fail_hour(told, instance, pipeline, Hour.containing(pipeline.clock.now).plus(-3))
    assert "0 messages sent; the webhook at 127.0.0.1" in failure_tick(told, instance)
    said, cursor = tick(told, instance)
    assert "answered 500" in said
    assert "top-secret" not in said + cursor
    webhook.status = 200
    assert tick(told, instance, cursor)[0].endswith("1 messages sent")
    assert "1 run of load_and_bill failed" in webhook.texts[-1]


def test_the_canary_lands_in_the_hour_that_is_running_and_only_where_it_is_asked_for(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not run(definitions, instance, LAND_CANARY, None)
    monkeypatch.setenv("FRIDGE_CANARY", "yes")
    flown = defs()
    assert flown.resolve_schedule_def("hourly_canary").default_status is dg.DefaultScheduleStatus.RUNNING
    before = Hour.containing(pipeline.clock.now)
    assert run(flown, instance, LAND_CANARY, None)
    (path,) = pipeline.landing.rglob("canary.csv")
    hour = Hour.from_folder(path.parent.relative_to(pipeline.landing).as_posix())
    assert before <= hour <= before.plus(1)
    pipeline.load(hour)
    counts = "select row_count, inserted_count, rejected_count from fridge.landing_files"
    assert pipeline.rows(counts) == [(4, 4, 0)]
