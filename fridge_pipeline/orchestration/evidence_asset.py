"""Group ``finance``, by the month: what an auditor is given."""

from collections.abc import Sequence

import dagster as dg

from fridge_pipeline.database.models import SqlModel
from fridge_pipeline.finance.rules.evidence_contents import PACK_TABLES
from fridge_pipeline.installation import Installation
from fridge_pipeline.orchestration.evidence_of_installation import make_pack
from fridge_pipeline.orchestration.partitions import month_of
from fridge_pipeline.orchestration.progress import Progress


def evidence_assets(models: Sequence[SqlModel], months: dg.MonthlyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The asset, on a grid of months; of what a pack holds, the models are assets and the books' own tables are not.

    It depends on models only, which have no partitions: no backfill of hours or days makes a pack along.
    """
    names = {model.name for model in models}
    packed = [table.name for table in PACK_TABLES if table.name in names]

    @dg.asset(
        deps=packed,
        partitions_def=months,
        group_name="finance",
        kinds={"zip", "csv", "parquet"},
        owners=["team:finance"],
    )
    def evidence_pack(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[None]:
        """One row per month: a ZIP file below evidence/ in the archive that proves the month's numbers by itself.

        Statements, tie-out, ledger and all that belongs to them as CSV and Parquet, with a manifest of SHA-256 hashes
        that is chained to the month before; `fridge verify` checks it. That of a month that is not closed is a draft.

        For example: 2026-11.zip, final, chained to 2026-10.
        """
        month = month_of(context)
        progress = Progress(context.log, f"making the evidence pack of {month}")
        pack = make_pack(installation, month, None, "dagster", context.run.run_id)
        kind = "final" if pack.is_final else "a draft, for the month is not closed"
        progress.finish(f"{month}: {kind}, {pack.files} files, {pack.rows:,} rows; {pack.path}")
        return dg.MaterializeResult(
            metadata={
                "pack": dg.MetadataValue.url(pack.path.as_uri()),
                "path": dg.MetadataValue.path(str(pack.path)),
                "manifest_sha256": pack.manifest_sha256,
                "is_final": pack.is_final,
                "chained_to": pack.previous.month if pack.previous else "none",
                "files": pack.files,
                "dagster/partition_row_count": pack.rows,
            }
        )

    return [evidence_pack]
