"""Group ``finance``, by the month: what an auditor is given."""

import dagster as dg

from fridge_pipeline.domain.month import Month
from fridge_pipeline.orchestration.evidence import make_pack
from fridge_pipeline.orchestration.installation import Installation

#: The models a pack is read from; the books' own tables are always there.
READS = (
    "usage_hourly",
    "usage_daily",
    "usage_monthly",
    "tie_out",
    "tie_out_differences",
    "billing_ledger",
    "restatements",
    "data_gaps",
)


def evidence_assets(months: dg.MonthlyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The asset, on a grid of months."""

    @dg.asset(
        deps=[*READS, "stripe_reconciliation"],
        partitions_def=months,
        group_name="finance",
        kinds={"zip", "csv", "parquet"},
        owners=["team:finance"],
    )
    def evidence_pack(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[None]:
        """One row per month: a ZIP file under FRIDGE_HOME/evidence that proves the month's numbers by itself.

        Statements, tie-out, ledger and all that belongs to them as CSV and Parquet, with a manifest of SHA-256 hashes
        that is chained to the month before; `fridge verify` checks it. That of a month that is not closed is a draft.
        """
        pack = make_pack(installation, Month.from_key(context.partition_key), None, "dagster", context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(pack.path),
                "manifest_sha256": pack.manifest_sha256,
                "is_final": pack.is_final,
                "chained_to": pack.previous.month if pack.previous else "none",
                "files": pack.files,
                "dagster/partition_row_count": pack.rows,
            }
        )

    return [evidence_pack]
