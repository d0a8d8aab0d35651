"""Group ``billing``: usage becomes statements in Stripe's books."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

import dagster as dg

from fridge_pipeline.billing.bill import BillReport, HourBill, bill_hours, explain_unsettled
from fridge_pipeline.billing.range_summary import hours_with_history
from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.database.model_sources import SourceTable
from fridge_pipeline.installation import Installation
from fridge_pipeline.orchestration.described import described, table_metadata
from fridge_pipeline.orchestration.hourly import STRIPE_POOL, Hourly, retried_when_the_database_is_lost
from fridge_pipeline.orchestration.partitions import BACKFILL_POLICY, hours_of, is_backfill
from fridge_pipeline.orchestration.progress import Progress

DESCRIPTION = """One row per statement of usage to Stripe: identifier, value, revision, state and receipt.

A statement is committed before it is sent and resent under the same identifier. Usage of an open hour is not pushed.
Usage far above its tenant's own history is held for review, and changes of a closed month wait: both stand in the
exceptions. Hours before `FRIDGE_BILL_FROM` are counted and never stated.
"""


def billing_assets(hourly: Hourly, source: SourceTable) -> list[dg.AssetsDefinition]:
    """The assets of the group, on the grid of hours."""

    @dg.asset(
        deps=["inserted_counts", "active_sensors"],
        partitions_def=hourly.hours,
        backfill_policy=BACKFILL_POLICY,
        freshness_policy=hourly.freshness,
        group_name="billing",
        kinds={"stripe", "postgres"},
        owners=["team:finance"],
        description=described(DESCRIPTION, source.example),
        metadata=table_metadata(source),
        pool=STRIPE_POOL,
        output_required=False,
    )
    def meter_events(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[None]]:
        settings, hours = installation.settings, hours_of(context)
        progress = Progress(context.log, f"billing {hours} to {installation.stripe_place}")
        with retried_when_the_database_is_lost():
            report = bill_hours(
                installation.database,
                installation.gateway,
                hours,
                installation.catalogue,
                installation.clock,
                settings.close_after,
                settings.max_in_flight,
                context.run.run_id,
                progress.witness,
                settings.variance,
            )
            with installation.database.connect() as connection:
                with_history = set(hours_with_history(connection, hours))
        progress.finish(bill_summary(hours, report))
        yield from report_bills(context, report, with_history, installation)

    return [meter_events]


def report_bills(
    context: dg.AssetExecutionContext, report: BillReport, with_history: AbstractSet[Hour], installation: Installation
) -> Iterator[dg.MaterializeResult[None]]:
    """Each hour's numbers. What is not settled fails the run, with the other hours materialized.

    What is open, or empty, was not billed and is only observed. Where Dagster would take that for a failure, in a
    backfill and in a run that fails, it is materialized all the same, and says what it is.
    """
    for outlier in (outlier for bill in report.hours for outlier in bill.outliers):
        context.log.warning("%s in %s: %s", outlier.case.tenant_id, outlier.case.hour, outlier)
    links = stripe_links(installation)
    metadata = {
        bill.hour: {**bill_metadata(bill, is_empty=bill.hour not in with_history), **links}
        for bill in report.hours
        if bill.is_settled
    }
    observed = {bill.hour for bill in report.hours if not bill.is_closed or bill.hour not in with_history}
    if report.unsettled or is_backfill(context):
        observed = set()
    if len(metadata) == len(report.hours) and not observed:
        for hour, numbers in metadata.items():
            context.add_asset_metadata(numbers, partition_key=hour.key)
        yield dg.MaterializeResult()
        return
    for hour, numbers in metadata.items():
        event = dg.AssetObservation if hour in observed else dg.AssetMaterialization
        context.log_event(event(context.asset_key, partition=hour.key, metadata=numbers))
    if report.unsettled:
        raise dg.Failure(explain_unsettled(report), allow_retries=False)


def bill_summary(hours: HourRange, report: BillReport) -> str:
    """What a push came to, for the log."""
    answers = ", ".join(f"{number:,} {outcome.value}" for outcome, number in report.push.outcomes.items() if number)
    settled = sum(bill.is_settled for bill in report.hours)
    return f"{hours}: {answers or 'nothing was sent'}; {settled} of {len(report.hours)} hours have nothing left to send"


def bill_metadata(bill: HourBill, *, is_empty: bool = False) -> dict[str, Any]:
    """The numbers of one hour, which Dagster plots over the partitions; none where nothing was to be billed yet."""
    exceptions = {f"exceptions_{kind}": number for kind, number in bill.exceptions.items()}
    if not bill.is_closed:
        return {"state": "open: pushed after it has closed", **exceptions}
    if is_empty:
        return {"state": "empty: no landing files", **exceptions}
    state = "delivered" if bill.accepted else "no usage to state"
    if not bill.is_billed:
        state = "counted, not stated: before FRIDGE_BILL_FROM"
    return {
        "dagster/partition_row_count": bill.accepted,
        "events_accepted": bill.accepted,
        **{f"stripe_{name}": total for name, total in bill.totals.items()},
        **({"delivery_seconds": bill.delivery_seconds} if bill.delivery_seconds is not None else {}),
        **({"seconds_after_the_hour": bill.seconds_after_hour} if bill.seconds_after_hour is not None else {}),
        **exceptions,
        **({"far_above_history": len(bill.outliers)} if bill.outliers else {}),
        "state": state,
    }


def stripe_links(installation: Installation) -> dict[str, dg.MetadataValue]:
    """Where each meter is looked at in Stripe's dashboard; a sandbox has none."""
    return {
        f"open_{name}": dg.MetadataValue.url(address) for name, address in installation.dashboard_of_meters().items()
    }
