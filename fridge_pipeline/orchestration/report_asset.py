"""Group ``finance``, by the month: the report that finance and auditors open."""

import dagster as dg

from fridge_pipeline.finance.pages.words import compared_in_words
from fridge_pipeline.finance.rules.month_books import MARTS
from fridge_pipeline.installation import Installation
from fridge_pipeline.orchestration.month_report import make_report
from fridge_pipeline.orchestration.partitions import month_of
from fridge_pipeline.orchestration.progress import Progress


def report_assets(months: dg.MonthlyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The asset, on a grid of months."""

    @dg.asset(
        deps=MARTS,
        partitions_def=months,
        group_name="finance",
        kinds={"html", "excel"},
        owners=["team:finance"],
    )
    def audit_report(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[None]:
        """One row per tenant and meter of the month, and all that explains it: a page and a workbook for people.

        For example: November 2026, 5 tenants, tied, with 2 restatements.
        """
        month = month_of(context)
        progress = Progress(context.log, f"making the report of {month}")
        report = make_report(installation, month, installation.report_folder(month))
        comparison = compared_in_words(*report.summary.compared)
        progress.finish(f"{month}: {report.summary.verdict.value}, {comparison}; {report.page}")
        address = f"{installation.report_address}/{month.key}"
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.url(f"{address}/{report.page.name}"),
                "page_file": dg.MetadataValue.path(str(report.page)),
                "workbook": dg.MetadataValue.url(f"{address}/{report.workbook.name}"),
                "workbook_file": dg.MetadataValue.path(str(report.workbook)),
                "tie_out": report.summary.verdict.value,
                "comparison": comparison,
                "month_status": report.summary.signatures.status,
                "unexplained_hours": report.summary.hours("unexplained"),
                "exceptions": report.summary.exceptions,
                "restatements": report.summary.restatements,
            }
        )

    return [audit_report]
