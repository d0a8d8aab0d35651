"""A month in a few numbers: control totals, and whether they tie out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from fridge_pipeline.finance.rules.hour_totals import AMOUNTS, FILE_ROWS, HOURS, QUANTITIES, STEPS, known_sum
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.outcomes import MeterOutcome, invoices_in_words, outcomes_by_meter

#: One row of figures by their names; one of which nothing is on record is ``None``.
Row = Mapping[str, Any]

NOT_SIGNED: Row = {"status": "open", "prepared_by": None, "approved_by": None, "signed_at": None}


class Verdict(StrEnum):
    """Whether a month ties out; the most pressing first."""

    UNEXPLAINED = "unexplained"  # a difference that nothing explains: the month cannot be closed
    NOT_COMPARED = "not_compared"  # with Stripe's books: of no hour does anybody know whether they agree
    PARTLY_COMPARED = "partly_compared"  # of some hours nobody knows it yet
    EXPLAINED = "explained"  # differences with a cause, or open exceptions
    TIES_OUT = "ties_out"
    NO_DATA = "no_data"  # the books hold nothing of the month, which is not a usage of zero


@dataclass(frozen=True, slots=True)
class MonthSummary:
    """What stands at the head of a month's report.

    ``signatures``: ``status`` open, prepared or closed, and by whom. ``files``: the sums of ``FILE_ROWS``,
    ``difference``, the rows that became none of the three, ``tenant_hours`` and ``tenant_hours_not_recorded``.
    ``meters``: a row each from the readings to Stripe's own sums. ``steps``: for each step of the tie-out, how many
    hours of a tenant and meter are ``different``, how many of these ``unexplained``, and of how many it is ``unknown``.
    ``outcomes``: meter → what was billed of its usage, can be recovered, and is lost.
    ``invoices``: meter → what is wrong on its invoices, in words.
    """

    verdict: Verdict
    signatures: Row
    files: Row
    meters: tuple[Row, ...]
    steps: tuple[Row, ...]
    tenants: int
    exceptions: int
    restatements: int
    outcomes: Mapping[str, MeterOutcome]
    invoices: Mapping[str, str]

    def hours(self, status: str) -> int:
        """How many hours, of all tenants and meters, have a tie-out status."""
        return sum(int(meter[status]) for meter in self.meters)

    @property
    def compared(self) -> tuple[int, int]:
        """How many of how many hours, of all tenants and meters, were compared with Stripe's own sums."""
        return self.hours("compared"), self.hours("hours")


def summarize(books: MonthBooks) -> MonthSummary:
    """The control totals of a month and what they say."""
    return MonthSummary(
        verdict=_verdict(books),
        signatures=next(books.month_status.iter_rows(named=True), NOT_SIGNED),
        files=_file_totals(books.totals.file_rows),
        meters=tuple(_meter_totals(books.totals.by_meter).iter_rows(named=True)),
        steps=tuple(_step_totals(books, step) for step in STEPS),
        tenants=pl.concat([books.totals.by_meter["tenant_id"], books.usage_monthly["tenant_id"]]).n_unique(),
        exceptions=books.exceptions_open.height,
        restatements=books.restatements.height,
        outcomes=outcomes_by_meter(books.month_outcome.iter_rows(named=True)),
        invoices=invoices_in_words(books.exceptions_open.iter_rows(named=True)),
    )


def _file_totals(by_day: pl.DataFrame) -> Row:
    totals = by_day.select(known_sum(part).alias(part) for part in FILE_ROWS).row(0, named=True)
    rows, *outcomes = (totals[part] for part in FILE_ROWS)
    return totals | {
        "difference": None if rows is None else rows - sum(each or 0 for each in outcomes),
        "tenant_hours": int(by_day["hours"].sum()),
        "tenant_hours_not_recorded": int(by_day["hours_not_recorded"].sum()),
    }


def _meter_totals(by_meter: pl.DataFrame) -> pl.DataFrame:
    known = (known_sum(name).alias(name) for name in (*QUANTITIES, *AMOUNTS))
    return by_meter.group_by("meter").agg(*known, *(pl.col(name).sum() for name in HOURS)).sort("meter")


def _step_totals(books: MonthBooks, step: str) -> Row:
    different = books.tie_out_differences.filter(pl.col("step") == step)
    return {
        "step": step,
        "different": different.height,
        "unexplained": different.filter(~pl.col("is_explained")).height,
        "unknown": int(books.totals.by_meter[f"unknown_{step}"].sum()),
    }


def _verdict(books: MonthBooks) -> Verdict:
    if books.is_empty:
        return Verdict.NO_DATA
    hours = {name: int(books.totals.by_meter[name].sum()) for name in HOURS}
    if hours["unexplained"] or not books.tie_out_differences.filter(~pl.col("is_explained")).is_empty():
        return Verdict.UNEXPLAINED
    if not hours["compared"]:
        return Verdict.NOT_COMPARED
    if hours["not_read"]:
        return Verdict.PARTLY_COMPARED
    is_open = not (books.exceptions_open.is_empty() and books.unmapped_usage.is_empty())
    return Verdict.EXPLAINED if is_open or hours["tied"] < hours["hours"] else Verdict.TIES_OUT
