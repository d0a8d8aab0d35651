"""What makes sure of Stripe without anyone looking: the sensor of refusals and the daily reconciliation."""

from collections import defaultdict
from datetime import date, datetime, timedelta

import dagster as dg

from fridge_pipeline.billing.collect_refusals import collect_refusals
from fridge_pipeline.calendar.day_range import ONE_DAY, DayRange, consecutive
from fridge_pipeline.installation import Installation
from fridge_pipeline.orchestration.automation import tags_under_way
from fridge_pipeline.orchestration.jobs import RECONCILE_DAYS
from fridge_pipeline.orchestration.partitions import daily_grid, days_in_tags, range_tags
from fridge_pipeline.reconciliation.reconciliation_record import days_to_reconcile
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP

#: Each look is a read, of which a month holds only so many: not more often, and not at all between sendings.
REFUSALS_INTERVAL_SECONDS = 300

#: A quarter past seven UTC: the last hour of yesterday was billed seven hours ago, so its summaries have settled.
RECONCILIATION_CRON = "15 7 * * *"


def stripe_refusals() -> dg.SensorDefinition:
    """Collects what Stripe refused after its receipt, and has the days reconciled that it may be about."""

    @dg.sensor(
        name="stripe_refusals",
        job_name=RECONCILE_DAYS,
        minimum_interval_seconds=REFUSALS_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reads Stripe's reports of events refused later; has hours stated anew and days reconciled.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.SensorResult | dg.SkipReason:
        found = collect_refusals(
            installation.database,
            installation.gateway,
            installation.catalogue,
            last_look(context.cursor),
            installation.clock,
        )
        if found.looked_at is None:
            return dg.SkipReason("nothing was sent lately that Stripe could refuse")
        grid = daily_grid(installation.settings.partitions_start, installation.clock())
        requests = requests_of(found.touched, grid)
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else "Stripe refused nothing",
            cursor=found.looked_at.isoformat(),
        )

    return sensor


def last_look(cursor: str | None) -> datetime | None:
    """When the sensor looked last; a cursor that is no time begins anew, which costs a read and changes nothing."""
    try:
        moment = datetime.fromisoformat(cursor or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def requests_of(touched: dict[date, str], grid: DayRange) -> list[dg.RunRequest]:
    """One run for the consecutive days of a report. Days outside the grid are left out: they would fail the tick.

    A run key is used once, so reports that are in sight again request nothing.
    """
    days: dict[str, list[date]] = defaultdict(list)
    for day, report_id in touched.items():
        if day in grid:
            days[report_id].append(day)
    return [
        dg.RunRequest(run_key=f"{report_id}:{span}", tags=range_tags(span))
        for report_id, of_report in sorted(days.items())
        for span in consecutive(of_report)
    ]


def daily_reconciliation() -> dg.ScheduleDefinition:
    """Every morning: yesterday, and whatever of the last 35 days may look different by now."""

    @dg.schedule(
        name="daily_reconciliation",
        job_name=RECONCILE_DAYS,
        cron_schedule=RECONCILIATION_CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Reconciles yesterday, and earlier days that were not read in full or did not agree for good.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.RunRequest | dg.SkipReason:
        grid = daily_grid(installation.settings.partitions_start, installation.clock())
        yesterday = grid.last - ONE_DAY
        looked_at = DayRange(max(grid.first, grid.last - timedelta(days=OLDEST_TIMESTAMP.days)), yesterday)
        if yesterday not in grid:
            return dg.SkipReason("the grid of days begins today")
        with installation.database.connect() as connection:
            unfinished = days_to_reconcile(connection, looked_at, installation.catalogue)
        busy = {day for tags in tags_under_way(context.instance) for day in days_in_tags(tags)}
        waiting = [day for day in sorted({*unfinished, yesterday}) if day not in busy]
        if not waiting:
            return dg.SkipReason("a run is at these days already")
        # One read holds a hundred days, so the days in between cost nothing.
        span = DayRange(waiting[0], waiting[-1])
        tick = context.scheduled_execution_time.isoformat()
        return dg.RunRequest(run_key=f"{tick}:{span}", tags=range_tags(span))

    return schedule
