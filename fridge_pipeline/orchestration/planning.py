"""Group ``planning``: what a backfill would do, looked at before it is launched."""

import dagster as dg

from fridge_pipeline.installation import Installation
from fridge_pipeline.orchestration.billing_plan import plan_of
from fridge_pipeline.orchestration.hourly import Hourly
from fridge_pipeline.orchestration.partitions import hours_of
from fridge_pipeline.orchestration.progress import Progress

#: It needs no hour of what it looks at, and so is no first asset of the graph, whose partitions "Materialize all" asks
#: for, nor among those that a backfill reaches from there.
NO_HOUR = dg.SpecificPartitionsPartitionMapping([])

#: Tenants and meters in the table; the number of all of them stands beside it.
CHANGES_SHOWN = 200


def planning_assets(hourly: Hourly) -> list[dg.AssetsDefinition]:
    """The asset, on the grid of the chain; any number of hours is one run."""

    @dg.asset(
        deps=[dg.AssetDep("raw_readings", partition_mapping=NO_HOUR)],
        partitions_def=hourly.hours,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="planning",
        kinds={"stripe"},
        owners=["team:data-engineering"],
    )
    def backfill_plan(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[None]:
        """One row per tenant and meter that a backfill of these hours would change, with before and after.

        Nothing is loaded, written or sent. For example: 72 hours with one late file: `cohoes temperature_readings
        1200 -> 1260`, 1 call, 0.04 s.
        """
        hours = hours_of(context)
        progress = Progress(
            context.log, f"looking at what a backfill of {hours} would change; nothing is written or sent"
        )
        plan = plan_of(installation, hours)
        progress.finish(
            f"{hours}: {len(plan.changes)} tenants and meters would change in {len(plan.changing)} hours, {plan.calls} "
            f"calls, {plan.seconds:.0f} s at the rate limit; {len(plan.to_load)} hours to load first"
        )
        changes = [
            dg.TableRecord(
                {
                    "tenant": change.tenant_id,
                    "meter": change.meter,
                    "hours": change.hours,
                    "before": change.before,
                    "after": change.after,
                }
            )
            for change in plan.changes[:CHANGES_SHOWN]
        ]
        return dg.MaterializeResult(
            metadata={
                "hours_with_files_or_history": len(plan.hours),
                "runs": len(plan.runs),
                "hours_to_load_first": len(plan.to_load),
                "hours_that_change": len(plan.changing),
                "tenants_and_meters_that_change": len(plan.changes),
                "calls": plan.calls,
                "seconds_at_the_rate_limit": plan.seconds,
                **{f"not_stated_{verdict}": number for verdict, number in plan.waiting.items()},
                **({"changes": dg.MetadataValue.table(changes)} if changes else {}),
            }
        )

    return [backfill_plan]
