"""What keeps the database from growing for ever: months of readings that are older than the setting are dropped."""

import dagster as dg

from fridge_pipeline.installation import Installation
from fridge_pipeline.operations.drop_readings import drop_old_readings, old_months

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
