"""Hours that the books hold and Dagster does not show: somebody has wiped an asset, or its storage was lost."""

from __future__ import annotations

import os

import dagster as dg

from fridge_pipeline.calendar.hours import ONE_HOUR, Hour, HourRange
from fridge_pipeline.catalogue.measure import BUILT_IN
from fridge_pipeline.ingest.landing_record import hours_with_files
from fridge_pipeline.installation import Ledger
from fridge_pipeline.operations.rules.health_check import HealthCheck, judge_shown_hours
from fridge_pipeline.orchestration.automation import BILL_CLOSED_HOURS, requests_of_hours, without_runs_under_way
from fridge_pipeline.orchestration.instance import dagster_environment

INTERVAL_SECONDS = 300

#: The assets that every hour with landing files has materialized once it is billed.
SHOWN = ("raw_readings", *(measure.asset for measure in BUILT_IN), "meter_events", "sensor_hours")

#: So long an hour is over: before, it waits for the sweep, which materializes it.
OVER_FOR = 2 * ONE_HOUR


def hours_not_shown(instance: dg.DagsterInstance, ledger: Ledger) -> dict[str, list[Hour]]:
    """Asset → the hours with landing files that Dagster does not show as materialized; assets without any left out."""
    grid = ledger.grid()
    last = Hour.containing(ledger.clock() - OVER_FOR - ledger.settings.close_after)
    with ledger.database.connect() as connection:
        in_the_books = hours_with_files(connection, HourRange(grid.first, last))
    found = {}
    for asset in SHOWN:
        shown = instance.get_materialized_partitions(dg.AssetKey(asset)) if in_the_books else set()
        missing = [hour for hour in in_the_books if hour.key not in shown]
        if missing:
            found[asset] = missing
    return found


@dg.sensor(
    job_name=BILL_CLOSED_HOURS,
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Runs hours again that the books hold and Dagster does not show, because an asset was wiped.",
)
def wiped_hours(
    context: dg.SensorEvaluationContext, ledger: dg.ResourceParam[Ledger]
) -> dg.SensorResult | dg.SkipReason:
    """Runs such hours again. What is loaded is not loaded again, and what Stripe accepted is not sent again."""
    missing = hours_not_shown(context.instance, ledger)
    for asset, hours in missing.items():
        context.log.warning("%s hours of %s are billed and not shown, the first: %s", len(hours), asset, hours[0])
    waiting = without_runs_under_way(context.instance, {hour for hours in missing.values() for hour in hours})
    if not waiting:
        return dg.SkipReason("every hour of the books is shown")
    # Once a day: an hour that does not get through is the sweep's, which says why.
    return dg.SensorResult(
        run_requests=requests_of_hours(waiting, "in the books and not shown", f"{ledger.clock():%F}")
    )


def check_shown_hours(ledger: Ledger) -> HealthCheck:
    """For ``fridge doctor``; sets Dagster's environment here."""
    os.environ.update(dagster_environment(ledger.settings))
    with dg.DagsterInstance.get() as instance:
        return judge_shown_hours(hours_not_shown(instance, ledger))
