"""Tables of what people decided about a month, of its landing files, and of the months its usage was recorded in."""

from __future__ import annotations

import polars as pl

from fridge_pipeline.finance.pages.columns import Section, Table
from fridge_pipeline.finance.rules.month_books import MonthBooks


def _files(books: MonthBooks) -> pl.DataFrame:
    return books.stg_landing_files.rename(
        {
            "row_count": "file_rows",
            "inserted_count": "inserted",
            "duplicate_count": "duplicates",
            "rejected_count": "rejected",
            "status": "file_status",
        }
    ).sort("hour", "path", "file_id")


SIGNATURES = Table(
    "Signatures",
    "One row per signature about the month, reopenings too, in their order",
    "signoff_id signed_at action signed_by os_host why",
    lambda books: (
        books.stg_month_signoffs.filter(pl.col("usage_month") == books.month.first_day)
        .rename({"reason": "why"})
        .sort("signoff_id")
    ),
)
RELEASES = Table(
    "Releases",
    "One row per decision that usage held for review is right and is billed",
    "tenant_id hour released_meter quantity released_by released_at reason",
    lambda books: books.stg_releases.rename({"meter": "released_meter"}).sort("released_at", "release_id"),
)
WITHDRAWALS = Table(
    "Withdrawals",
    "One row per landing file of the month that was taken out of usage; the month's sums are without it",
    "path hour inserted withdrawn_by withdrawn_at reason",
    lambda books: (
        _files(books).filter("is_withdrawn").rename({"withdrawal_reason": "reason"}).sort("withdrawn_at", "file_id")
    ),
    "inserted",
)
FILES = Table(
    "Files",
    "One row per content of a landing file of the month; a file that was changed has several",
    "path hour file_status file_rows inserted duplicates rejected is_withdrawn loaded_at content_hash run_id",
    _files,
    "file_rows inserted duplicates rejected",
)
SERVICE_MONTHS = Table(
    "Months recorded",
    "One row per tenant, meter, month billed and month recorded; the other months are there for comparison",
    "tenant_id meter month_billed month_recorded quantity",
    lambda books: books.usage_by_service_month.sort(
        "month_billed", "tenant_id", "meter", "month_recorded", descending=[True, False, False, False], nulls_last=True
    ),
    "quantity",
)

SIGNATURES_SECTION = Section(
    SIGNATURES,
    SIGNATURES,
    "Who signed what about this month, and why it was reopened.",
    "Nobody has signed anything about this month.",
)
