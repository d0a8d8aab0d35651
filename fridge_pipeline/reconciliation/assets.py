"""Group ``billing``, by the day: Stripe's own sums against what was sent."""

import warnings
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.installation import Ledger, Stripe
from fridge_pipeline.orchestration.partitions import (
    SCHEDULE_TAG,
    STRIPE_POOL,
    daily_grid,
    days_in_tags,
    days_of,
    retried_when_the_database_is_lost,
)
from fridge_pipeline.orchestration.progress import Progress
from fridge_pipeline.reconciliation.reconcile import reconcile_days
from fridge_pipeline.reconciliation.reconciliation_record import ReconciledDay, reconciled_days, unexplained_hours
from fridge_pipeline.reconciliation.reconciliation_report import (
    ReconciliationReport,
    accounts_of,
    reconciliation_summary,
)
from fridge_pipeline.reconciliation.rules.causes import Cause
from fridge_pipeline.reconciliation.rules.reading_plan import Reading
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP

#: So many of the worst hours stand in the check's metadata.
WORST_SHOWN = 20

NOT_COMPARED = "not compared with Stripe yet"

with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.BetaWarning)  # every process that imports this would say it
    #: Today is reconciled before its last hours are there.
    HOURS_SO_FAR = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)


@dg.asset(
    deps=[dg.AssetDep("meter_events", partition_mapping=HOURS_SO_FAR)],
    group_name="billing",
    kinds={"stripe", "postgres"},
    owners=["team:finance"],
    pool=STRIPE_POOL,
)
def stripe_reconciliation(
    context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger], stripe: dg.ResourceParam[Stripe]
) -> dg.MaterializeResult[None]:
    """One row per day, tenant, meter and customer: usage, ledger and Stripe's summaries side by side.

    Where a day differs there is also one row per hour that differs, with its cause. Customers without usage are read
    too, by one sum over many days. Stripe allows only so many reads a month: what could not be read says so.
    """
    span = days_of(context)
    progress = Progress(context.log, f"comparing {span} with {ledger.stripe_location}")
    with retried_when_the_database_is_lost():
        run = ledger.as_run(context.run.run_id, progress.at_failpoint)
        reading = Reading.SCHEDULED if SCHEDULE_TAG in context.run.tags else Reading.ASKED_FOR
        report = reconcile_days(run, stripe.gateway, span, ledger.settings.stripe_reads, reading)
        with ledger.database.connect() as connection:
            reconciled = reconciled_days(connection, span)
    progress.finish(f"{span}: {reconciliation_summary(reconciled, report)}")
    report_days(context, span, reconciled, report)
    return dg.MaterializeResult()


def report_days(
    context: dg.AssetExecutionContext,
    span: DayRange,
    reconciled: Mapping[Any, ReconciledDay],
    report: ReconciliationReport,
) -> None:
    """Each day's numbers as metadata; fails when Stripe could not be read, with what was read kept."""
    not_read = report.customers_not_read.total() + report.without_usage_not_read.total()
    if report.stopped is not None:
        customers = not_read + report.customers_read + report.without_usage_read
        raise dg.Failure(
            f"{not_read} of {customers} customers could not be read: {report.stopped}. "
            "What was read is kept; daily_reconciliation reads the others, or run the days again.",
            allow_retries=False,
        )
    for day in span.days():
        context.add_asset_metadata(day_metadata(reconciled.get(day), report), partition_key=day.isoformat())


def day_metadata(day: ReconciledDay | None, report: ReconciliationReport) -> dict[str, Any]:
    """The numbers of one day, which Dagster plots over the partitions; the last ones are those of the whole run."""
    of_the_run: dict[str, Any] = {
        "reads_of_this_run": report.reads,
        "customers_read": report.customers_read,
        "customers_not_read": report.customers_not_read.total(),
        "customers_without_usage": report.plan.without_usage,
        "customers_without_usage_not_read": report.without_usage_not_read.total(),
        "reads_left": report.plan.left - report.reads,
        "plan_of_reads": dg.MetadataValue.text(str(report.plan)),
    }
    if why_not := report.customers_not_read + report.without_usage_not_read:
        reasons = "; ".join(f"{number}: {why}" for why, number in why_not.items())
        of_the_run |= {"why_not_read": dg.MetadataValue.text(reasons)}
    if day is None:
        return {"dagster/partition_row_count": 0, "state": "no usage and no statements", **of_the_run}
    causes = {cause.value: day.causes.get(cause.value, 0) for cause in Cause}
    return {
        "dagster/partition_row_count": day.accounts,
        "state": f"{day.compared} of {day.accounts} accounts compared" if day.compared else NOT_COMPARED,
        "agreeing": day.agreeing,
        "not_read": day.not_read,
        **causes,
        **of_the_run,
    }


@dg.asset_check(asset="stripe_reconciliation")
def stripe_agrees(context: dg.AssetCheckExecutionContext, ledger: dg.ResourceParam[Ledger]) -> dg.AssetCheckResult:
    """No hour of the days that were reconciled is unexplained; launched by itself, of the last 35 days."""
    span = checked_days(context, ledger)
    with ledger.database.connect() as connection:
        found, days = unexplained_hours(connection, span), reconciled_days(connection, span).values()
    accounts, compared = accounts_of(days)
    worst = [
        dg.TableRecord(
            {
                "hour": f"{each.hour:%Y-%m-%d-%H:%M}",
                "tenant": each.tenant_id,
                "meter": each.event_name,
                "customer": each.stripe_customer_id or "",
                "usage": f"{each.usage_value or 0}",
                "ledger": f"{each.ledger_value or 0}",
                "stripe": f"{each.stripe_value}",
                "difference": f"{each.difference}",
                "cause": each.cause,
            }
        )
        for each in found[:WORST_SHOWN]
    ]
    agree = f"nothing unexplained, {compared} of {accounts} accounts compared with Stripe"
    verdict = f"{span}: {agree if compared else NOT_COMPARED}"
    return dg.AssetCheckResult(
        passed=not found,
        description=f"{len(found)} hours of {span} cannot be explained" if found else verdict,
        metadata={
            "unexplained_hours": len(found),
            "accounts": accounts,
            "accounts_compared": compared,
            **({"worst": dg.MetadataValue.table(worst)} if worst else {}),
        },
    )


def checked_days(context: dg.AssetCheckExecutionContext, ledger: Ledger) -> DayRange:
    """The days of the run, or without partitions all that Stripe still takes usage of."""
    of_the_run = days_in_tags(context.run.tags)
    if of_the_run:
        return DayRange(of_the_run[0], of_the_run[-1])
    grid = daily_grid(ledger.settings.partitions_start, ledger.clock())
    return DayRange(max(grid.first, grid.last - timedelta(days=OLDEST_TIMESTAMP.days)), grid.last)
