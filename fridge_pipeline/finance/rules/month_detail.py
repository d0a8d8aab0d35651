"""Which tenants and hours of a month are worth showing first, so that a page of a large month stays readable."""

from __future__ import annotations

import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.finance.rules.month_books import MonthBooks


def notable_hours(books: MonthBooks) -> list[tuple[str, Hour]]:
    """The tenants' hours that differ, were restated, or are not what was signed.

    Those that nothing explains first, by amount; then the largest of each tenant and cause, then the next of each: a
    tenant that waits all month hides no other.
    """
    columns = ("tenant_id", "hour", "amount", "is_explained", "cause")
    own = books.totals.differing.with_columns(is_explained=pl.col("status") == "explained")
    restated = books.restatements.with_columns(
        amount=pl.col("change").cast(pl.Float64), is_explained=pl.lit(value=True), cause=pl.lit("restated")
    )
    changed = books.signed_changes.with_columns(amount=pl.col("change_in_usage"), is_explained=pl.lit(value=True))
    rows = (
        pl.concat(each.select(columns) for each in (books.tie_out_differences, own, restated, changed))
        .filter(pl.col("tenant_id").is_not_null() & pl.col("hour").is_not_null())
        .with_columns(pl.col("amount").abs().fill_null(0))
        .group_by("tenant_id", "hour")
        .agg(pl.all().sort_by("is_explained", "amount", descending=[False, True]).first())
        .sort("amount", "hour", "tenant_id", descending=[True, False, False])
        .with_columns(place=pl.int_range(pl.len()).over("tenant_id", "cause", "is_explained"))
        .with_columns(place=pl.when("is_explained").then("place").otherwise(0))
        .sort("is_explained", "place", "amount", "hour", "tenant_id", descending=[False, False, True, False, False])
    )
    return [(tenant, Hour(hour)) for tenant, hour in rows.select("tenant_id", "hour").iter_rows()]


def usage_by_tenant(books: MonthBooks) -> pl.DataFrame:
    """One row per tenant and meter of the month: usage, and what was stated and Stripe has.

    The largest tenant comes first: by its largest share of any meter's total.
    """
    said = books.totals.by_meter.select(
        "tenant_id",
        "meter",
        "stated",
        "stripe",
        hours_in_tie_out="hours",
        hours_different=pl.col("explained") + pl.col("unexplained"),
        hours_unexplained="unexplained",
        hours_not_read="not_read",
        _usage=pl.col("usage").fill_null(0),
    )
    return (
        books.usage_monthly.drop("usage_month")
        .join(said, on=["tenant_id", "meter"], how="full", coalesce=True)  # Stripe may have what has no usage
        .with_columns(_share=(pl.col("_usage") / pl.col("_usage").sum().over("meter")).fill_nan(0).fill_null(0))
        .with_columns(_share=pl.col("_share").max().over("tenant_id"))
        .sort("_share", "tenant_id", "meter", descending=[True, False, False])
        .drop("_usage", "_share")
    )
