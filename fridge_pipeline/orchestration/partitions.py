"""The partition grids: one partition per UTC hour or day, and what all hourly assets have in common."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import psycopg

from fridge_pipeline.calendar.days import DayRange, Month
from fridge_pipeline.calendar.hours import HOURS_PER_RUN_MAX, KEY_FORMAT, Hour, HourRange, NotAnHourError
from fridge_pipeline.database.connection import DatabaseUnreachableError
from fridge_pipeline.settings import Settings

#: Runs of automation start before those of a backfill, which have none: the hour that is just over is billed in time.
PRIORITY_TAG = "dagster/priority"
AUTOMATION_PRIORITY = "10"

#: Of the steps of a run that could be next, those on the way to Stripe are: checks and models wait until it is told.
ON_THE_WAY = {PRIORITY_TAG: "1"}

BACKFILL_TAG = "dagster/backfill"

#: A run that sends the meter events of some tenants only: their ids, with commas between.
TENANTS_TAG = "fridge/tenants"

#: Which schedule launched a run; a run that a person launched has none.
SCHEDULE_TAG = "dagster/schedule_name"

#: One policy for the whole chain, so that a backfill runs all assets of many hours in one run.
BACKFILL_POLICY = dg.BackfillPolicy.multi_run(max_partitions_per_run=HOURS_PER_RUN_MAX)


#: Reading Stripe costs as much for a month as for a day, and a plan is one whatever its hours: a backfill is one run.
ONE_RUN = dg.BackfillPolicy.single_run()


def hourly_partitions(first: Hour) -> dg.HourlyPartitionsDefinition:
    """The grid from ``first`` to the hour that is running now, whose files are loaded as they arrive."""
    return dg.HourlyPartitionsDefinition(
        start_date=first.start.replace(tzinfo=None), fmt=KEY_FORMAT, timezone="UTC", end_offset=1
    )


def hours_of(context: dg.AssetExecutionContext) -> HourRange:
    """The hours a run works on: one, or a consecutive range. Raises ``dg.Failure`` for hours off the grid."""
    first, last = _keys_of(context)
    return HourRange(Hour.from_key(first), Hour.from_key(last))


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


def days_of(context: dg.AssetExecutionContext) -> DayRange:
    """The days a run works on: one, or a consecutive range. Raises ``dg.Failure`` for days off the grid."""
    first, last = _keys_of(context)
    return DayRange(date.fromisoformat(first), date.fromisoformat(last))


def month_of(context: dg.AssetExecutionContext) -> Month:
    """The month a run works on. Raises ``dg.Failure`` for one that is not on the grid, and for several at once."""
    first, last = _keys_of(context)
    if first != last:
        raise dg.Failure(f"{first}...{last}: a run takes one month; nothing was done", allow_retries=False)
    return Month.from_key(first)


def _keys_of(context: dg.AssetExecutionContext) -> tuple[str, str]:
    """First and last key as asked for. Dagster itself takes a range to anywhere for its part within the grid."""
    grid = context.assets_def.partitions_def
    if grid is None:
        raise TypeError(f"{context.asset_key.to_user_string()} has no partitions")
    first, last = _bounds(context.run.tags)
    require_on_grid(grid, first, last)
    return first, last


def require_on_grid(grid: dg.PartitionsDefinition, first: str, last: str) -> None:
    """Raises ``dg.Failure`` unless both keys are partitions, in this order."""
    if not first:
        raise dg.Failure(
            f"the run names no partition, and nothing was done; one is {grid.get_last_partition_key()}",
            allow_retries=False,
        )
    for key in (first, last):
        if not grid.has_partition_key(key):
            keys = grid.get_partition_keys()
            place = bisect(keys, key)
            nearest = " and ".join(keys[max(place - 1, 0) : place + 1])
            raise dg.Failure(
                f"{key!r} is not a partition, and nothing was done. There are {keys[0]} to "
                f"{keys[-1]}; nearest: {nearest}",
                allow_retries=False,
            )
    if last < first:
        raise dg.Failure(f"{first}...{last} ends before it begins, and nothing was done", allow_retries=False)


def is_backfill(context: dg.AssetExecutionContext) -> bool:
    """Whether the run is part of a backfill, which fails for Dagster unless all its partitions are materialized."""
    return BACKFILL_TAG in context.run.tags


def tenants_of(context: dg.AssetExecutionContext, known: Callable[[], Container[str]]) -> list[str] | None:
    """The tenants that the run is for; ``None`` for all. Raises ``dg.Failure`` for one that is not ``known``."""
    text = context.run.tags.get(TENANTS_TAG)
    if text is None:
        return None
    tenants = sorted({part.strip() for part in text.split(",")})
    ids = known()
    if unknown := [tenant for tenant in tenants if tenant not in ids]:
        named = ", ".join(map(repr, unknown))
        raise dg.Failure(f"no tenant {named} (in the tag {TENANTS_TAG}); nothing was sent", allow_retries=False)
    return tenants


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


#: Runs that call Stripe share its rate limit; `dagster.yaml` says how many of them there are at once.
STRIPE_POOL = "stripe"

#: A lost connection or a deadlock is over in seconds; what lasts longer is left to the next run.
RETRIES_MAX = 3
RETRY_AFTER_SECONDS = 5

#: An hour's files come while it runs, so even a punctual hourly asset is an hour old.
STALE_AT_LEAST = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Hourly:
    """The grid of hours, and after how long without news an asset on it is late, then stale."""

    hours: dg.HourlyPartitionsDefinition
    freshness: dg.FreshnessPolicy


def hourly_of(settings: Settings) -> Hourly:
    """As the settings say; Dagster judges an asset by its newest materialization, whichever hour that was of."""
    stale = max(settings.stale_after, STALE_AT_LEAST)
    return Hourly(
        hourly_partitions(settings.partitions_start),
        dg.FreshnessPolicy.time_window(fail_window=stale, warn_window=stale * 3 / 4),
    )


def on_grid(
    asset: dg.AssetsDefinition,
    grid: dg.PartitionsDefinition,
    backfill_policy: dg.BackfillPolicy | None = None,
    freshness: dg.FreshnessPolicy | None = None,
) -> dg.AssetsDefinition:
    """The asset on a grid, whose first partition the settings decide: its module cannot say it."""
    placed = asset.map_asset_specs(
        lambda spec: spec.replace_attributes(partitions_def=grid, freshness_policy=freshness)
    )
    return placed.with_attributes(backfill_policy=backfill_policy)


def on_hours(asset: dg.AssetsDefinition, hourly: Hourly) -> dg.AssetsDefinition:
    """A link of the chain from landing files to Stripe."""
    return on_grid(asset, hourly.hours, BACKFILL_POLICY, hourly.freshness)


@contextmanager
def retried_when_the_database_is_lost() -> Iterator[None]:
    """Lets Dagster run the step once more: everything that was committed stays, and is not done again."""
    try:
        yield
    except (psycopg.OperationalError, DatabaseUnreachableError) as error:
        raise dg.RetryRequested(max_retries=RETRIES_MAX, seconds_to_wait=RETRY_AFTER_SECONDS) from error
