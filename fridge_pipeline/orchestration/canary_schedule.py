"""The canary: a small known batch each hour, whose arrival in Stripe the sensor ``alerts`` looks for."""

import dagster as dg

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.installation import Installation
from fridge_pipeline.operations.land_canary import CanaryNotSupportedError, land_canary
from fridge_pipeline.operations.rules.canary import CANARY_FILE
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
