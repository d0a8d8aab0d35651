"""The sensor ``undelivered_sweep``: what hourly_billing could not deliver is not left to its next turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from fridge_pipeline.billing.ledger import undelivered_hours
from fridge_pipeline.billing.rules.sweep import ATTEMPTS_REMEMBERED, due_at
from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.calendar.hour_range import plan_ranges
from fridge_pipeline.installation import Installation
from fridge_pipeline.orchestration.automation import (
    EVERY_HOUR_DELIVERED,
    RUNS_PER_TICK_MAX,
    SWEEP_AFTER_CLOSE,
    ended,
    without_runs_under_way,
)
from fridge_pipeline.orchestration.jobs import BILL_CLOSED_HOURS
from fridge_pipeline.orchestration.partitions import automation_tags, hours_in_tags
from fridge_pipeline.stripe.gateway import StripeCallError
from fridge_pipeline.stripe.key_access import require_answer

SWEEP_INTERVAL_SECONDS = 120

#: An hour that has just closed is hourly_billing's, which may be a little late.
LEFT_TO_HOURLY_BILLING = SWEEP_AFTER_CLOSE + timedelta(minutes=3)

ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def undelivered_sweep() -> dg.SensorDefinition:
    """Requests runs for the closed hours that the books hold undelivered; looks at no landing file."""

    @dg.sensor(
        name="undelivered_sweep",
        job_name=BILL_CLOSED_HOURS,
        minimum_interval_seconds=SWEEP_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Between two turns of hourly_billing: bills the hours that are loaded and not delivered, once "
        "Stripe answers again. What fails again is tried less and less often, every quarter of an hour at last.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.SensorResult | dg.SkipReason:
        undelivered = _undelivered(installation)
        if not undelivered:
            return dg.SkipReason(EVERY_HOUR_DELIVERED)
        now = installation.clock()
        attempts = _attempts(context.instance, now)
        waiting = [
            hour for hour in without_runs_under_way(context.instance, undelivered) if not _is_stopped(attempts[hour])
        ]
        if not waiting:
            return dg.SkipReason(
                f"{len(undelivered)} hours are not delivered: runs are at them, or a person has stopped theirs"
            )
        due = {hour: due_at([ended(record) for record in attempts[hour]]) or now for hour in waiting}
        if (next_try := min(due.values())) > now:
            return dg.SkipReason(f"{len(waiting)} hours are not delivered; next try at {next_try:%H:%M:%S} UTC")
        now_due = [hour for hour, moment in due.items() if moment <= now]
        if any(attempts[hour] for hour in now_due) and (silence := _silence(installation)) is not None:
            return dg.SkipReason(f"{len(waiting)} hours are not delivered: {silence}")
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(tags=automation_tags(hours, "not delivered yet"))
                for hours in plan_ranges(now_due)[:RUNS_PER_TICK_MAX]
            ]
        )

    return sensor


def _undelivered(installation: Installation) -> list[Hour]:
    """The hours that have been closed for long enough."""
    grid, now = installation.grid(), installation.clock()
    with installation.database.connect() as connection:
        found = undelivered_hours(connection, installation.catalogue, now)
    close_after = installation.settings.close_after + LEFT_TO_HOURLY_BILLING
    return [hour for hour in found if grid.first <= hour <= grid.last and hour.closed_at(now, close_after)]


def _attempts(instance: dg.DagsterInstance, now: datetime) -> dict[Hour, list[RunRecord]]:
    """The runs that have lately ended, by the hours that they worked on."""
    attempts = defaultdict[Hour, list[RunRecord]](list)
    for record in instance.get_run_records(RunsFilter(statuses=ENDED, updated_after=now - ATTEMPTS_REMEMBERED)):
        for hour in hours_in_tags(record.dagster_run.tags):
            attempts[hour].append(record)
    return attempts


def _is_stopped(attempts: Sequence[RunRecord]) -> bool:
    """What a person has stopped last is left to hourly_billing."""
    return bool(attempts) and max(attempts, key=ended).dagster_run.status is DagsterRunStatus.CANCELED


def _silence(installation: Installation) -> str | None:
    """Why Stripe would not take anything now; ``None`` when it answers. One call costs less than a run in vain."""
    try:
        require_answer(installation.gateway())
    except StripeCallError as error:
        return str(error)
    return None
