"""Which tenants and hours of a month are worth showing first, so that a page of a large month stays readable."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.finance.rules.month_books import MonthBooks

#: About what a row of the tie-out takes on a page, besides the tenant's name.
ROW_CHARACTERS = 175


@dataclass(frozen=True, slots=True)
class TenantHour:
    """One tenant's hour."""

    tenant_id: str
    hour: Hour


def tenants_by_usage(books: MonthBooks) -> list[str]:
    """Every tenant of the month, the largest first: by its largest share of any meter's total."""
    ranked = (
        books.tie_out.group_by("tenant_id", "meter")
        .agg(pl.col("usage_quantity").sum())
        .with_columns((pl.col("usage_quantity") / pl.col("usage_quantity").sum().over("meter")).alias("share"))
        .group_by("tenant_id")
        .agg(pl.col("share").max())
        .sort(pl.col("share").fill_nan(0).fill_null(0), "tenant_id", descending=[True, False])
    )
    return ranked["tenant_id"].to_list()


def detailed_tenants(books: MonthBooks, tenants_max: int, characters_max: int) -> list[str]:
    """The tenants whose hours a page shows, by usage: first those with differences, then the largest.

    Never more than about ``characters_max`` characters together, and only of the ``tenants_max`` largest when they
    have no difference.
    """
    by_usage = tenants_by_usage(books)
    different = set(_different(books)["tenant_id"])
    rows: dict[str, int] = dict(books.tie_out.group_by("tenant_id").len().iter_rows())
    chosen: set[str] = set()
    left = characters_max
    order = [each for each in by_usage if each in different]
    order += [each for each in by_usage[:tenants_max] if each not in different]
    for tenant in order:
        size = rows[tenant] * (ROW_CHARACTERS + len(tenant))
        if size <= left:
            chosen.add(tenant)
            left -= size
    return [tenant for tenant in by_usage if tenant in chosen]


def notable_hours(books: MonthBooks) -> list[TenantHour]:
    """The tenant-hours that differ or were restated: those that nothing explains first, by amount.

    Then the largest of each tenant and cause, then the next of each: a tenant that waits all month hides no other.
    """
    restated = books.restatements.select(
        "tenant_id",
        "hour",
        pl.col("change").cast(pl.Float64).alias("amount"),
        pl.lit(value=True).alias("is_explained"),
        pl.lit("restated").alias("cause"),
    )
    of_one_cause = ["tenant_id", "cause", "is_explained"]
    rows = (
        pl.concat([_different(books), restated])
        .filter(pl.col("tenant_id").is_not_null() & pl.col("hour").is_not_null())
        .with_columns(pl.col("amount").abs().fill_null(0))
        .group_by("tenant_id", "hour")
        .agg(pl.all().sort_by("is_explained", "amount", descending=[False, True]).first())
        .sort("amount", "hour", "tenant_id", descending=[True, False, False])
        .with_columns(pl.int_range(pl.len()).over(of_one_cause).alias("place"))
        .with_columns(pl.when("is_explained").then("place").otherwise(0).alias("place"))
        .sort("is_explained", "place", "amount", "hour", "tenant_id", descending=[False, False, True, False, False])
    )
    return [TenantHour(tenant, Hour(hour)) for tenant, hour in rows.select("tenant_id", "hour").iter_rows()]


def _different(books: MonthBooks) -> pl.DataFrame:
    """Differences as the tie-out states them; those of its own table come with all their steps."""
    columns = ("tenant_id", "hour", "amount", "is_explained", "cause")
    own = books.tie_out.filter(pl.col("status").is_in(["explained", "unexplained"])).with_columns(
        (pl.col("status") == "explained").alias("is_explained")
    )
    return pl.concat([books.tie_out_differences.select(columns), own.select(columns)])


def usage_by_tenant(books: MonthBooks) -> pl.DataFrame:
    """One row per tenant and meter of the month: usage, and what was stated and Stripe has, tenants by usage."""
    said = books.tie_out.group_by("tenant_id", "meter").agg(
        pl.col("stated_quantity").sum().alias("stated"),
        pl.col("stated_quantity").count().alias("hours_stated"),
        pl.col("stripe_quantity").sum().alias("stripe"),
        pl.col("stripe_quantity").count().alias("hours_read"),
        pl.len().cast(pl.Int64).alias("hours_in_tie_out"),
        pl.col("status").is_in(["explained", "unexplained"]).sum().cast(pl.Int64).alias("hours_different"),
        (pl.col("status") == "unexplained").sum().cast(pl.Int64).alias("hours_unexplained"),
        (pl.col("status") == "not_read").sum().cast(pl.Int64).alias("hours_not_read"),
    )
    place = {tenant: place for place, tenant in enumerate(tenants_by_usage(books))}
    return (
        books.usage_monthly.drop("usage_month")
        .join(said, on=["tenant_id", "meter"], how="full", coalesce=True)  # Stripe may have what has no usage
        .with_columns(
            pl.when(pl.col("hours_stated") > 0).then(pl.col("stated")).alias("stated"),
            pl.when(pl.col("hours_read") > 0).then(pl.col("stripe")).alias("stripe"),
        )
        .with_columns(
            pl.col("tenant_id").replace_strict(place, default=len(place), return_dtype=pl.Int64).alias("_place")
        )
        .sort("_place", "tenant_id", "meter")
        .drop("_place", "hours_stated", "hours_read")
    )
