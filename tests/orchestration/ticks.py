"""One tick of an automation, as the daemon evaluates it, and one run as it launches it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.installation import open_ledger, utc_now
from fridge_pipeline.orchestration.automation import LOAD_AND_BILL
from fridge_pipeline.orchestration.partitions import range_tags
from fridge_pipeline.resources import RESOURCES
from fridge_pipeline.settings import read_settings

#: A schedule's context opens an instance anew, which one in memory cannot be; it is given the test's own.
NOT_OPENED = InstanceRef.from_dir(tempfile.gettempdir())


def sensor_tick(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    name: str,
    cursor: str | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Any:
    """What a sensor says now, or at a clock's time, its requests checked as the daemon checks them."""

    @dg.resource
    def ledger(_: dg.InitResourceContext) -> Iterator[object]:
        with open_ledger(read_settings(os.environ), clock or utc_now) as opened:
            yield opened

    resources = {**RESOURCES, "ledger": ledger} if clock is not None else RESOURCES
    with dg.build_sensor_context(
        instance=instance, definitions=definitions, resources=resources, cursor=cursor
    ) as context:
        return definitions.get_sensor_def(name).evaluate_tick(context)


def schedule_tick(definitions: dg.Definitions, instance: dg.DagsterInstance, name: str) -> list[dg.RunRequest]:
    """What a schedule requests now."""
    with dg.build_schedule_context(
        instance_ref=NOT_OPENED,
        scheduled_execution_time=datetime.now(UTC),
        repository_def=definitions.get_repository_def(),
        resources=RESOURCES,
    ) as context:
        context._instance = instance  # type: ignore[assignment] # Dagster's says that it is None
        return list(definitions.resolve_schedule_def(name).evaluate_tick(context).run_requests or [])


def run_hours(definitions: dg.Definitions, instance: dg.DagsterInstance, hours: HourRange) -> dg.ExecuteInProcessResult:
    """The job of the landing sensor on some hours; a failure is in the result."""
    job = definitions.resolve_job_def(LOAD_AND_BILL)
    return job.execute_in_process(instance=instance, tags=range_tags(hours), raise_on_error=False)


def asset_job(
    definitions: dg.Definitions, assets: Iterable[str] = (), checks: Iterable[dg.AssetCheckKey] | None = None
) -> dg.JobDefinition:
    """What *Materialize* on these assets runs, or *Execute* on these checks."""
    keys = {dg.AssetKey(asset) for asset in assets}
    chosen = None if checks is None else set(checks)
    return definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=keys, asset_check_selection=chosen
    )
