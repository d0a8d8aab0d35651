"""The plan of a backfill, as an asset: what would be stated, and what that costs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import dagster as dg

from fridge_pipeline.calendar.hours import Hour, plan_ranges
from fridge_pipeline.installation import Landing, Ledger
from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.invoices.rules.priced_change import PricedChange, plain
from fridge_pipeline.orchestration.partitions import hours_of
from fridge_pipeline.orchestration.priced_plan import priced_plan
from fridge_pipeline.orchestration.progress import Progress

#: It needs no hour of what it looks at, and so is no first asset of the graph, whose partitions "Materialize all" asks
#: for, nor among those that a backfill reaches from there.
NO_HOUR = dg.SpecificPartitionsPartitionMapping([])

#: So many ranges stand in one text, the first: what a person pastes, and waits for.
RANGES_SHOWN = 100


def to_paste(hours: Mapping[str, Sequence[Hour]]) -> dict[str, dg.MetadataValue]:
    """The hours as *Materialize* takes them, in as few ranges as hold no other; nothing for what has none."""

    def text(some: Sequence[Hour]) -> str:
        ranges = plan_ranges(some, hours_max=len(some), gap_max=0)[:RANGES_SHOWN]
        return ", ".join(f"[{each}]" if each.count > 1 else f"{each}" for each in ranges)

    return {f"to_paste_{name}": dg.MetadataValue.text(text(some)) for name, some in hours.items() if some}


def red_hours(context: dg.AssetExecutionContext) -> list[Hour]:
    """The hours of the run that Dagster shows red in `raw_readings` or `meter_events`."""
    keys = [hour.key for hour in hours_of(context).hours()]
    grid = context.assets_def.partitions_def
    failed = set[str]()
    for asset in ("raw_readings", "meter_events"):
        states = context.instance.get_status_by_partition(dg.AssetKey(asset), keys, grid) if grid else None
        failed |= {key for key, state in (states or {}).items() if state is not None and state.value == "FAILED"}
    return [Hour.from_key(key) for key in sorted(failed)]


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

    Beside it what that changes in each billing period, in quantity and money. Nothing is loaded, written or sent. Hours
    that are not loaded, not delivered or red are in its metadata as ranges to paste into *Materialize*.
    For example: 72 hours with one late file: `cohoes temperature_readings 1200 -> 1260`, 1 call, 0.04 s, 60 cents more.
    """
    hours = hours_of(context)
    progress = Progress(context.log, f"looking at what a backfill of {hours} would change; nothing is written or sent")
    plan, priced = priced_plan(ledger, landing, hours)
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
            **to_paste({"not_loaded": plan.to_load, "not_delivered": plan.undelivered, "red": red_hours(context)}),
        }
    )


def money_metadata(priced: Sequence[PricedChange]) -> dict[str, Any]:
    """What billing periods change in money: in all by currency, in minor units, and each."""
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
                "money before": _priced(each.cost_before, each),
                "money after": _priced(each.cost_after, each),
                "change": _priced(each.amount, each, "+") or "price not known",
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


def _priced(amount: int | Decimal | None, of: PricedChange, sign: str = "") -> str:
    """Nothing where the price is not known."""
    return "" if amount is None or of.currency is None else money(amount, of.currency, sign)
