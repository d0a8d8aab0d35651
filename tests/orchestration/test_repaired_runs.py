"""Laws of failed runs: told at once, over as soon as the books say that their work is done, whoever has done it."""

from __future__ import annotations

import dagster as dg
import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.definitions import defs
from fridge_pipeline.orchestration.automation import BILL_CLOSED_HOURS, LOAD_AND_BILL, RECONCILE_DAYS
from fridge_pipeline.orchestration.partitions import range_tags
from tests.operations.servers import WebhookServer
from tests.orchestration.test_alerts import fail_hour, failure_tick, instance, run, tick, told, webhook
from tests.pipeline import Pipeline, readings

__all__ = ["instance", "told", "webhook"]  # fixtures

CHAIN = ["raw_readings", "inserted_counts", "active_sensors", "meter_events"]
NOWHERE = "http://127.0.0.1:9"


def materialize(
    definitions: dg.Definitions, instance: dg.DagsterInstance, assets: list[str], tags: dict[str, str]
) -> bool:
    """Assets of somebody's choice, as the UI launches them: in no job of ours."""
    job = definitions.resolve_implicit_global_asset_job_def()
    keys = [dg.AssetKey(asset) for asset in assets]
    return job.execute_in_process(instance=instance, tags=tags, asset_selection=keys, raise_on_error=False).success


def test_a_failure_that_an_asset_run_repaired_is_over_and_the_next_one_is_told_at_once(
    told: dg.Definitions, instance: dg.DagsterInstance, webhook: WebhookServer, pipeline: Pipeline
) -> None:
    hour = Hour.containing(pipeline.clock.now).plus(-5)
    fail_hour(told, instance, pipeline, hour)
    fail_hour(told, instance, pipeline, hour.plus(1))
    assert failure_tick(told, instance) == "1 alerts, 1 messages sent"
    assert "2 runs of load_and_bill failed" in webhook.texts[0]
    assert failure_tick(told, instance) == "1 alerts, 0 messages sent"

    assert materialize(told, instance, CHAIN, range_tags(HourRange(hour, hour.plus(1))))
    fail_hour(told, instance, pipeline, hour.plus(2))
    assert failure_tick(told, instance) == "1 alerts, 1 messages sent", "told before anybody noticed the repair"
    assert f"worked on {hour.plus(2)} and says" in webhook.texts[-1]

    assert materialize(told, instance, CHAIN, range_tags(HourRange(hour.plus(2), hour.plus(2))))
    assert tick(told, instance)[0] == "0 alerts, 1 messages sent"
    assert "Over: 1 run of load_and_bill failed" in webhook.texts[-1]
    assert pipeline.rows("select alert_key, resolved_at is null from fridge.alerts") == [("runs:load_and_bill", False)]
    fail_hour(told, instance, pipeline, hour.plus(3))
    assert failure_tick(told, instance) == "1 alerts, 1 messages sent"
    assert len(webhook.texts) == 4


def test_hours_that_were_delivered_without_dagster_are_over_and_a_part_of_them_is_not(
    told: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline
) -> None:
    hour = Hour.containing(pipeline.clock.now).plus(-5)
    span = HourRange(hour, hour.plus(2))
    pipeline.add_tenant("cohoes")
    for step in range(3):
        pipeline.land(hour.plus(step), "a.csv", readings("cohoes", hour.plus(step), 1, 2))
    with pytest.MonkeyPatch.context() as nowhere:
        nowhere.setenv("STRIPE_API_BASE", NOWHERE)
        job = told.resolve_job_def(BILL_CLOSED_HOURS)
        assert not job.execute_in_process(instance=instance, tags=range_tags(span), raise_on_error=False).success
    assert tick(told, instance)[0] == "1 alerts, 1 messages sent"
    pipeline.run(hour, hour.plus(1))
    assert tick(told, instance)[0] == "1 alerts, 0 messages sent", "one of three hours is left"
    pipeline.run(hour.plus(2))
    pipeline.land(hour.plus(9), "other.csv", readings("cohoes", hour.plus(9), 1, 2))
    assert tick(told, instance)[0] == "0 alerts, 1 messages sent"


def test_an_hour_that_cannot_be_loaded_stays_told_until_it_is_loaded(
    told: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline
) -> None:
    hour = Hour.containing(pipeline.clock.now).plus(-5)
    bad = pipeline.landing / hour.folder
    bad.parent.mkdir(parents=True)
    bad.symlink_to("/")
    assert not run(told, instance, LOAD_AND_BILL, hour)
    assert failure_tick(told, instance) == "1 alerts, 1 messages sent"
    bad.unlink()
    assert tick(told, instance)[0].startswith("2 alerts"), "the exception load_failed is open"
    pipeline.clock.advance(minutes=5)
    pipeline.load(hour)
    assert tick(told, instance)[0] == "0 alerts, 1 messages sent"


def test_a_run_of_an_hour_that_is_not_over_is_made_good_only_by_a_run_that_did_as_much(
    told: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline
) -> None:
    hour = Hour.containing(pipeline.clock.now)
    tags = range_tags(HourRange(hour, hour))
    instance.create_run_for_job(told.resolve_job_def(LOAD_AND_BILL), tags=tags, status=dg.DagsterRunStatus.FAILURE)
    assert tick(told, instance)[0] == "1 alerts, 1 messages sent"
    assert materialize(told, instance, ["raw_readings"], tags)
    assert tick(told, instance)[0] == "1 alerts, 0 messages sent"
    assert materialize(told, instance, CHAIN, tags)
    assert tick(told, instance)[0] == "0 alerts, 1 messages sent"


def test_days_are_over_once_they_were_read_and_runs_without_partitions_once_the_same_was_done(
    told: dg.Definitions, instance: dg.DagsterInstance, webhook: WebhookServer, pipeline: Pipeline
) -> None:
    hour = Hour.containing(pipeline.clock.now).plus(-30)
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 2)
    pipeline.run(hour)
    day = {"dagster/partition": f"{hour.start:%Y-%m-%d}"}
    reconcile = told.resolve_job_def(RECONCILE_DAYS)
    with pytest.MonkeyPatch.context() as nowhere:
        nowhere.setenv("STRIPE_API_BASE", NOWHERE)
        assert not reconcile.execute_in_process(instance=instance, tags=day, raise_on_error=False).success
        assert failure_tick(told, instance) == "1 alerts, 1 messages sent"
        assert "1 run of reconcile_days failed" in webhook.texts[-1]
    assert materialize(told, instance, ["stripe_reconciliation"], day)
    assert tick(told, instance)[0] == "0 alerts, 1 messages sent"

    instance.create_run_for_job(told.resolve_job_def("check_books"), status=dg.DagsterRunStatus.FAILURE)
    assert tick(told, instance)[0] == "1 alerts, 1 messages sent"
    assert run(told, instance, "check_books", None)
    assert tick(told, instance)[0] == "0 alerts, 1 messages sent"
    assert "Over: 1 run of check_books failed" in webhook.texts[-1]


def test_an_alert_links_to_the_run_where_the_address_of_the_ui_is_set(
    told: dg.Definitions,
    instance: dg.DagsterInstance,
    webhook: WebhookServer,
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert told is not None
    monkeypatch.setenv("FRIDGE_UI_URL", "https://dagster.example.org/prefix/")
    linked = defs()
    fail_hour(linked, instance, pipeline, Hour.containing(pipeline.clock.now).plus(-3))
    assert failure_tick(linked, instance) == "1 alerts, 1 messages sent"
    (record,) = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert f"open https://dagster.example.org/prefix/runs/{record.dagster_run.run_id}, remove" in webhook.texts[0]
