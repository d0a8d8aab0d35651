"""The plan of a backfill, as an asset and for the command line: what would be stated, and what that costs."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import dagster as dg

from fridge_pipeline.billing.decisions_record import variance_now
from fridge_pipeline.billing.plan_billing import BillingPlan, plan_billing
from fridge_pipeline.billing.rules.staging import StagingPolicy
from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.installation import Landing, Ledger
from fridge_pipeline.invoices.price_changes import price_changes
from fridge_pipeline.invoices.rules.priced_change import PricedChange, plain
from fridge_pipeline.orchestration.partitions import hours_of
from fridge_pipeline.orchestration.progress import Progress


def plan_of(ledger: Ledger, landing: Landing, hours: HourRange) -> tuple[BillingPlan, list[PricedChange]]:
    """The plan of a range of hours, and what its changes cost; nothing is loaded, written or sent."""
    settings = ledger.settings
    with ledger.database.connect() as connection:
        policy = StagingPolicy(settings.close_after, variance_now(connection, settings.variance))
    run = ledger.as_run("plan")
    plan = plan_billing(run, landing.zone, hours, policy, settings.calls_per_second())
    return plan, price_changes(run, plan.changed_hours)


#: It needs no hour of what it looks at, and so is no first asset of the graph, whose partitions "Materialize all" asks
#: for, nor among those that a backfill reaches from there.
NO_HOUR = dg.SpecificPartitionsPartitionMapping([])

#: Tenants and meters in the table; the number of all of them stands beside it.
CHANGES_SHOWN = 200


@dg.asset(
    deps=[dg.AssetDep("raw_readings", partition_mapping=NO_HOUR)],
    group_name="planning",
    kinds={"stripe"},
    owners=["team:data-engineering"],
)
def backfill_plan(
    context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger], landing: dg.ResourceParam[Landing]
) -> dg.MaterializeResult[None]:
    """One row per tenant and meter that a backfill of these hours would change, with before and after.

    Beside it what that changes in each billing period, in quantity and money. Nothing is loaded, written or sent.
    For example: 72 hours with one late file: `cohoes temperature_readings 1200 -> 1260`, 1 call, 0.04 s, 60 cents more.
    """
    hours = hours_of(context)
    progress = Progress(context.log, f"looking at what a backfill of {hours} would change; nothing is written or sent")
    plan, priced = plan_of(ledger, landing, hours)
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
            **money_metadata(priced),
        }
    )


def money_metadata(priced: Sequence[PricedChange]) -> dict[str, Any]:
    """What billing periods change in money: in all by currency, and each; minor units."""
    if not priced:
        return {}
    totals: Counter[str] = Counter()
    for each in priced:
        if each.amount is not None:
            totals[each.currency or ""] += each.amount
    records = [
        dg.TableRecord(
            {
                "tenant": each.tenant_id,
                "meter": each.event_name,
                "period": f"{each.span.start:%Y-%m-%d %H:%M} to {each.span.end:%Y-%m-%d %H:%M}"
                if each.span
                else "none",
                "before": plain(each.before),
                "after": plain(each.after),
                "money before": "" if each.cost_before is None else plain(each.cost_before),
                "money after": "" if each.cost_after is None else plain(each.cost_after),
                "change": "price not known" if each.amount is None else f"{each.amount:+} {each.currency}",
                "note": each.says,
            }
        )
        for each in priced[:CHANGES_SHOWN]
    ]
    return {
        "money": dg.MetadataValue.table(records),
        "periods_without_a_price": sum(each.amount is None for each in priced),
        **{f"minor_units_of_{currency}": amount for currency, amount in sorted(totals.items())},
    }
