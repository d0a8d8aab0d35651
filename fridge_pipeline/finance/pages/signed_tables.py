"""The tables of what has changed since a month was signed, and a changed meter in words."""

from __future__ import annotations

import polars as pl

from fridge_pipeline.finance.pages.cells import change, count
from fridge_pipeline.finance.pages.columns import Section, Table
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.signed_and_now import ChangedMeter
from fridge_pipeline.reason_codes import cause_in_words

_FIGURES = "signed_usage usage_now change_in_usage signed_stated stated_now signed_stripe stripe_now"


def _by_hour(books: MonthBooks) -> pl.DataFrame:
    return books.signed_changes.sort(
        pl.col("change_in_usage").abs(), "hour", "tenant_id", descending=[True, False, False]
    )


def _by_tenant(books: MonthBooks) -> pl.DataFrame:
    return (
        books.signed_figures.filter(pl.col("cause").is_not_null())
        .rename({"difference": "change_in_usage"})
        .sort(pl.col("change_in_usage").abs(), "tenant_id", "meter", descending=[True, False, False])
    )


SIGNED_AND_NOW = Table(
    "Signed and now",
    "One row per tenant, meter and hour that is not what was signed. The other sheets show a closed month as signed",
    f"tenant_id meter hour {_FIGURES} cause detail",
    _by_hour,
    _FIGURES,
)
CHANGED_SINCE_SIGNED = Section(
    Table(
        "Changed since it was signed",
        "One row per tenant and meter that is not what was signed",
        f"tenant_id meter {_FIGURES} hours_changed causes",
        lambda books: _by_tenant(books).rename({"cause": "causes"}),
    ),
    SIGNED_AND_NOW,
    "What is another number now than the one that was signed. All other tables of a closed month show the signed one.",
    "No figure that was signed is another now.",
)


def changed_in_words(meter: ChangedMeter) -> str:
    """A meter, signed and now, in a sentence."""
    said = f"{meter.meter}: signed {count(meter.signed_usage)}, now {count(meter.usage_now)}"
    said += f" ({change(meter.difference)})" if meter.difference else ""
    for name, signed, now in (
        ("stated to Stripe", meter.signed_stated, meter.stated_now),
        ("Stripe's own", meter.signed_stripe, meter.stripe_now),
    ):
        if signed != now:
            said += f"; {name}: signed {count(signed, 'not read')}, now {count(now, 'not read')}"
    return f"{said}; {', '.join(map(cause_in_words, meter.causes))}"
