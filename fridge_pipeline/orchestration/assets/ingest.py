"""Group ``ingest``: landing files become stored readings."""

from pathlib import Path

import dagster as dg

from fridge_pipeline.orchestration.installation import Installation
from fridge_pipeline.orchestration.partitions import BACKFILL_POLICY, hours_of
from fridge_pipeline.steps.load import HourLoad, load_hours


def ingest_assets(hours: dg.HourlyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The assets of the group, on a partition grid."""

    @dg.asset(
        partitions_def=hours,
        backfill_policy=BACKFILL_POLICY,
        group_name="ingest",
        kinds={"polars", "postgres"},
        owners=["team:data-engineering"],
        metadata={"dagster/table_name": "fridge.readings"},
    )
    def raw_readings(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[None]:
        """One row per reading: every landing file of the hour that is not loaded yet goes into `fridge.readings`.

        A reading is stored once, whatever is delivered twice; what is no valid reading is kept in
        `fridge.rejected_readings` with file, line and reason. Per file: rows = inserted + duplicate + rejected.
        """
        loads = []
        for load in load_hours(
            installation.database,
            installation.zone,
            hours_of(context),
            installation.settings.workspace,
            context.run.run_id,
            installation.clock,
        ):
            context.add_asset_metadata(
                load_metadata(load, installation.settings.landing_uri), partition_key=load.hour.key
            )
            loads.append(load)
        refuse_if_nothing_could_be_listed(loads)
        return dg.MaterializeResult()

    return [raw_readings]


def load_metadata(load: HourLoad, landing_uri: str) -> dict[str, dg.MetadataValue]:
    """The numbers of one hour, which Dagster plots over the partitions."""
    numbers = {
        "dagster/partition_row_count": load.inserted,
        "files_loaded": len(load.loaded),
        "rows": load.rows,
        "inserted": load.inserted,
        "duplicates": load.duplicates,
        "rejected": load.rejected,
        "unreadable_files": load.unreadable + load.unfetched,
    }
    folder = f"{landing_uri.rstrip('/')}/{load.hour.folder}"
    link = dg.MetadataValue.url(folder) if "://" in folder else dg.MetadataValue.path(str(Path(folder)))
    return {
        **{name: dg.MetadataValue.int(number) for name, number in numbers.items()},
        "landing_folder": link,
        "state": dg.MetadataValue.text(load_state(load)),
    }


def load_state(load: HourLoad) -> str:
    """In one word for the partition's page: missing data is not zero readings."""
    if load.failure is not None:
        return f"not loaded: {load.failure}"
    if load.loaded:
        return "loaded"
    return "nothing new" if load.listed else "unchanged or no landing files"


def refuse_if_nothing_could_be_listed(loads: list[HourLoad]) -> None:
    """A bad hour among good ones is an exception and a failed billing; a run of bad hours only is a failed run."""
    failures = [load.failure for load in loads if load.failure is not None]
    if failures and len(failures) == len(loads):
        raise dg.Failure(f"none of {len(loads)} hours could be loaded: {failures[0]}")
