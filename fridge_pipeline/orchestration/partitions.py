"""The partition grid: one partition per UTC hour, and what a run's partitions are as a range of hours."""

from __future__ import annotations

import dagster as dg

from fridge_pipeline.domain.hour import KEY_FORMAT, Hour
from fridge_pipeline.domain.hour_range import HOURS_PER_RUN_MAX, HourRange

#: One policy for the whole chain, so that a backfill runs all assets of many hours in one run.
BACKFILL_POLICY = dg.BackfillPolicy.multi_run(max_partitions_per_run=HOURS_PER_RUN_MAX)


def hourly_partitions(first: Hour) -> dg.HourlyPartitionsDefinition:
    """The grid from ``first`` to the hour that is running now, whose files are loaded as they arrive."""
    return dg.HourlyPartitionsDefinition(
        start_date=first.start.replace(tzinfo=None), fmt=KEY_FORMAT, timezone="UTC", end_offset=1
    )


def hours_of(context: dg.AssetExecutionContext) -> HourRange:
    """The hours a run works on: one, or a consecutive range."""
    keys = context.partition_keys
    return HourRange(Hour.from_key(keys[0]), Hour.from_key(keys[-1]))


def range_tags(hours: HourRange) -> dict[str, str]:
    """The tags that make a run work on these hours; a single hour is an ordinary partition."""
    if hours.count == 1:
        return {"dagster/partition": hours.first.key}
    return {
        "dagster/asset_partition_range_start": hours.first.key,
        "dagster/asset_partition_range_end": hours.last.key,
    }


def hours_in_tags(tags: dict[str, str]) -> list[Hour]:
    """The hours that a run with these tags works on."""
    first = tags.get("dagster/asset_partition_range_start", tags.get("dagster/partition"))
    last = tags.get("dagster/asset_partition_range_end", tags.get("dagster/partition"))
    if first is None or last is None:
        return []
    return HourRange(Hour.from_key(first), Hour.from_key(last)).hours()
