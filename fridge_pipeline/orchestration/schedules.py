"""The schedules beside the hourly billing's: canary, retention, and the daily test of the books."""

import dagster as dg

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.installation import Installation
from fridge_pipeline.operations.drop_readings import drop_old_readings, old_months
from fridge_pipeline.operations.land_canary import CanaryNotSupportedError, land_canary
from fridge_pipeline.operations.rules.alert_causes import CANARY_FILE
from fridge_pipeline.orchestration.automation import CHECK_BOOKS
from fridge_pipeline.settings import Settings

LAND_CANARY = "land_canary"

#: Early in the hour, so that a delay of the daemon does not put it into the next.
CANARY_CRON = "2 * * * *"


def canary_job() -> dg.JobDefinition:
    """Writes the current hour's batch of the tenant ``canary``."""

    @dg.op(name="land_canary_batch", description="Writes the known batch of the current hour to the landing zone.")
    def land_canary_batch(context: dg.OpExecutionContext, installation: dg.ResourceParam[Installation]) -> None:
        if not installation.settings.alerts.canary:
            raise dg.Failure("FRIDGE_CANARY is not yes: no canary is flown here", allow_retries=False)
        hour = Hour.containing(installation.clock())
        try:
            is_new = land_canary(installation.zone, hour)
        except CanaryNotSupportedError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        context.log.info("%s/%s %s", hour.folder, CANARY_FILE, "landed" if is_new else "was there already")

    @dg.job(name=LAND_CANARY, description="Writes the hour's known batch of the tenant canary; see FRIDGE_CANARY.")
    def job() -> None:
        land_canary_batch()

    return job


def hourly_canary(settings: Settings) -> dg.ScheduleDefinition:
    """Each hour where FRIDGE_CANARY=yes; off otherwise."""
    is_on = settings.alerts.canary
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


def retention_job() -> dg.JobDefinition:
    """Drops the months of readings that are older than FRIDGE_KEEP_MONTHS."""

    @dg.op(name="drop_readings", description="Drops old months of readings; usage and landing files stay.")
    def drop_readings(context: dg.OpExecutionContext, installation: dg.ResourceParam[Installation]) -> None:
        keep_months = installation.settings.keep_months
        if keep_months is None:
            raise dg.Failure(
                "FRIDGE_KEEP_MONTHS is not set: nothing says how long readings are kept", allow_retries=False
            )
        dropped = drop_old_readings(installation.database, keep_months, f"run {context.run_id}", installation.clock)
        for old in dropped:
            context.log.info("dropped the readings of %s: %s bytes", f"{old.month:%Y-%m}", old.size_bytes)
        context.add_output_metadata({"months": len(dropped), "bytes": sum(old.size_bytes for old in dropped)})

    @dg.job(name=DROP_OLD_READINGS, description="Drops months of readings older than FRIDGE_KEEP_MONTHS.")
    def job() -> None:
        drop_readings()

    return job


def nightly_retention() -> dg.ScheduleDefinition:
    """Requests the job when a month has become old enough; without FRIDGE_KEEP_MONTHS never."""

    @dg.schedule(
        name="nightly_retention",
        job_name=DROP_OLD_READINGS,
        cron_schedule=RETENTION_CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Drops months of readings older than FRIDGE_KEEP_MONTHS, where it is set.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.RunRequest | dg.SkipReason:
        keep_months = installation.settings.keep_months
        if keep_months is None:
            return dg.SkipReason("FRIDGE_KEEP_MONTHS is not set: all readings are kept")
        if not old_months(installation.database, keep_months, installation.clock()):
            return dg.SkipReason(f"no readings are older than {keep_months} whole months")
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())

    return schedule


#: Half an hour after the reconciliation, whose differences it judges.
BOOK_CHECK_CRON = "45 7 * * *"


def daily_book_check() -> dg.ScheduleDefinition:
    """Derives the last days anew and runs every test of the SQL models."""
    return dg.ScheduleDefinition(
        name="daily_book_check",
        job_name=CHECK_BOOKS,
        cron_schedule=BOOK_CHECK_CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Derives the last days anew in SQL and tests everything that finance reads.",
    )
