"""Group ``usage``: stored readings become quantities per tenant and hour."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.installation import Ledger
from fridge_pipeline.orchestration.partitions import (
    hours_of,
    retried_when_the_database_is_lost,
)
from fridge_pipeline.orchestration.progress import Progress
from fridge_pipeline.usage.count import count_usage
from fridge_pipeline.usage.rules import USAGE_QUANTITY

DESCRIPTIONS = {
    "inserted_counts": "One row per tenant-hour: readings stored for the first time, counted from stored rows.",
    "active_sensors": "One row per tenant-hour: distinct sensors with a reading stored for the first time.",
}


@dg.multi_asset(
    name="usage_tables",
    specs=[
        dg.AssetSpec(
            table,
            deps=["raw_readings"],
            group_name="usage",
            kinds={"polars", "postgres"},
            owners=["team:data-engineering"],
            description=DESCRIPTIONS[table],
        )
        for table in USAGE_QUANTITY
    ],
    can_subset=True,
)
def usage_tables(
    context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger]
) -> Iterator[dg.MaterializeResult[None]]:
    """Both tables of usage; run together they are counted from one read."""
    span, now = hours_of(context), ledger.clock()
    tables = [table for table in USAGE_QUANTITY if dg.AssetKey(table) in context.selected_asset_keys]
    progress = Progress(context.log, f"counting {', '.join(tables)} of {span}")
    with retried_when_the_database_is_lost():
        counted = count_usage(ledger.database, span, now, tables, progress.at_failpoint)
    rows = ", ".join(f"{counted[table].height:,} tenant-hours of {table}" for table in tables)
    progress.finish(f"{span}: {rows}")
    first_open = Hour.containing(now - ledger.settings.close_after)
    for table in tables:
        report_per_hour(context, table, span, counted[table], first_open)
        yield dg.MaterializeResult(asset_key=table)


def report_per_hour(
    context: dg.AssetExecutionContext, table: str, span: HourRange, counted: pl.DataFrame, first_open: Hour
) -> None:
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
        if hour >= first_open:
            numbers["state"] = "open: counted so far"
        elif not row:
            numbers["state"] = "no usage"
        context.add_asset_metadata(numbers, asset_key=table, partition_key=hour.key)
