"""What Dagster is told of a run's hours: *materialized* is one that holds something, *observed* one that does not."""

from collections.abc import Collection, Container, Mapping
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.orchestration.partitions import is_backfill

#: Dagster writes no event of its own for an output that says so; else each key of the run's range would be green. It is
#: Dagster's own mark, for which it has no public name: test_colours shows whether it still knows it.
TOLD_ALREADY = {"__source_asset_observation__": True}

#: Of who has looked into the landing zone, and of who has not: a folder that cannot be listed is not empty.
EMPTY, NOTHING = "empty: no landing files", "nothing: no landing file is loaded"


def tell_hours(
    context: dg.AssetExecutionContext,
    told: Mapping[Hour, Mapping[str, Any]],
    held: Container[Hour],
    asset: str | None = None,
    unfinished: Container[Hour] = (),
) -> dg.MaterializeResult[None]:
    """The result of a step on some hours, with what is ``told`` of each, so that the steps that follow run.

    In a backfill those that are not ``held`` are materialized too: Dagster would call it failed. It is, where they are
    ``unfinished``.
    """
    key = dg.AssetKey(asset) if asset is not None else context.asset_key
    done = {hour for hour in told if hour in held or (is_backfill(context) and hour not in unfinished)}
    if len(done) == len(told):
        for hour, metadata in told.items():
            context.add_asset_metadata(metadata, asset_key=key, partition_key=hour.key)
        return dg.MaterializeResult(asset_key=key)
    materialize(context, key, {hour: metadata for hour, metadata in told.items() if hour in done})
    for hour, metadata in told.items():
        if hour not in done:
            context.log_event(dg.AssetObservation(key, partition=hour.key, metadata=metadata))
    return dg.MaterializeResult(asset_key=key, metadata=TOLD_ALREADY)


def tell_loaded_hours(
    context: dg.AssetExecutionContext, hours: HourRange, numbers: Mapping[Hour, Mapping[str, Any]], asset: str
) -> dg.MaterializeResult[None]:
    """The same of a step on what is loaded: the ``numbers`` of hours that hold something; the others hold nothing."""
    told = {hour: numbers.get(hour, {"state": NOTHING}) for hour in hours.hours()}
    return tell_hours(context, told, numbers, asset)


def materialize(context: dg.AssetExecutionContext, key: dg.AssetKey, told: Mapping[Hour, Mapping[str, Any]]) -> None:
    """These hours and no other, written together as Dagster writes a result's: one by one a week takes seconds."""
    step, batch = context.get_step_execution_context(), str(uuid4())
    for number, (hour, metadata) in enumerate(told.items(), start=1):
        event = dg.AssetMaterialization(key, partition=hour.key, metadata=metadata)
        DagsterEvent.asset_materialization(step, event, DagsterEventBatchMetadata(batch, number == len(told)))


def of_nothing(context: dg.AssetExecutionContext) -> str:
    """What is said of an hour that the books know nothing of, in a run that has looked for its files, or has not."""
    return EMPTY if context.job_def.has_node_named("raw_readings") else NOTHING


def keep_from_red(context: dg.AssetExecutionContext, empty: Collection[Hour], told: str) -> None:
    """Materializes the ``empty`` hours of all assets of a run that fails: Dagster would show them as failed."""
    planned = context.instance.get_records_for_run(
        context.run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    ).records
    assets = {record.asset_key for record in planned if record.asset_key is not None}
    for key in sorted(assets - {context.asset_key}):
        materialize(context, key, {hour: {"state": told} for hour in empty})
