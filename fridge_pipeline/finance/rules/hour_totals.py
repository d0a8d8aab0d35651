"""What the hours of a month come to, read portion by portion: by tenant and meter, and by tenant and day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

#: Whether Stripe's own sums of an hour were read since it was last stated.
IS_COMPARED = pl.col("stripe_quantity").is_not_null() & (pl.col("status") != "not_read")

#: The hours that are not as they were counted, with a cause or without.
DIFFERS = pl.col("status").is_in(["explained", "unexplained"])

#: The tie-out, from the landing files to Stripe's own sums, in this order.
STEPS = ("files", "usage", "ledger", "stripe")

#: What became of the rows of landing files.
FILE_ROWS = ("file_rows", "inserted", "duplicates", "rejected")

#: The sums of an hour's quantities, and of what differs; nothing where nothing is on record.
QUANTITIES = ("derived", "usage", "stated", "stripe")
AMOUNTS = ("amount_explained", "amount_unexplained")

#: How many hours there are, of which status, how many were compared, and in which step something is not known.
HOURS = ("hours", "tied", "explained", "unexplained", "not_read", "compared", *(f"unknown_{step}" for step in STEPS))


@dataclass(frozen=True, slots=True)
class HourTotals:
    """``by_meter``: a row per tenant and meter, with ``QUANTITIES``, ``AMOUNTS`` and ``HOURS``.

    ``file_rows``: a row per tenant and day. ``differing``: the hours that are not as they were counted. ``rows``: how
    many rows each mart has.
    """

    by_meter: pl.DataFrame
    file_rows: pl.DataFrame
    differing: pl.DataFrame
    rows: Mapping[str, int]

    @classmethod
    def of(cls, portions: Iterable[tuple[pl.DataFrame, int, int]]) -> HourTotals:
        """Of portions of whole tenants: tie-out, rows of hourly usage, rows of the ledger."""
        found = [
            (_by_meter(tie_out), _file_rows_by_day(tie_out), _differing(tie_out), tie_out.height, usage, ledger)
            for tie_out, usage, ledger in portions
        ]
        by_meter, file_rows, differing, *rows = zip(*found, strict=True)
        counted = zip(("tie_out", "usage_hourly", "billing_ledger"), map(sum, rows), strict=True)
        return cls(pl.concat(by_meter), pl.concat(file_rows), pl.concat(differing), dict(counted))


def known_sum(column: str) -> pl.Expr:
    """The sum of what is known, and nothing when nothing is: polars alone says 0."""
    return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum())


def _by_meter(tie_out: pl.DataFrame) -> pl.DataFrame:
    def amount(status: str) -> pl.Expr:
        of_status = pl.col("amount").filter(pl.col("status") == status)
        return pl.when(of_status.count() > 0).then(of_status.sum()).alias(f"amount_{status}")

    hours = {each: pl.col("status") == each for each in ("tied", "explained", "unexplained", "not_read")}
    hours["compared"] = IS_COMPARED
    return (
        tie_out.group_by("tenant_id", "meter")
        .agg(
            *(known_sum(f"{each}_quantity").alias(each) for each in QUANTITIES),
            pl.len().cast(pl.Int64).alias("hours"),
            *(condition.sum().cast(pl.Int64).alias(name) for name, condition in hours.items()),
            *(amount(status) for status in ("explained", "unexplained")),
            *(pl.col(f"difference_in_{step}").null_count().cast(pl.Int64).alias(f"unknown_{step}") for step in STEPS),
        )
        .sort("tenant_id", "meter")
    )


def _file_rows_by_day(tie_out: pl.DataFrame) -> pl.DataFrame:
    """Rows in files per tenant and day. The tie-out repeats them on each meter's row of an hour: here once."""
    return (
        tie_out.unique(["tenant_id", "hour"], keep="first")
        .group_by("tenant_id", pl.col("hour").dt.date().alias("usage_date"))
        .agg(
            *(known_sum(part).alias(part) for part in FILE_ROWS),
            hours=pl.len().cast(pl.Int64),
            hours_not_recorded=pl.col("file_rows").null_count().cast(pl.Int64),
        )
        .sort("tenant_id", "usage_date")
    )


def _differing(tie_out: pl.DataFrame) -> pl.DataFrame:
    return tie_out.filter(DIFFERS).select("tenant_id", "hour", "amount", "status", "cause")
