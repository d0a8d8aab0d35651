"""Group ``ingest``: landing files become stored readings."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.ingest.landing_record import LandedHour, Unusable, landed_of_hours, unusable_of_hours
from fridge_pipeline.ingest.load import HourLoad, load_hours
from fridge_pipeline.installation import Landing, Ledger
from fridge_pipeline.orchestration.partitions import (
    ON_THE_WAY,
    hours_of,
    is_backfill,
    retried_when_the_database_is_lost,
)
from fridge_pipeline.orchestration.progress import Progress
from fridge_pipeline.orchestration.told_hours import EMPTY, tell_hours

#: So many of an hour's files stand in its metadata; `fridge explain` lists all.
FILES_SHOWN = 20

#: So many findings are looked through, and so many are lines of the log.
UNUSABLE_MAX = 1_000
UNUSABLE_SHOWN = 20


@dg.asset(
    group_name="ingest",
    kinds={"polars", "postgres"},
    owners=["team:data-engineering"],
    op_tags=ON_THE_WAY,
    output_required=False,
)
def raw_readings(
    context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger], landing: dg.ResourceParam[Landing]
) -> Iterator[dg.MaterializeResult[None]]:
    """One row per reading: every landing file of the hour that is not loaded yet goes into `fridge.readings`.

    A reading is stored once, whatever is delivered twice; what is not a valid reading is kept in
    `fridge.rejected_readings` with file, line and reason. Per file: rows = inserted + duplicate + rejected.
    """
    hours, settings = hours_of(context), ledger.settings
    progress = Progress(context.log, f"loading {hours} from {settings.landing_uri}")
    with retried_when_the_database_is_lost():
        run = ledger.as_run(context.run.run_id)
        found = load_hours(run, landing.zone, hours, settings.workspace)
        loads = list(progress.follow(found, hours.count))
        refuse_if_nothing_could_be_listed(loads)
        with ledger.database.connect() as connection:
            landed = landed_of_hours(connection, hours)
            tell_unusable(context.log, unusable_of_hours(connection, hours, UNUSABLE_MAX), loads)
    progress.finish(load_summary(hours, loads))
    now = ledger.clock()
    metadata = {
        load.hour: load_metadata(
            load,
            landed.get(load.hour),
            settings.landing_uri,
            is_open=not load.hour.closed_at(now, settings.close_after),
        )
        for load in loads
    }
    if all(load.hour not in landed for load in loads) and not is_backfill(context):
        for hour, numbers in metadata.items():
            context.log_event(dg.AssetObservation(context.asset_key, partition=hour.key, metadata=numbers))
        return
    yield tell_hours(context, metadata, landed)


def tell_unusable(log: dg.DagsterLogManager, unusable: Sequence[Unusable], loads: Sequence[HourLoad]) -> None:
    """One warning for each file of this load that was not used as a whole, with the cause."""
    now = {file.path for load in loads for file in load.loaded}
    failed = {load.hour.start for load in loads if load.unfetched}
    told = [each for each in unusable if each.path in now or (each.rejected_rows is None and each.hour in failed)]
    for each in told[:UNUSABLE_SHOWN]:
        log.warning(str(each))
    if len(told) > UNUSABLE_SHOWN:
        more = len(told) - UNUSABLE_SHOWN
        log.warning("and %s more; fridge.exceptions and fridge.rejected_readings have all of them", more)
    for load in loads:
        if load.failure is not None:
            log.warning("%s is not loaded: %s", load.hour, load.failure)


def load_summary(hours: HourRange, loads: Sequence[HourLoad]) -> str:
    """What a load came to, for the log."""
    rows, inserted = sum(load.rows for load in loads), sum(load.inserted for load in loads)
    rejected, duplicates = sum(load.rejected for load in loads), sum(load.duplicates for load in loads)
    files = sum(len(load.loaded) for load in loads)
    if not files:
        return f"{hours}: no new landing files"
    return (
        f"{hours}: {files:,} files, {rows:,} rows = {inserted:,} new + {duplicates:,} duplicate + {rejected:,} rejected"
    )


def load_metadata(
    load: HourLoad, landed: LandedHour | None, landing_uri: str, *, is_open: bool
) -> dict[str, dg.MetadataValue]:
    """The numbers of one hour, which Dagster plots over the partitions; none where there is nothing to count.

    They are those of all its files, so that a run that finds nothing new does not show zeros.
    """
    numbers = {"files_loaded_now": len(load.loaded)}
    if landed is not None:
        numbers |= {
            "dagster/partition_row_count": landed.inserted,
            "files": landed.files,
            "rows": landed.rows,
            "inserted": landed.inserted,
            "duplicates": landed.duplicates,
            "rejected": landed.rejected,
            "unreadable_files": landed.unreadable + load.unfetched,
        }
    folder = f"{landing_uri.rstrip('/')}/{load.hour.folder}"
    link = dg.MetadataValue.url(folder) if "://" in folder else dg.MetadataValue.path(str(Path(folder)))
    return {
        **{name: dg.MetadataValue.int(number) for name, number in numbers.items()},
        "landing_folder": link,
        "state": dg.MetadataValue.text(load_state(load, is_open=is_open)),
        **({"files": files_table(load)} if load.loaded else {}),
    }


def files_table(load: HourLoad) -> dg.TableMetadataValue:
    """The first of the files that were loaded, with what became of their rows."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "path": file.path,
                    "status": file.status,
                    "rows": file.row_count,
                    "inserted": file.inserted_count,
                    "duplicates": file.duplicate_count,
                    "rejected": file.rejected_count,
                }
            )
            for file in load.loaded[:FILES_SHOWN]
        ]
    )


def load_state(load: HourLoad, *, is_open: bool) -> str:
    """In one word for the partition's page: missing data is not zero readings, and an open hour is not all of it."""
    if load.failure is not None:
        return f"not loaded: {load.failure}"
    if is_open and not load.is_empty:
        return "open: loaded so far"
    if load.loaded:
        return "loaded"
    if load.is_empty:
        return EMPTY
    return "nothing new" if load.listed else "unchanged since it was loaded"


def refuse_if_nothing_could_be_listed(loads: list[HourLoad]) -> None:
    """A bad hour among good ones is an exception and a failed billing; a run of bad hours only is a failed run."""
    failures = [load.failure for load in loads if load.failure is not None]
    if failures and len(failures) == len(loads):
        raise dg.Failure(f"none of {len(loads)} hours could be loaded: {failures[0]}")


def load_numbers(load: HourLoad) -> dict[str, dg.MetadataValue]:
    """What became of the files and rows that a load found new."""
    numbers = {
        "files_loaded": len(load.loaded),
        "rows": load.rows,
        "inserted": load.inserted,
        "duplicates": load.duplicates,
        "rejected": load.rejected,
        "unreadable_files": load.unreadable + load.unfetched,
    }
    return {name: dg.MetadataValue.int(number) for name, number in numbers.items()}
