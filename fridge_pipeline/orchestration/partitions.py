"""The partition grids: one partition per UTC hour or day, and what a run's partitions are as a range of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import dagster as dg

from fridge_pipeline.domain.day_range import DayRange
from fridge_pipeline.domain.hour import KEY_FORMAT, Hour, NotAnHourError
from fridge_pipeline.domain.hour_range import HOURS_PER_RUN_MAX, HourRange
from fridge_pipeline.domain.month import Month

#: Runs of automation start before those of a backfill, which have none: the hour that is just over is billed in time.
PRIORITY_TAG = "dagster/priority"
AUTOMATION_PRIORITY = "10"

#: One policy for the whole chain, so that a backfill runs all assets of many hours in one run.
BACKFILL_POLICY = dg.BackfillPolicy.multi_run(max_partitions_per_run=HOURS_PER_RUN_MAX)


#: Reading Stripe costs as much for a month as for a day, so a backfill of days is one run.
DAILY_BACKFILL_POLICY = dg.BackfillPolicy.single_run()


def hourly_partitions(first: Hour) -> dg.HourlyPartitionsDefinition:
    """The grid from ``first`` to the hour that is running now, whose files are loaded as they arrive."""
    return dg.HourlyPartitionsDefinition(
        start_date=first.start.replace(tzinfo=None), fmt=KEY_FORMAT, timezone="UTC", end_offset=1
    )


def hours_of(context: dg.AssetExecutionContext) -> HourRange:
    """The hours a run works on: one, or a consecutive range."""
    keys = context.partition_keys
    return HourRange(Hour.from_key(keys[0]), Hour.from_key(keys[-1]))


def daily_partitions(first: Hour) -> dg.DailyPartitionsDefinition:
    """The grid from the day of the first hour to today, whose closed hours can be reconciled already."""
    return dg.DailyPartitionsDefinition(start_date=first.start.date().isoformat(), timezone="UTC", end_offset=1)


def monthly_partitions(first: Hour) -> dg.MonthlyPartitionsDefinition:
    """The grid from the month of the first hour to the current one, whose report can be read before it is over."""
    return dg.MonthlyPartitionsDefinition(
        start_date=Month.containing(first.start).key, fmt="%Y-%m", timezone="UTC", end_offset=1
    )


def daily_grid(first: Hour, now: datetime) -> DayRange:
    """The days of that grid."""
    return DayRange(first.start.date(), now.astimezone(UTC).date())


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> DayRange:
    """The days a run works on: one, or a consecutive range."""
    keys = context.partition_keys
    return DayRange(date.fromisoformat(keys[0]), date.fromisoformat(keys[-1]))


def range_tags(span: HourRange | DayRange) -> dict[str, str]:
    """The tags that make a run work on these hours or days; a single one is an ordinary partition."""
    first, last = (span.first.key, span.last.key) if isinstance(span, HourRange) else (f"{span.first}", f"{span.last}")
    if first == last:
        return {"dagster/partition": first}
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def automation_tags(hours: HourRange, why: str) -> dict[str, str]:
    """The tags of a run that nobody launched: its hours, why it runs, and that it goes before backfills."""
    return {
        **range_tags(hours),
        "fridge/hours": str(hours.count),
        "fridge/why": why,
        PRIORITY_TAG: AUTOMATION_PRIORITY,
    }


def hours_in_tags(tags: Mapping[str, str]) -> list[Hour]:
    """The hours that a run with these tags works on; none when it works on days."""
    first, last = _bounds(tags)
    try:
        return HourRange(Hour.from_key(first), Hour.from_key(last)).hours()
    except NotAnHourError:
        return []


def days_in_tags(tags: Mapping[str, str]) -> list[date]:
    """The days that a run with these tags works on; none when it works on hours."""
    first, last = _bounds(tags)
    try:
        return DayRange(date.fromisoformat(first), date.fromisoformat(last)).days()
    except ValueError:
        return []


def _bounds(tags: Mapping[str, str]) -> tuple[str, str]:
    """The first and last partition key of a run; empty when it has none."""
    only = tags.get("dagster/partition", "")
    first, last = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
    return tags.get(first, only), tags.get(last, only)
