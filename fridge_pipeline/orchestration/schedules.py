"""The schedules: hourly billing, daily reconciliation and test of the books, canary, retention."""

from datetime import timedelta

import dagster as dg

from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.calendar.days import ONE_DAY, DayRange
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.rules.losses import CANARY_FILE
from fridge_pipeline.installation import Landing, Ledger
from fridge_pipeline.operations.drop_old_readings import drop_old_readings, old_months
from fridge_pipeline.operations.land_canary import CanaryNotSupportedError, land_canary
from fridge_pipeline.orchestration.automation import (
    BILL_CLOSED_HOURS,
    CHECK_BOOKS,
    DAYS_UNDER_WAY,
    EVERY_HOUR_DELIVERED,
    RECONCILE_DAYS,
    RECONCILING,
    SWEEP_AFTER_CLOSE,
    request_of_days,
    requests_of_hours,
    without_runs_under_way,
)
from fridge_pipeline.orchestration.partitions import daily_grid
from fridge_pipeline.reconciliation.reconciliation_record import days_to_reconcile
from fridge_pipeline.settings import Settings
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP

#: A quarter past seven UTC: the last hour of yesterday was billed seven hours ago, so its summaries have settled.
RECONCILIATION_CRON = "15 7 * * *"


def hourly_billing(settings: Settings) -> dg.ScheduleDefinition:
    """A few minutes past each hour: every closed hour that is not fully delivered, not only the last one."""
    minute = int((settings.close_after + SWEEP_AFTER_CLOSE) / timedelta(minutes=1)) % 60

    @dg.schedule(
        name="hourly_billing",
        job_name=BILL_CLOSED_HOURS,
        cron_schedule=f"{minute} * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Bills every closed hour that is not fully delivered: a failed run can never strand an hour.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, ledger: dg.ResourceParam[Ledger], landing: dg.ResourceParam[Landing]
    ) -> list[dg.RunRequest] | dg.SkipReason:
        run, close_after = ledger.as_run("hourly_billing"), ledger.settings.close_after
        hours_to_bill = find_hours_to_bill(run, landing.zone, ledger.grid(), close_after, is_sweep=True)
        waiting = without_runs_under_way(context.instance, hours_to_bill)
        tick = context.scheduled_execution_time.isoformat()
        return requests_of_hours(waiting, "not fully delivered", tick) or dg.SkipReason(EVERY_HOUR_DELIVERED)

    return schedule


@dg.schedule(
    job_name=RECONCILE_DAYS,
    cron_schedule=RECONCILIATION_CRON,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Reconciles yesterday, and earlier days that were not read in full or did not agree for good.",
)
def daily_reconciliation(
    context: dg.ScheduleEvaluationContext, ledger: dg.ResourceParam[Ledger]
) -> dg.RunRequest | dg.SkipReason:
    """Every morning: yesterday, and whatever of the last 35 days may look different by now."""
    grid = daily_grid(ledger.settings.partitions_start, ledger.clock())
    yesterday = grid.last - ONE_DAY
    looked_at = DayRange(max(grid.first, grid.last - timedelta(days=OLDEST_TIMESTAMP.days)), yesterday)
    if yesterday not in grid:
        return dg.SkipReason("the grid of days begins today")
    with ledger.database.connect() as connection:
        unfinished = days_to_reconcile(connection, looked_at, ledger.catalogue)
    tick = context.scheduled_execution_time.isoformat()
    days = {*unfinished, yesterday}
    return request_of_days(context.instance, RECONCILING, days, tick) or dg.SkipReason(DAYS_UNDER_WAY)


LAND_CANARY = "land_canary"

#: Early in the hour, so that a delay of the daemon does not put it into the next.
CANARY_CRON = "2 * * * *"


@dg.op
def land_canary_batch(
    context: dg.OpExecutionContext, ledger: dg.ResourceParam[Ledger], landing: dg.ResourceParam[Landing]
) -> None:
    """Writes the known batch of the current hour to the landing zone."""
    if not ledger.settings.canary:
        raise dg.Failure("FRIDGE_CANARY is not yes: this installation has no canary", allow_retries=False)
    hour = Hour.containing(ledger.clock())
    try:
        is_new = land_canary(landing.zone, hour)
    except CanaryNotSupportedError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    context.log.info("%s/%s %s", hour.folder, CANARY_FILE, "landed" if is_new else "was there already")


@dg.job(name=LAND_CANARY)
def land_canary_job() -> None:
    """Writes the hour's known batch of the tenant canary; see FRIDGE_CANARY."""
    land_canary_batch()


def hourly_canary(settings: Settings) -> dg.ScheduleDefinition:
    """Each hour where FRIDGE_CANARY=yes; off otherwise."""
    is_on = settings.canary
    return dg.ScheduleDefinition(
        name="hourly_canary",
        job_name=LAND_CANARY,
        cron_schedule=CANARY_CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if is_on else dg.DefaultScheduleStatus.STOPPED,
        description="Lands a known batch of the tenant canary each hour, where FRIDGE_CANARY=yes.",
    )


#: Every night, when a lost run has been repeated and nobody waits for the tables; a month to drop appears once a month.
RETENTION_CRON = "40 3 * * *"

DROP_OLD_READINGS = "drop_old_readings"


@dg.op
def drop_readings(context: dg.OpExecutionContext, ledger: dg.ResourceParam[Ledger]) -> None:
    """Drops old months of readings; usage and landing files stay."""
    keep_months = ledger.settings.keep_months
    if keep_months is None:
        raise dg.Failure("FRIDGE_KEEP_MONTHS is not set: nothing says how long readings are kept", allow_retries=False)
    dropped = drop_old_readings(ledger.database, keep_months, f"run {context.run_id}", ledger.clock)
    for old in dropped:
        context.log.info("dropped the readings of %s: %s bytes", f"{old.month:%Y-%m}", old.size_bytes)
    context.add_output_metadata({"months": len(dropped), "bytes": sum(old.size_bytes for old in dropped)})


@dg.job(name=DROP_OLD_READINGS)
def drop_old_readings_job() -> None:
    """Drops months of readings older than FRIDGE_KEEP_MONTHS."""
    drop_readings()


@dg.schedule(
    job_name=DROP_OLD_READINGS,
    cron_schedule=RETENTION_CRON,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Drops months of readings older than FRIDGE_KEEP_MONTHS, where it is set.",
)
def nightly_retention(
    context: dg.ScheduleEvaluationContext, ledger: dg.ResourceParam[Ledger]
) -> dg.RunRequest | dg.SkipReason:
    """Requests the job when a month has become old enough; without FRIDGE_KEEP_MONTHS never."""
    keep_months = ledger.settings.keep_months
    if keep_months is None:
        return dg.SkipReason("FRIDGE_KEEP_MONTHS is not set: all readings are kept")
    if not old_months(ledger.database, keep_months, ledger.clock()):
        return dg.SkipReason(f"no readings are older than {keep_months} whole months")
    return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())


#: Half an hour after the reconciliation, whose differences it judges.
BOOK_CHECK_CRON = "45 7 * * *"

daily_book_check = dg.ScheduleDefinition(
    name="daily_book_check",
    job_name=CHECK_BOOKS,
    cron_schedule=BOOK_CHECK_CRON,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Derives the last days anew in SQL and tests everything that finance reads.",
)
