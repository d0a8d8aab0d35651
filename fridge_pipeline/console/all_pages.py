"""Every page of the console, in the order of its menu."""

from __future__ import annotations

from pathlib import Path

from fridge_pipeline.console.frame import Page, Row
from fridge_pipeline.console.pages_of_books import (
    CHANGES,
    CHECKED,
    EXCEPTIONS,
    RESTATEMENTS,
    SAMPLE,
    SETTLEMENTS,
    SOURCES,
    evidence_page,
)
from fridge_pipeline.console.pages_of_invoices import INVOICE_PAGE, INVOICES, LINE_PAGE, OWED_ON_INVOICES
from fridge_pipeline.console.pages_of_months import CUTOFF, INDEX, MONTHS, UNBILLED, month_page
from fridge_pipeline.console.pages_of_tenants import HOUR_PAGE, HOURS, TENANT_PAGE, TENANTS
from fridge_pipeline.finance.pack.signature import signature_of
from fridge_pipeline.finance.pack.time_stamp import stamp_of
from fridge_pipeline.finance.packs_in_archive import FOLDER
from fridge_pipeline.ingest.rules.location import Location


def all_pages(archive: Location, reports: str) -> tuple[Page, ...]:
    """The pages; ``reports`` is the address below which finished reports are shown."""

    def with_signature(row: Row) -> Row:
        return {"signature": signature_state(archive, f"{row['month']:%Y-%m}")}

    return (
        INDEX,
        MONTHS,
        month_page(with_signature, f"{reports}/{{month}}/usage-{{month}}.html", OWED_ON_INVOICES),
        UNBILLED,
        EXCEPTIONS,
        TENANTS,
        TENANT_PAGE,
        HOURS,
        HOUR_PAGE,
        INVOICES,
        INVOICE_PAGE,
        LINE_PAGE,
        CHANGES,
        SAMPLE,
        CUTOFF,
        RESTATEMENTS,
        SETTLEMENTS,
        SOURCES,
        CHECKED,
        evidence_page(with_signature),
    )


def signature_state(archive: Location, month: str) -> str | None:
    """What lies beside the month's pack; it is not verified here, which takes the auditor's keys (fridge verify)."""
    if not isinstance(archive, Path):
        return None
    pack = archive / FOLDER / f"{month}.zip"
    if not pack.exists():
        return "no pack in the archive"
    beside = (("a signature", signature_of(pack).exists()), ("a time stamp", stamp_of(pack).exists()))
    told = [text for text, is_there in beside if is_there]
    return f"{' and '.join(told) or 'neither signature nor time stamp'} beside it"
