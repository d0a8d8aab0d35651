"""Shards of a heavy hour: several runs load its files at once, on as many workers; then the usual run bills it."""

import dagster as dg

from fridge_pipeline.calendar.hours import Hour, HourRange, NotAnHourError
from fridge_pipeline.ingest.assets import load_numbers
from fridge_pipeline.ingest.load import load_hours
from fridge_pipeline.ingest.rules.landing_files import NotAShardError, Shard
from fridge_pipeline.installation import Landing, Ledger
from fridge_pipeline.orchestration.partitions import hourly_partitions, require_on_grid

LOAD_SHARD = "load_shard"


class ShardConfig(dg.Config):
    """Which files a run loads: ``hour`` as a partition key, ``shard`` such as ``2/4``."""

    hour: str
    shard: str


@dg.op
def load_shard_files(
    context: dg.OpExecutionContext,
    config: ShardConfig,
    ledger: dg.ResourceParam[Ledger],
    landing: dg.ResourceParam[Landing],
) -> None:
    """Stores the shard's files that are not loaded yet."""
    try:
        hour, shard = Hour.from_key(config.hour), Shard.from_text(config.shard)
    except (NotAnHourError, NotAShardError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    require_on_grid(hourly_partitions(ledger.settings.partitions_start), hour.key, hour.key)
    run = ledger.as_run(context.run_id)
    (load,) = load_hours(run, landing.zone, HourRange(hour, hour), ledger.settings.workspace, shard)
    if load.failure is not None:
        raise dg.Failure(load.failure)
    context.add_output_metadata(load_numbers(load))


@dg.job(name=LOAD_SHARD)
def load_shard_job() -> None:
    """Loads one shard of a heavy hour's files; the usual run counts and bills it.

    It materializes nothing: the hour is loaded once the usual run says so.
    """
    load_shard_files()
