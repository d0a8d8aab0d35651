"""A month's report as this installation makes it."""

from __future__ import annotations

from fridge_pipeline.calendar.month import Month
from fridge_pipeline.finance.refresh_month import refresh_month
from fridge_pipeline.finance.report import MonthReport, report_month
from fridge_pipeline.ingest.rules.location import Place
from fridge_pipeline.installation import Installation
from fridge_pipeline.settings import MODELS_FOLDER


def make_report(installation: Installation, month: Month, folder: Place) -> MonthReport:
    """Refreshes the month's models, so that nothing in it is older than the books, and writes page and workbook."""
    settings, catalogue = installation.settings, installation.catalogue
    refresh_month(installation.database, MODELS_FOLDER, catalogue, month, installation.clock)
    now = installation.clock()
    return report_month(installation.database, month, folder, catalogue, settings.close_after, now, settings.workspace)
