"""A month in a few numbers: control totals, and whether they tie out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl

from fridge_pipeline.finance.rules.month_books import MonthBooks

#: The tie-out, from the landing files to Stripe's own books, in this order.
STEPS = ("files", "usage", "ledger", "stripe")

#: Whether Stripe's own books of an hour were read since it was last stated.
IS_COMPARED = pl.col("stripe_quantity").is_not_null() & (pl.col("status") != "not_read")


class Verdict(StrEnum):
    """Whether a month ties out; the most pressing first."""

    UNEXPLAINED = "unexplained"  # a difference that nothing explains: the month cannot be closed
    NOT_COMPARED = "not_compared"  # with Stripe's books: of no hour does anybody know whether they agree
    PARTLY_COMPARED = "partly_compared"  # of some hours nobody knows it yet
    EXPLAINED = "explained"  # differences with a cause, or open exceptions
    TIES_OUT = "ties_out"
    NO_DATA = "no_data"  # the books hold nothing of the month, which is not a usage of zero


@dataclass(frozen=True, slots=True)
class Signatures:
    """How far a month is signed: open, prepared or closed, and by whom."""

    status: str = "open"
    prepared_by: str | None = None
    approved_by: str | None = None
    signed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileTotals:
    """Rows of the month's landing files by what became of them; ``None`` where no hour has it on record."""

    file_rows: int | None
    inserted: int | None
    duplicates: int | None
    rejected: int | None
    tenant_hours: int
    tenant_hours_not_recorded: int

    @property
    def difference(self) -> int | None:
        """Rows that became none of the three; ``None`` when nothing is on record."""
        if self.file_rows is None:
            return None
        return self.file_rows - (self.inserted or 0) - (self.duplicates or 0) - (self.rejected or 0)


@dataclass(frozen=True, slots=True)
class MeterTotals:
    """One meter's month from the readings to Stripe's own books; ``None`` where there is nothing on record."""

    meter: str
    derived: int | None
    usage: int | None
    stated: int | None
    stripe: float | None
    hours: int
    compared: int
    tied: int
    explained: int
    unexplained: int
    not_read: int
    amount_explained: float | None
    amount_unexplained: float | None


@dataclass(frozen=True, slots=True)
class StepTotals:
    """One step of the tie-out: how many tenant-meter-hours differ in it, and of how many nobody knows."""

    step: str
    different: int
    unexplained: int
    unknown: int


@dataclass(frozen=True, slots=True)
class MonthSummary:
    """What stands at the head of a month's report."""

    verdict: Verdict
    signatures: Signatures
    files: FileTotals
    meters: tuple[MeterTotals, ...]
    steps: tuple[StepTotals, ...]
    tenants: int
    exceptions: int
    restatements: int

    def hours(self, status: str) -> int:
        """How many hours, of all tenants and meters, have a tie-out status."""
        return sum(int(getattr(meter, status)) for meter in self.meters)

    @property
    def compared(self) -> tuple[int, int]:
        """How many of how many hours, of all tenants and meters, were compared with Stripe's own books."""
        return sum(meter.compared for meter in self.meters), sum(meter.hours for meter in self.meters)


def summarize(books: MonthBooks) -> MonthSummary:
    """The control totals of a month and what they say."""
    meters = tuple(_meter_totals(books.tie_out))
    return MonthSummary(
        verdict=_verdict(books),
        signatures=_signatures(books.month_status),
        files=_file_totals(file_rows_by_day(books.tie_out), books.tie_out),
        meters=meters,
        steps=tuple(_step_totals(books)),
        tenants=pl.concat([books.tie_out["tenant_id"], books.usage_monthly["tenant_id"]]).n_unique(),
        exceptions=books.exceptions_open.height,
        restatements=books.restatements.height,
    )


def file_rows_by_day(tie_out: pl.DataFrame) -> pl.DataFrame:
    """Rows in files per tenant and day. The tie-out repeats them on each meter's row of an hour: here once."""
    once = tie_out.unique(["tenant_id", "hour"], keep="first")
    parts = ("file_rows", "inserted", "duplicates", "rejected")
    return (
        once.group_by("tenant_id", pl.col("hour").dt.date().alias("usage_date"))
        .agg(
            *(known_sum(part) for part in parts),
            pl.len().cast(pl.Int64).alias("hours"),
            pl.col("file_rows").null_count().cast(pl.Int64).alias("hours_not_recorded"),
        )
        .sort("tenant_id", "usage_date")
    )


def known_sum(column: str) -> pl.Expr:
    """The sum of what is known, and nothing when nothing is: polars alone says 0."""
    return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum())


def _file_totals(by_day: pl.DataFrame, tie_out: pl.DataFrame) -> FileTotals:
    parts = ("file_rows", "inserted", "duplicates", "rejected")
    totals = by_day.select(known_sum(part) for part in parts).row(0, named=True)
    return FileTotals(
        **totals,
        tenant_hours=tie_out.select("tenant_id", "hour").n_unique(),
        tenant_hours_not_recorded=int(by_day["hours_not_recorded"].sum()),
    )


def _meter_totals(tie_out: pl.DataFrame) -> list[MeterTotals]:
    def hours(status: str) -> pl.Expr:
        return (pl.col("status") == status).sum().cast(pl.Int64).alias(status)

    def amount(status: str) -> pl.Expr:
        of_status = pl.col("amount").filter(pl.col("status") == status)
        return pl.when(of_status.count() > 0).then(of_status.sum()).alias(f"amount_{status}")

    rows = tie_out.group_by("meter").agg(
        known_sum("derived_quantity").alias("derived"),
        known_sum("usage_quantity").alias("usage"),
        known_sum("stated_quantity").alias("stated"),
        known_sum("stripe_quantity").alias("stripe"),
        pl.len().cast(pl.Int64).alias("hours"),
        IS_COMPARED.sum().cast(pl.Int64).alias("compared"),
        *(hours(status) for status in ("tied", "explained", "unexplained", "not_read")),
        *(amount(status) for status in ("explained", "unexplained")),
    )
    return [MeterTotals(**row) for row in rows.sort("meter").iter_rows(named=True)]


def _step_totals(books: MonthBooks) -> list[StepTotals]:
    totals = []
    for step in STEPS:
        hours = books.tie_out_differences.filter(pl.col("step") == step)
        unexplained = hours.filter(~pl.col("is_explained")).height
        unknown = books.tie_out[f"difference_in_{step}"].null_count()
        totals.append(StepTotals(step, hours.height, unexplained, unknown))
    return totals


def _verdict(books: MonthBooks) -> Verdict:
    if books.is_empty:
        return Verdict.NO_DATA
    statuses = set(books.tie_out["status"].unique())
    if "unexplained" in statuses or not books.tie_out_differences.filter(~pl.col("is_explained")).is_empty():
        return Verdict.UNEXPLAINED
    if not books.tie_out.select(IS_COMPARED.any()).item():
        return Verdict.NOT_COMPARED
    if "not_read" in statuses:
        return Verdict.PARTLY_COMPARED
    if statuses - {"tied"} or not (books.exceptions_open.is_empty() and books.unmapped_usage.is_empty()):
        return Verdict.EXPLAINED
    return Verdict.TIES_OUT


def _signatures(month_status: pl.DataFrame) -> Signatures:
    if month_status.is_empty():
        return Signatures()
    newest = month_status.select("status", "prepared_by", "approved_by", "signed_at").row(0, named=True)
    return Signatures(**newest)
