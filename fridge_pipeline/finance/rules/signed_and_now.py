"""What a signed month comes to now, beside what was signed."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from fridge_pipeline.finance.rules.hour_totals import known_sum
from fridge_pipeline.finance.rules.month_books import MonthBooks


@dataclass(frozen=True, slots=True)
class ChangedMeter:
    """A meter of which something is not what was signed: usage, stated and Stripe's own, then and now.

    ``None`` where nothing is known; ``causes`` are the codes of why, over ``hours`` of a tenant.
    """

    meter: str
    signed_usage: float | None
    usage_now: float | None
    difference: float
    signed_stated: float | None
    stated_now: float | None
    signed_stripe: float | None
    stripe_now: float | None
    hours: int
    causes: tuple[str, ...]


def changed_meters(books: MonthBooks) -> list[ChangedMeter]:
    """Each meter of a signed month that is not what was signed, by name; empty while all is, or nothing is signed."""
    names = ("signed_usage", "usage_now", "difference", "signed_stated", "stated_now", "signed_stripe", "stripe_now")
    meters = (
        books.signed_figures.group_by("meter")
        .agg(
            *(known_sum(name).alias(name) for name in names),
            hours=pl.col("hours_changed").sum(),
            causes=pl.col("cause").drop_nulls().str.split(", ").list.explode().unique().sort(),
        )
        .filter(pl.col("causes").list.len() > 0)
        .sort("meter")
    )
    return [
        ChangedMeter(**row | {"causes": tuple(row["causes"])})
        for row in meters.select("meter", *names, "hours", "causes").iter_rows(named=True)
    ]


def shows_signed(books: MonthBooks) -> bool:
    """Whether the figures of these books are signed ones: of a closed month, unless its hours were not kept."""
    is_closed = "closed" in books.month_status["status"]
    return is_closed and not books.signed_figures["tenant_id"].has_nulls()
