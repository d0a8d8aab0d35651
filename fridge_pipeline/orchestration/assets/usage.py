"""Group ``usage``: stored readings become quantities per tenant and hour."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg
import polars as pl

from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.orchestration.installation import Installation
from fridge_pipeline.orchestration.partitions import BACKFILL_POLICY, hours_of
from fridge_pipeline.steps.count import count_active_sensors, count_inserted

INSERTED_COUNTS = """One row per tenant-hour: readings stored for the first time, counted from stored rows.

A tenant that delivered 500 readings of which 100 were known has `inserted_count = 400`, on every run.
"""

ACTIVE_SENSORS = """One row per tenant-hour: distinct sensors with a reading stored for the first time.

A tenant of three fridges with two sensors each, all reporting, has `active_sensors = 6`.
"""

#: A count step: brings one usage table up to date for a range of hours and returns its rows.
Count = Callable[[Database, HourRange, datetime], pl.DataFrame]


def usage_assets(hours: dg.HourlyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The assets of the group, on a partition grid."""
    return [
        _usage_asset(hours, "inserted_counts", "inserted_count", INSERTED_COUNTS, count_inserted),
        _usage_asset(hours, "active_sensors", "active_sensors", ACTIVE_SENSORS, count_active_sensors),
    ]


def _usage_asset(
    hours: dg.HourlyPartitionsDefinition, table: str, quantity: str, description: str, count: Count
) -> dg.AssetsDefinition:
    @dg.asset(
        name=table,
        deps=["raw_readings"],
        partitions_def=hours,
        backfill_policy=BACKFILL_POLICY,
        group_name="usage",
        kinds={"polars", "postgres"},
        owners=["team:data-engineering"],
        description=description,
        metadata={"dagster/table_name": f"fridge.{table}"},
    )
    def usage_table(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[None]:
        span = hours_of(context)
        counted = count(installation.database, span, installation.clock())
        report_per_hour(context, span, counted, quantity)
        return dg.MaterializeResult()

    return usage_table


def report_per_hour(context: dg.AssetExecutionContext, span: HourRange, counted: pl.DataFrame, quantity: str) -> None:
    """Tenants and quantity of each hour as metadata; an hour without usage says so instead of showing zeros."""
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
        context.add_asset_metadata(numbers, partition_key=hour.key)
