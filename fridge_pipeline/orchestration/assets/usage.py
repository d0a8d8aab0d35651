"""Group ``usage``: stored readings become quantities per tenant and hour."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.domain.usage import USAGE_QUANTITY
from fridge_pipeline.orchestration.installation import Installation
from fridge_pipeline.orchestration.partitions import BACKFILL_POLICY, hours_of
from fridge_pipeline.steps.count import count_usage

DESCRIPTIONS = {
    "inserted_counts": """One row per tenant-hour: readings stored for the first time, counted from stored rows.

A tenant that delivered 500 readings of which 100 were known has `inserted_count = 400`, on every run.
""",
    "active_sensors": """One row per tenant-hour: distinct sensors with a reading stored for the first time.

A tenant of three fridges with two sensors each, all reporting, has `active_sensors = 6`.
""",
}


def usage_assets(hours: dg.HourlyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The assets of the group, on a partition grid; run together they are counted from one read."""

    @dg.multi_asset(
        name="usage_tables",
        specs=[_spec(table) for table in USAGE_QUANTITY],
        partitions_def=hours,
        backfill_policy=BACKFILL_POLICY,
        can_subset=True,
    )
    def usage_tables(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[None]]:
        span = hours_of(context)
        tables = [table for table in USAGE_QUANTITY if dg.AssetKey(table) in context.selected_asset_keys]
        counted = count_usage(installation.database, span, installation.clock(), tables)
        for table in tables:
            report_per_hour(context, table, span, counted[table])
            yield dg.MaterializeResult(asset_key=table)

    return [usage_tables]


def _spec(table: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=table,
        deps=["raw_readings"],
        group_name="usage",
        kinds={"polars", "postgres"},
        owners=["team:data-engineering"],
        description=DESCRIPTIONS[table],
        metadata={"dagster/table_name": f"fridge.{table}"},
    )


def report_per_hour(context: dg.AssetExecutionContext, table: str, span: HourRange, counted: pl.DataFrame) -> None:
    """Tenants and quantity of each hour as metadata; an hour without usage says so instead of showing zeros."""
    quantity = USAGE_QUANTITY[table]
    per_hour = {
        row["hour"]: row
        for row in counted.group_by("hour").agg(tenants=pl.len(), quantity=pl.col(quantity).sum()).iter_rows(named=True)
    }
    for hour in span.hours():
        row = per_hour.get(hour.start)
        numbers: dict[str, int | str] = {"dagster/partition_row_count": row["tenants"] if row else 0}
        if row:
            numbers |= {"tenants": row["tenants"], quantity: row["quantity"]}
        else:
            numbers["state"] = "no usage"
        context.add_asset_metadata(numbers, asset_key=table, partition_key=hour.key)
