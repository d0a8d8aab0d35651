"""Group ``usage``: stored readings become quantities per tenant and hour."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime

import dagster as dg
import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.measure import COUNTS
from fridge_pipeline.catalogue.measure_record import measures_in_force
from fridge_pipeline.ingest.landing_record import hours_with_files
from fridge_pipeline.installation import Ledger
from fridge_pipeline.orchestration.partitions import (
    ON_THE_WAY,
    hours_of,
    retried_when_the_database_is_lost,
)
from fridge_pipeline.orchestration.progress import Progress
from fridge_pipeline.orchestration.told_hours import tell_loaded_hours
from fridge_pipeline.usage.count import count_usage


@dg.multi_asset(
    name="usage_tables",
    specs=[
        dg.AssetSpec(
            asset,
            deps=["raw_readings"],
            group_name="usage",
            kinds={"polars", "postgres"},
            owners=["team:data-engineering"],
            description=f"One row per tenant-hour: {counts}, counted from stored rows.",
        )
        for asset, counts in COUNTS.items()
    ],
    op_tags=ON_THE_WAY,
    can_subset=True,
)
def usage_tables(
    context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger]
) -> Iterator[dg.MaterializeResult[None]]:
    """Usage of each measure; run together they are counted from one read."""
    span, now = hours_of(context), ledger.clock()
    assets = [asset for asset in COUNTS if dg.AssetKey(asset) in context.selected_asset_keys]
    progress = Progress(context.log, f"counting {', '.join(assets)} of {span}")
    with retried_when_the_database_is_lost():
        ledger.keep_measures()
        with ledger.database.connect() as connection:
            measures = [measure for measure in measures_in_force(connection) if measure.asset in assets]
            with_files = set(hours_with_files(connection, span))
        usage = count_usage(ledger.database, span, now, measures, progress.at_failpoint)
    names = {asset: [measure.name for measure in measures if measure.asset == asset] for asset in assets}
    counted = {asset: usage.filter(pl.col("measure").is_in(names[asset])) for asset in assets}
    progress.finish(
        f"{span}: " + ", ".join(f"{rows.height:,} tenant-hours of {asset}" for asset, rows in counted.items())
    )
    first_open = Hour.containing(now - ledger.settings.close_after)
    for asset, rows in counted.items():
        held = with_files | {Hour(hour) for hour in rows["hour"].unique()}
        yield tell_loaded_hours(context, span, numbers_per_hour(held, rows, first_open), asset)


def numbers_per_hour(
    hours: Collection[Hour], counted: pl.DataFrame, first_open: Hour
) -> dict[Hour, dict[str, int | str]]:
    """Tenants and quantities of each hour as metadata; an hour without usage says so instead of showing zeros."""
    told = {}
    totals = counted.group_by("hour").agg(pl.len().alias("rows"), pl.col("tenant_id").n_unique().alias("tenants"))
    quantities = counted.group_by("hour", "measure").agg(pl.col("quantity").sum())
    per_hour = {row["hour"]: row for row in totals.iter_rows(named=True)}
    of_measures: dict[datetime, dict[str, int]] = defaultdict(dict)
    for hour, measure, quantity in quantities.sort("measure").iter_rows():
        of_measures[hour][measure] = quantity
    for hour in hours:
        row = per_hour.get(hour.start)
        numbers: dict[str, int | str] = {"dagster/partition_row_count": row["rows"] if row else 0}
        if row:
            numbers |= {"tenants": row["tenants"], **of_measures[hour.start]}
        if hour >= first_open:
            numbers["state"] = "open: counted so far"
        elif not row:
            numbers["state"] = "no usage"
        told[hour] = numbers
    return told
