"""Group ``usage``: stored readings become quantities per tenant and hour."""

import dagster as dg
import polars as pl

from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.orchestration.installation import Installation
from fridge_pipeline.orchestration.partitions import BACKFILL_POLICY, hours_of
from fridge_pipeline.steps.count import count_active_sensors, count_inserted


def usage_assets(hours: dg.HourlyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The assets of the group, on a partition grid."""

    @dg.asset(
        deps=["raw_readings"],
        partitions_def=hours,
        backfill_policy=BACKFILL_POLICY,
        group_name="usage",
        kinds={"polars", "postgres"},
        owners=["team:data-engineering"],
        metadata={"dagster/table_name": "fridge.inserted_counts"},
    )
    def inserted_counts(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[None]:
        """One row per tenant-hour: readings stored for the first time, counted from stored rows.

        A tenant that delivered 500 readings of which 100 were known has `inserted_count = 400`, on every run.
        """
        span = hours_of(context)
        counted = count_inserted(installation.database, span, installation.clock())
        report_per_hour(context, span, counted, "inserted_count")
        return dg.MaterializeResult()

    @dg.asset(
        deps=["raw_readings"],
        partitions_def=hours,
        backfill_policy=BACKFILL_POLICY,
        group_name="usage",
        kinds={"polars", "postgres"},
        owners=["team:data-engineering"],
        metadata={"dagster/table_name": "fridge.active_sensors"},
    )
    def active_sensors(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[None]:
        """One row per tenant-hour: distinct sensors with a reading stored for the first time.

        A tenant of three fridges with two sensors each, all reporting, has `active_sensors = 6`.
        """
        span = hours_of(context)
        counted = count_active_sensors(installation.database, span, installation.clock())
        report_per_hour(context, span, counted, "active_sensors")
        return dg.MaterializeResult()

    return [inserted_counts, active_sensors]


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
