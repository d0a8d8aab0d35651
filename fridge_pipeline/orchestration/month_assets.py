"""A month's report and evidence pack, as assets and for the command line."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import dagster as dg

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.database.models import SqlModel
from fridge_pipeline.database.program import program_identity
from fridge_pipeline.finance.make_evidence import EvidencePack, make_evidence
from fridge_pipeline.finance.month_record import refresh_month
from fridge_pipeline.finance.packs_in_archive import FOLDER
from fridge_pipeline.finance.pages.words import compared_in_words
from fridge_pipeline.finance.report_month import MonthReport, report_month
from fridge_pipeline.finance.stamp_record import Maker
from fridge_pipeline.ingest.rules.location import Location
from fridge_pipeline.installation import Ledger
from fridge_pipeline.orchestration.partitions import month_of
from fridge_pipeline.orchestration.progress import Progress
from fridge_pipeline.settings import MODELS_FOLDER, Settings


def make_pack(ledger: Ledger, month: Month, target: Location | None, made_by: str, run_id: str) -> EvidencePack:
    """Makes a month's pack; without a target in the archive."""
    settings = ledger.settings
    require_begun(month, ledger.clock())
    refresh_month(ledger.database, MODELS_FOLDER, ledger.catalogue, month, ledger.clock)
    maker = maker_of(ledger, made_by, run_id)
    location = target or settings.archive / FOLDER / f"{month.key}.zip"
    return make_evidence(ledger.database, month, location, MODELS_FOLDER, maker, settings.workspace)


def require_begun(month: Month, now: datetime) -> None:
    """Raises ``ValueError`` of a month ahead: nothing can be said of it, not even that it is empty."""
    if now < month.start:
        raise ValueError(f"{month} begins at {month.start:%Y-%m-%d %H:%M} UTC: there is nothing of it yet")


def maker_of(ledger: Ledger, made_by: str, run_id: str) -> Maker:
    """Who makes something now, with this program and these settings."""
    program = program_identity(MODELS_FOLDER)
    return Maker(made_by, run_id, ledger.clock(), program, parameters_of(ledger.settings))


def parameters_of(settings: Settings) -> dict[str, Any]:
    """The settings that decide what is counted and stated; keys, passwords and paths are left out.

    Where usage went is not among them: the books have it, and a setting may be another by now.
    """
    return {
        "partitions_start": settings.partitions_start.key,
        "close_after_minutes": settings.close_after.total_seconds() / 60,
        "keep_months": settings.keep_months,
        "max_in_flight": settings.max_in_flight,
        "stripe_calls_per_second": settings.calls_per_second(),
        "catalogue": [asdict(meter) for meter in settings.catalogue],
    }


def make_report(ledger: Ledger, month: Month, folder: Location, made_by: str, run_id: str) -> MonthReport:
    """Refreshes the month's models, so that nothing in it is older than the books, and writes page and workbook."""
    settings, run = ledger.settings, ledger.as_run("report")
    require_begun(month, run.clock())
    refresh_month(run.database, MODELS_FOLDER, run.catalogue, month, run.clock)
    maker = maker_of(ledger, made_by, run_id)
    return report_month(run, month, folder, settings.close_after, settings.workspace, maker)


def with_models(asset: dg.AssetsDefinition, tables: Iterable[str], models: Iterable[SqlModel]) -> dg.AssetsDefinition:
    """An asset of a month with what it depends on: of its tables the models are assets, and the books' own are not.

    It depends on models without partitions only, so no backfill of hours or days makes a pack along.
    """
    names = {model.name for model in models}
    shown = [table for table in tables if table in names]
    return asset.map_asset_specs(lambda spec: spec.replace_attributes(deps=shown))


@dg.asset(
    group_name="finance/month",
    kinds={"zip", "csv"},
    owners=["team:finance"],
)
def evidence_pack(context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger]) -> dg.MaterializeResult[None]:
    """One row per month: a ZIP file below evidence/ in the archive that proves the month's numbers by itself.

    Statements, tie-out, ledger and all that belongs to them as CSV, with a manifest of SHA-256 hashes
    that is chained to the month before; `fridge verify` checks it. That of a month that is not closed is a draft.

    For example: 2026-11.zip, final, chained to 2026-10.
    """
    month = month_of(context)
    progress = Progress(context.log, f"making the evidence pack of {month}")
    pack = make_pack(ledger, month, None, "dagster", context.run.run_id)
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


@dg.asset(
    group_name="finance/month",
    kinds={"html", "excel"},
    owners=["team:finance"],
)
def audit_report(context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger]) -> dg.MaterializeResult[None]:
    """One row per tenant and meter of the month, with everything that explains it, as a page and a workbook.

    For example: November 2026, 5 tenants, tied, with 2 restatements.
    """
    month = month_of(context)
    progress = Progress(context.log, f"making the report of {month}")
    report = make_report(ledger, month, ledger.report_folder(month), "dagster", context.run.run_id)
    comparison = compared_in_words(*report.summary.compared)
    progress.finish(f"{month}: {report.summary.verdict.value}, {comparison}; {report.page}")
    address = f"{ledger.report_address}/{month.key}"
    return dg.MaterializeResult(
        metadata={
            "page": dg.MetadataValue.url(f"{address}/{report.page.name}"),
            "page_file": dg.MetadataValue.path(str(report.page)),
            "workbook": dg.MetadataValue.url(f"{address}/{report.workbook.name}"),
            "workbook_file": dg.MetadataValue.path(str(report.workbook)),
            "tie_out": report.summary.verdict.value,
            "comparison": comparison,
            "month_status": report.summary.signatures["status"],
            "unexplained_hours": report.summary.hours("unexplained"),
            "exceptions": report.summary.exceptions,
            "restatements": report.summary.restatements,
        }
    )
