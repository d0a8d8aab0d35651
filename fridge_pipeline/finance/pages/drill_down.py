"""Tenant, days, hours: the part of the page that goes down to single numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from fridge_pipeline.finance.pages.cells import count, explain_command
from fridge_pipeline.finance.pages.columns import HOUR_STATES, compared_in_words
from fridge_pipeline.finance.pages.tables import HOURS
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.month_detail import TenantHour
from fridge_pipeline.finance.rules.month_summary import StepTotals

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """How some hours stand together: the status of the worst, and all of it in words with a symbol."""

    status: str
    words: str


@dataclass(frozen=True, slots=True)
class HourDetail:
    """One tenant's hour: a row per meter, the command to go on, and the anchor of its explanation, if it has one."""

    hour: datetime
    meters: list[Row]
    command: str
    anchor: str | None


@dataclass(frozen=True, slots=True)
class DayDetail:
    """One tenant's day in a line, and its hours."""

    day: date
    line: str
    standing: Standing
    hours: list[HourDetail]


@dataclass(frozen=True, slots=True)
class TenantDetail:
    """One tenant's month in a line, and its days."""

    tenant_id: str
    line: str
    standing: Standing
    days: list[DayDetail]


def drill_down(books: MonthBooks, tenants: Sequence[str], anchors: Mapping[TenantHour, str]) -> list[TenantDetail]:
    """The chosen tenants' days and hours, in the order of the tenants."""
    hours = HOURS.frame(books).filter(pl.col("tenant_id").is_in(tenants))
    keyed = {(each.tenant_id, each.hour.start): anchor for each, anchor in anchors.items()}
    by_tenant = hours.partition_by("tenant_id", as_dict=True)
    return [_tenant(tenant, by_tenant[(tenant,)], keyed) for tenant in tenants]


def _tenant(tenant: str, hours: pl.DataFrame, anchors: Mapping[tuple[str, datetime], str]) -> TenantDetail:
    days: dict[date, dict[datetime, list[Row]]] = {}
    for row in hours.iter_rows(named=True):
        days.setdefault(row["hour"].date(), {}).setdefault(row["hour"], []).append(row)
    details = [
        DayDetail(
            day,
            _line([row for rows in of_day.values() for row in rows]),
            _standing([row["status"] for rows in of_day.values() for row in rows]),
            [
                HourDetail(hour, rows, explain_command(tenant, hour), anchors.get((tenant, hour)))
                for hour, rows in of_day.items()
            ],
        )
        for day, of_day in days.items()
    ]
    line = _line(list(hours.iter_rows(named=True)))
    return TenantDetail(tenant, line, _standing(hours["status"].to_list()), details)


def _line(rows: Sequence[Row]) -> str:
    """The sum of each meter; one of whose hours nothing is known says so."""
    meters: dict[str, int | None] = {}
    for row in rows:
        before, quantity = meters.get(row["meter"]), row["usage_quantity"]
        meters[row["meter"]] = before if quantity is None else (before or 0) + quantity
    return ", ".join(f"{meter} {count(quantity)}" for meter, quantity in sorted(meters.items()))


def _standing(statuses: Sequence[str]) -> Standing:
    counted = Counter(statuses)
    different = counted["explained"] + counted["unexplained"]
    return standing(len(statuses), different, counted["unexplained"], counted["not_read"])


def standing(hours: int, different: int, unexplained: int, not_read: int) -> Standing:
    """How several hours stand together."""
    status = "unexplained" if unexplained else "explained" if different else "not_read" if not_read else "tied"
    parts = {
        "tied": ["all hours tie out"],
        "explained": ["differs, explained"],
        "unexplained": ["differs, unexplained"],
        "not_read": [],
    }[status]
    if not_read:
        parts = [*parts, compared_in_words(hours - not_read, hours)]
    return Standing(status, f"{HOUR_STATES[status][0]} {'; '.join(parts)}")


def step_standing(step: StepTotals, hours: int) -> Standing:
    """How one comparison of the tie-out stands over all hours; only the last one is with Stripe."""
    if step.step == "stripe":
        return standing(hours, step.different, step.unexplained, step.unknown)
    if step.unknown and not step.different:
        return Standing("not_read", f"{HOUR_STATES['not_read'][0]} not known for some hours")
    return standing(hours, step.different, step.unexplained, 0)
