"""Group ``lake``: the Delta tables that other tools read, where FRIDGE_LAKE_URI names a place for them."""

import dagster as dg

from fridge_pipeline.installation import Ledger
from fridge_pipeline.lake.write_lake import LakeNotWrittenError, write_lake
from fridge_pipeline.orchestration.progress import Progress
from fridge_pipeline.settings import Settings

WRITE_LAKE = "write_lake"

#: When hourly billing has billed the hour.
LAKE_CRON = "25 * * * *"


@dg.asset(
    group_name="lake",
    kinds={"deltalake", "parquet"},
    owners=["team:finance"],
    deps=["usage_hourly", "billing_ledger", "tie_out", "invoice_tie_out"],
)
def lake(context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger]) -> dg.MaterializeResult[None]:
    """One row per row of the mart, in four Delta tables by day: usage, ledger, tie_out and invoices.

    Days of which anything has changed are replaced whole, so a restated hour is there once, as it is now.

    For example: usage, 3 days and 14,400 rows written, version 812.
    """
    place = ledger.settings.lake
    if place is None:
        raise dg.Failure("FRIDGE_LAKE_URI is not set: there is no lake", allow_retries=False)
    progress = Progress(context.log, f"writing {place}")
    metadata: dict[str, int | str] = {"uri": str(place)}
    try:
        for written in write_lake(ledger.database, place, ledger.clock):
            metadata[f"{written.table}_rows_written"] = written.rows
            metadata |= {f"{written.table}_version": written.version} if written.version is not None else {}
    except LakeNotWrittenError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    progress.finish(", ".join(f"{name} {value}" for name, value in metadata.items()))
    return dg.MaterializeResult(metadata=metadata)


write_lake_job = dg.define_asset_job(
    WRITE_LAKE,
    selection=dg.AssetSelection.assets("lake"),
    tags={"fridge/does": "write the lake"},
    description="Writes what has changed in the books into the tables of FRIDGE_LAKE_URI.",
)

hourly_lake = dg.ScheduleDefinition(
    name="hourly_lake",
    job_name=WRITE_LAKE,
    cron_schedule=LAKE_CRON,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour: what has changed goes into the lake.",
)


def has_lake(settings: Settings) -> bool:
    """Whether there is one; without it nothing of it is shown."""
    return settings.lake is not None
