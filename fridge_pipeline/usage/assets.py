"""Group ``usage``: stored readings become quantities per tenant and hour."""

from collections.abc import Iterator, Mapping

import dagster as dg
import polars as pl

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.database.models import SourceTable
from fridge_pipeline.installation import Installation
from fridge_pipeline.orchestration.partitions import (
    BACKFILL_POLICY,
    Hourly,
    hours_of,
    retried_when_the_database_is_lost,
)
from fridge_pipeline.orchestration.progress import Progress, described, table_metadata
from fridge_pipeline.usage.count import count_usage


def usage_assets(hourly: Hourly, sources: Mapping[str, SourceTable]) -> list[dg.AssetsDefinition]:
    """The assets of the group, one per measure, on the grid of hours; run together they are counted from one read."""

    @dg.multi_asset(
        name="usage_tables",
        specs=[_spec(measure, sources[measure.asset], hourly.freshness) for measure in Measure],
        partitions_def=hourly.hours,
        backfill_policy=BACKFILL_POLICY,
        can_subset=True,
    )
    def usage_tables(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[None]]:
        span, now = hours_of(context), installation.clock()
        measures = [measure for measure in Measure if dg.AssetKey(measure.asset) in context.selected_asset_keys]
        progress = Progress(context.log, f"counting {', '.join(measure.asset for measure in measures)} of {span}")
        with retried_when_the_database_is_lost():
            usage = count_usage(installation.database, span, now, measures, progress.witness)
        counted = {measure: usage.filter(pl.col("measure") == measure.value) for measure in measures}
        rows = ", ".join(f"{counted[measure].height:,} tenant-hours of {measure.asset}" for measure in measures)
        progress.finish(f"{span}: {rows}")
        first_open = Hour.containing(now - installation.settings.close_after)
        for measure in measures:
            report_per_hour(context, measure, span, counted[measure], first_open)
            yield dg.MaterializeResult(asset_key=measure.asset)

    return [usage_tables]


def _spec(measure: Measure, source: SourceTable, freshness: dg.FreshnessPolicy) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=measure.asset,
        deps=["raw_readings"],
        group_name="usage",
        kinds={"polars", "postgres"},
        owners=["team:data-engineering"],
        description=described(f"One row per tenant-hour: {measure.counts}, counted from stored rows.", source.example),
        metadata=table_metadata(source),
        freshness_policy=freshness,
    )


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
