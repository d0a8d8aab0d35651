"""Group ``ingest``: landing files become stored readings."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from fridge_pipeline.adapters.models.sources import SourceTable
from fridge_pipeline.adapters.postgres.landing_record import LandedHour, landed_of_hours
from fridge_pipeline.orchestration.assets.controls import (
    IDS_WRITTEN_ONE_WAY,
    ROWS_ACCOUNTED_FOR,
    ids_written_one_way,
    rows_accounted_for,
)
from fridge_pipeline.orchestration.assets.described import described, table_metadata
from fridge_pipeline.orchestration.hourly import Hourly, retried_when_the_database_is_lost
from fridge_pipeline.orchestration.installation import Installation
from fridge_pipeline.orchestration.partitions import BACKFILL_POLICY, hours_of
from fridge_pipeline.steps.load import HourLoad, load_hours

DESCRIPTION = """One row per reading: every landing file of the hour that is not loaded yet goes into `fridge.readings`.

A reading is stored once, whatever is delivered twice; what is no valid reading is kept in `fridge.rejected_readings`
with file, line and reason. Per file: rows = inserted + duplicate + rejected.
"""

#: So many of an hour's files stand in its metadata; `fridge explain` lists all.
FILES_SHOWN = 20


def ingest_assets(hourly: Hourly, source: SourceTable) -> list[dg.AssetsDefinition]:
    """The assets of the group, on the grid of hours."""

    @dg.asset(
        partitions_def=hourly.hours,
        backfill_policy=BACKFILL_POLICY,
        freshness_policy=hourly.freshness,
        group_name="ingest",
        kinds={"polars", "postgres"},
        owners=["team:data-engineering"],
        description=described(DESCRIPTION, source.example),
        metadata=table_metadata(source),
        check_specs=[ROWS_ACCOUNTED_FOR, IDS_WRITTEN_ONE_WAY],
    )
    def raw_readings(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        hours, landing_uri = hours_of(context), installation.settings.landing_uri
        with retried_when_the_database_is_lost():
            loads = list(
                load_hours(
                    installation.database,
                    installation.zone,
                    hours,
                    installation.settings.workspace,
                    context.run.run_id,
                    installation.clock,
                )
            )
            refuse_if_nothing_could_be_listed(loads)
            with installation.database.connect() as connection:
                landed = landed_of_hours(connection, hours)
            for load in loads:
                numbers = load_metadata(load, landed.get(load.hour), landing_uri)
                context.add_asset_metadata(numbers, partition_key=load.hour.key)
            yield dg.MaterializeResult()
            yield rows_accounted_for(installation.database, hours)
            yield ids_written_one_way(installation.database)

    return [raw_readings]


def load_metadata(load: HourLoad, landed: LandedHour | None, landing_uri: str) -> dict[str, dg.MetadataValue]:
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
        "state": dg.MetadataValue.text(load_state(load)),
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


def load_state(load: HourLoad) -> str:
    """In one word for the partition's page: missing data is not zero readings."""
    if load.failure is not None:
        return f"not loaded: {load.failure}"
    if load.loaded:
        return "loaded"
    if load.is_empty:
        return "empty: no landing files"
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
