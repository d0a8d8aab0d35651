"""The tables of the page: what the workbook has by the hour stands here by tenant and cause, so that it can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from fridge_pipeline.finance.pages.columns import Column, Kind, Table
from fridge_pipeline.finance.pages.tables import DATA_GAPS, METER, RESTATEMENTS, TENANT
from fridge_pipeline.finance.rules.month_books import MonthBooks

#: So many rows of a table stand on the page; the workbook has all.
ROWS_SHOWN_MAX = 300

WHEN = Column("span", "Hours (UTC)", missing="no hour")


@dataclass(frozen=True, slots=True)
class Section:
    """A table as the page shows it; ``sheet`` is where the workbook has every row, ``nothing`` what to say of none."""

    table: Table
    sheet: str
    nothing: str
    intro: str


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section with its rows; ``total`` is how many there are, shown or not."""

    section: Section
    rows: Sequence[Mapping[str, Any]]
    total: int

    @property
    def left_out(self) -> int:
        """How many rows only the workbook has."""
        return self.total - len(self.rows)


def shown(section: Section, books: MonthBooks) -> ShownSection:
    """The first rows of a section."""
    frame = section.table.frame(books)
    return ShownSection(section, frame.head(ROWS_SHOWN_MAX).to_dicts(), frame.height)


def _span() -> pl.Expr:
    """An hour, or how many there are and from when to when."""
    first, last = (each.dt.strftime("%Y-%m-%d %H:%M") for each in (pl.col("hour").min(), pl.col("hour").max()))
    hours = pl.format("{} hours, {} to {}", pl.col("hour").count(), first, last)
    return pl.when(first == last).then(first).otherwise(hours).alias("span")


def _differences(books: MonthBooks) -> pl.DataFrame:
    """The most pressing first: unexplained ones, then the largest."""
    by_size = books.tie_out_differences.sort(pl.col("amount").abs(), descending=True, nulls_last=True)
    known = pl.col("amount").count() > 0
    return (
        by_size.group_by("is_explained", "tenant_id", "meter", "step", "cause", maintain_order=True)
        .agg(_span(), pl.when(known).then(pl.col("amount").sum()).alias("amount"), pl.col("detail").first())
        .with_columns(
            pl.when("is_explained").then(pl.lit("explained")).otherwise(pl.lit("unexplained")).alias("status")
        )
        .sort("is_explained", pl.col("amount").abs(), "tenant_id", descending=[False, True, False], nulls_last=True)
    )


def _exceptions(books: MonthBooks) -> pl.DataFrame:
    by_deadline = books.exceptions_open.sort("days_left", "opened_at", nulls_last=True)
    return (
        by_deadline.group_by("kind", "tenant_id", "subject", maintain_order=True)
        .agg(_span(), pl.col("days_open").max(), pl.col("days_left").min(), pl.col("detail").first())
        .sort("days_left", "days_open", descending=[False, True], nulls_last=True)
    )


def _unmapped(books: MonthBooks) -> pl.DataFrame:
    return (
        books.unmapped_usage.group_by("tenant_id", "meter")
        .agg(_span(), pl.col("quantity").sum(), pl.col("waiting_since").min(), pl.col("days_left").min())
        .sort("days_left", "tenant_id", "meter", nulls_last=True)
    )


def _table(key: str, title: str, meaning: str, columns: tuple[Column, ...], of: Callable[..., pl.DataFrame]) -> Table:
    return Table(key, title, meaning, columns, of)


DIFFERENCES_SHOWN = Section(
    _table(
        "differences",
        "Differences and their causes",
        "One row per tenant, meter, step and cause; the amount is found minus expected, over all hours of the row",
        (
            TENANT,
            METER,
            Column("step", "Found in", Kind.STEP),
            Column("cause", "Cause", Kind.CAUSE, "unexplained"),
            Column("status", "Status", Kind.STATE),
            Column("amount", "Amount", Kind.CHANGE, "unknown"),
            WHEN,
            Column("detail", "In detail, the largest"),
        ),
        _differences,
    ),
    sheet="Differences",
    nothing="No difference in any hour.",
    intro="Every difference between two steps of the tie-out, those without explanation first.",
)
EXCEPTIONS_SHOWN = Section(
    _table(
        "exceptions",
        "Open exceptions",
        "One row per kind, tenant and subject; the most urgent first",
        (
            Column("kind", "Kind", Kind.CAUSE),
            TENANT,
            Column("subject", "About"),
            WHEN,
            Column("days_open", "Days open", Kind.NUMBER),
            Column("days_left", "Days left", Kind.NUMBER, "no deadline"),
            Column("detail", "In detail, the most urgent"),
        ),
        _exceptions,
    ),
    sheet="Exceptions",
    nothing="No exception is open.",
    intro="What a person must see. Days left are those in which Stripe still takes the usage.",
)
RESTATEMENTS_SHOWN = Section(
    replace(RESTATEMENTS, columns=tuple(each for each in RESTATEMENTS.columns if each.kind is not Kind.CODE)),
    sheet="Restatements",
    nothing="No hour was restated.",
    intro="A number that was stated to Stripe and then changed. The earlier statement stays on record.",
)
UNMAPPED_SHOWN = Section(
    _table(
        "unmapped",
        "Unmapped usage",
        "One row per tenant and meter whose usage waits for a Stripe customer; days left are those of its first hour",
        (
            TENANT,
            METER,
            Column("quantity", "Usage", Kind.COUNT),
            WHEN,
            Column("waiting_since", "Waiting since (UTC)", Kind.MOMENT),
            Column("days_left", "Days left", Kind.NUMBER, "unknown"),
        ),
        _unmapped,
    ),
    sheet="Unmapped usage",
    nothing="Every tenant with usage has a Stripe customer.",
    intro="Usage that nobody is billed for yet. It is billed once the tenant is mapped, within 35 days.",
)
DATA_GAPS_SHOWN = Section(
    DATA_GAPS,
    sheet="Data gaps",
    nothing="Every sensor that was expected to report did.",
    intro="Sensors that fell silent. What they did not report is missing; it is not a usage of zero.",
)
SECTIONS = (DIFFERENCES_SHOWN, EXCEPTIONS_SHOWN, RESTATEMENTS_SHOWN, UNMAPPED_SHOWN, DATA_GAPS_SHOWN)
