"""What people have decided about a month, its landing files, and earlier months that came as late as it did."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import polars as pl

from fridge_pipeline.finance.rules.month_books import MonthBooks
from tests.finance.report.books import MADE_AT, METERS, MONTH, hour_of, rows

EARLIER = [date(2025, month, 1) for month in range(8, 13)]
REOPENED_FOR = "a gateway delivered its week again"


def with_decisions(books: MonthBooks) -> MonthBooks:
    """Reopened once; a release; a withdrawn file; and five closed months, a quarter of each of which came late."""
    return replace(
        books,
        stg_month_signoffs=_signoffs(),
        stg_releases=rows(
            "stg_releases",
            {"release_id": 1, "tenant_id": "tenant-12", "hour": hour_of(9, 4), "quantity": 2310, "released_by": "grace",
             "released_at": hour_of(9, 9), "reason": "a new cold store"},
        ),
        stg_landing_files=rows("stg_landing_files", _file(1, 3, "loaded"), _file(2, 0, "damaged"), _file(3, 0, "loaded")
                               | {"is_withdrawn": True, "withdrawn_by": "ada", "withdrawn_at": hour_of(8, 12),
                                  "withdrawal_reason": "readings of the test bench"}),
        usage_by_service_month=pl.concat([books.usage_by_service_month, _earlier()]),
    )  # fmt: skip


def _signoffs() -> pl.DataFrame:
    acts: list[tuple[date, str, str, datetime, str | None]] = []
    for month in EARLIER:
        at = MADE_AT - timedelta(days=40)
        acts += [(month, "prepare", "ada", at, None), (month, "approve", "grace", at, None)]
    acts += [
        (MONTH.first_day, "prepare", "ada", MADE_AT - timedelta(hours=9), None),
        (MONTH.first_day, "approve", "grace", MADE_AT - timedelta(hours=8), None),
        (MONTH.first_day, "reopen", "grace", MADE_AT - timedelta(hours=7), REOPENED_FOR),
    ]
    names = ("usage_month", "action", "signed_by", "signed_at", "reason")
    return rows(
        "stg_month_signoffs",
        *(
            {"signoff_id": number, "os_host": "books-1", **dict(zip(names, act, strict=True))}
            for number, act in enumerate(acts, start=1)
        ),
    )  # fmt: skip


def _file(number: int, rejected: int, status: str) -> dict[str, object]:
    return {"file_id": number, "path": f"2026-01-08/04/gateway-{number}.csv", "hour": hour_of(8, 4), "status": status,
            "row_count": 100 + rejected, "inserted_count": 90, "duplicate_count": 10, "rejected_count": rejected,
            "is_withdrawn": False, "loaded_at": hour_of(8, 5), "content_hash": f"{number}" * 64,
            "run_id": "run-1"}  # fmt: skip


def _earlier() -> pl.DataFrame:
    """Of every 400 recorded in a month, 300 arrive in it and 100 one month later."""
    cells = [(month, month, 300) for month in EARLIER]
    cells += [(billed, recorded, 100) for recorded, billed in pairwise(EARLIER)]
    return rows(
        "usage_by_service_month",
        *(
            {"tenant_id": "tenant-00", "meter": METERS[0], "month_billed": billed, "month_recorded": recorded,
             "quantity": quantity}
            for billed, recorded, quantity in cells
        ),
    )  # fmt: skip
