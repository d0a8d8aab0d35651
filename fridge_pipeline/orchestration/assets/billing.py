"""Group ``billing``: usage becomes statements in Stripe's books."""

from typing import Any

import dagster as dg

from fridge_pipeline.adapters.models.sources import SourceTable
from fridge_pipeline.orchestration.assets.described import described, table_metadata
from fridge_pipeline.orchestration.hourly import STRIPE_POOL, Hourly, retried_when_the_database_is_lost
from fridge_pipeline.orchestration.installation import Installation
from fridge_pipeline.orchestration.partitions import BACKFILL_POLICY, hours_of
from fridge_pipeline.steps.bill import BillReport, HourBill, bill_hours, explain_unsettled

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
    )
    def meter_events(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[None]:
        settings = installation.settings
        with retried_when_the_database_is_lost():
            report = bill_hours(
                installation.database,
                installation.gateway,
                hours_of(context),
                installation.catalogue,
                installation.clock,
                settings.close_after,
                settings.max_in_flight,
                context.run.run_id,
                variance=settings.variance,
            )
        return report_bills(context, report, installation)

    return [meter_events]


def report_bills(
    context: dg.AssetExecutionContext, report: BillReport, installation: Installation
) -> dg.MaterializeResult[None]:
    """Each hour's numbers; when some hours are not settled, the others are materialized and the run fails."""
    for outlier in (outlier for bill in report.hours for outlier in bill.outliers):
        context.log.warning("%s in %s: %s", outlier.case.tenant_id, outlier.case.hour, outlier)
    links = stripe_links(installation)
    if not report.unsettled:
        for bill in report.hours:
            context.add_asset_metadata({**bill_metadata(bill), **links}, partition_key=bill.hour.key)
        return dg.MaterializeResult()
    for bill in report.hours:
        if bill.is_settled:
            context.log_event(
                dg.AssetMaterialization(
                    context.asset_key, partition=bill.hour.key, metadata={**bill_metadata(bill), **links}
                )
            )
    raise dg.Failure(explain_unsettled(report), allow_retries=False)


def bill_metadata(bill: HourBill) -> dict[str, Any]:
    """The numbers of one hour, which Dagster plots over the partitions."""
    exceptions = {f"exceptions_{kind}": number for kind, number in bill.exceptions.items()}
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
        "state": state if bill.is_closed else "open hour: pushed after it has closed",
    }


def stripe_links(installation: Installation) -> dict[str, dg.MetadataValue]:
    """Where each meter is looked at in Stripe's dashboard; a sandbox has none."""
    return {
        f"open_{name}": dg.MetadataValue.url(address) for name, address in installation.dashboard_of_meters().items()
    }
