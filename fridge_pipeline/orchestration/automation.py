"""What runs without anyone looking: the landing sensor and the hourly billing."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from fridge_pipeline.billing.watch import sweep_hours, watch_landing_zone
from fridge_pipeline.calendar.hour import Hour, NotAnHourError
from fridge_pipeline.calendar.hour_range import HourRange, plan_ranges
from fridge_pipeline.installation import Installation
from fridge_pipeline.orchestration.jobs import BILL_CLOSED_HOURS, LOAD_AND_BILL
from fridge_pipeline.orchestration.partitions import automation_tags, hours_in_tags

LANDING_INTERVAL_SECONDS = 30

#: A run key is used once, for good. So that a failed load is tried again, it says in which quarter of an hour
#: it was made; hours that are loaded, or being loaded, are not requested anyway.
RETRY_SECONDS = 15 * 60

#: Requests of one tick: a tick has 60 seconds, and submitting a run takes up to a tenth of one.
RUNS_PER_TICK_MAX = 100

#: The sweep starts so long after an hour has closed.
SWEEP_AFTER_CLOSE = timedelta(minutes=2)

EVERY_HOUR_DELIVERED = "every closed hour is delivered or stands in the exceptions"

UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def landing_sensor() -> dg.SensorDefinition:
    """Requests a run for every hour whose landing files are not, or no longer, what was loaded."""

    @dg.sensor(
        name="landing_sensor",
        job_name=LOAD_AND_BILL,
        minimum_interval_seconds=LANDING_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Watches the landing zone and requests a run per hour (or range of hours) with new files.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.SensorResult | dg.SkipReason:
        watched = watch_landing_zone(
            installation.database,
            installation.zone,
            installation.grid(),
            installation.clock(),
            _turn_of(context.cursor),
        )
        pending = watched.pending
        context.update_cursor(watched.turn.key if watched.turn else "")
        waiting = without_runs_under_way(context.instance, pending)
        if not waiting:
            return dg.SkipReason(watched.gone or f"nothing new in {installation.settings.landing_uri}")
        ranges = plan_ranges(waiting)[:RUNS_PER_TICK_MAX]
        attempt = int(installation.clock().timestamp() // RETRY_SECONDS)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=f"{hours}:{_digest(pending, hours)}:{attempt}",
                    tags=automation_tags(hours, "new landing files"),
                )
                for hours in ranges
            ]
        )

    return sensor


def hourly_billing(close_after: timedelta) -> dg.ScheduleDefinition:
    """A few minutes past each hour: every closed hour that is not fully delivered, not only the last one."""
    minute = int((close_after + SWEEP_AFTER_CLOSE) / timedelta(minutes=1)) % 60

    @dg.schedule(
        name="hourly_billing",
        job_name=BILL_CLOSED_HOURS,
        cron_schedule=f"{minute} * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Bills every closed hour that is not fully delivered: a failed run can never strand an hour.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> list[dg.RunRequest] | dg.SkipReason:
        hours_to_bill = sweep_hours(
            installation.database,
            installation.zone,
            installation.grid(),
            installation.catalogue,
            installation.clock(),
            installation.settings.close_after,
        )
        waiting = without_runs_under_way(context.instance, hours_to_bill)
        if not waiting:
            return dg.SkipReason(EVERY_HOUR_DELIVERED)
        tick = context.scheduled_execution_time.isoformat()
        return [
            dg.RunRequest(run_key=f"{tick}:{hours}", tags=automation_tags(hours, "not fully delivered"))
            for hours in plan_ranges(waiting)[:RUNS_PER_TICK_MAX]
        ]

    return schedule


def without_runs_under_way(instance: dg.DagsterInstance, hours: Iterable[Hour]) -> list[Hour]:
    """The hours that no queued or running run works on already."""
    waiting = sorted(hours)
    if not waiting:
        return []
    busy = {hour for tags in tags_under_way(instance) for hour in hours_in_tags(tags)}
    return [hour for hour in waiting if hour not in busy]


def tags_under_way(instance: dg.DagsterInstance) -> list[Mapping[str, str]]:
    """The tags of every queued or running run."""
    return [record.dagster_run.tags for record in instance.get_run_records(RunsFilter(statuses=UNDER_WAY))]


def ended(record: RunRecord) -> datetime:
    """When a run ended; one that never began ended when it was last heard of."""
    if record.end_time is not None:
        return datetime.fromtimestamp(record.end_time, UTC)
    return record.update_timestamp.replace(tzinfo=UTC)


def _turn_of(cursor: str | None) -> Hour | None:
    """The hour a tick left in the cursor; a cursor that a person has set to something else begins a new round."""
    try:
        return Hour.from_key(cursor or "")
    except NotAnHourError:
        return None


def _digest(fingerprints: dict[Hour, str], hours: HourRange) -> str:
    """Changes with any listing in the range: a run key is used once, so new content needs a new one."""
    listed = "\n".join(f"{hour}:{fingerprints[hour]}" for hour in hours.hours() if hour in fingerprints)
    return hashlib.sha256(listed.encode()).hexdigest()[:16]
