"""Group ``usage``: stored readings become quantities per tenant and hour."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.installation import Ledger
from fridge_pipeline.orchestration.partitions import (
    ON_THE_WAY,
    hours_of,
    retried_when_the_database_is_lost,
)
from fridge_pipeline.orchestration.progress import Progress
from fridge_pipeline.usage.count import count_usage


@dg.multi_asset(
    name="usage_tables",
    specs=[
        dg.AssetSpec(
            measure.asset,
            deps=["raw_readings"],
            group_name="usage",
            kinds={"polars", "postgres"},
            owners=["team:data-engineering"],
            description=f"One row per tenant-hour: {measure.counts}, counted from stored rows.",
        )
        for measure in Measure
    ],
    op_tags=ON_THE_WAY,
    can_subset=True,
)
def usage_tables(
    context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger]
) -> Iterator[dg.MaterializeResult[None]]:
    """Usage of each measure; run together they are counted from one read."""
    span, now = hours_of(context), ledger.clock()
    measures = [measure for measure in Measure if dg.AssetKey(measure.asset) in context.selected_asset_keys]
    progress = Progress(context.log, f"counting {', '.join(measure.asset for measure in measures)} of {span}")
    with retried_when_the_database_is_lost():
        usage = count_usage(ledger.database, span, now, measures, progress.at_failpoint)
    counted = {measure: usage.filter(pl.col("measure") == measure.value) for measure in measures}
    rows = ", ".join(f"{counted[measure].height:,} tenant-hours of {measure.asset}" for measure in measures)
    progress.finish(f"{span}: {rows}")
    first_open = Hour.containing(now - ledger.settings.close_after)
    for measure in measures:
        report_per_hour(context, measure, span, counted[measure], first_open)
        yield dg.MaterializeResult(asset_key=measure.asset)


def report_per_hour(
    context: dg.AssetExecutionContext, measure: Measure, span: HourRange, counted: pl.DataFrame, first_open: Hour
) -> None:
    """Tenants and quantity of each hour as metadata; an hour without usage says so instead of showing zeros."""
    totals = counted.group_by("hour").agg(pl.len().alias("tenants"), pl.col("quantity").sum())
    per_hour = {row["hour"]: row for row in totals.iter_rows(named=True)}
    for hour in span.hours():
        row = per_hour.get(hour.start)
        numbers: dict[str, int | str] = {"dagster/partition_row_count": row["tenants"] if row else 0}
        if row:
            numbers |= {"tenants": row["tenants"], measure.value: row["quantity"]}
        if hour >= first_open:
            numbers["state"] = "open: counted so far"
        elif not row:
            numbers["state"] = "no usage"
        context.add_asset_metadata(numbers, asset_key=measure.asset, partition_key=hour.key)
