"""The month's page: one HTML file that works from anywhere, asks the network for nothing and needs no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.finance.pages import cells, columns
from fridge_pipeline.finance.pages.cells import GAP_HEIGHT_LARGE, HEIGHT, Plot, daily_plot
from fridge_pipeline.finance.pages.columns import compared_in_words, verdict_in_words
from fridge_pipeline.finance.pages.drill_down import Standing, drill_down, standing, step_standing
from fridge_pipeline.finance.pages.page_tables import SECTIONS, shown
from fridge_pipeline.finance.rules.explanation import Explanation, explanation_text
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.month_detail import TenantHour, detailed_tenants, notable_hours, usage_by_tenant
from fridge_pipeline.finance.rules.month_summary import MonthSummary, summarize
from fridge_pipeline.reason_codes import cause_in_words

#: What the page holds at most, so that it stays below 10 MB; it says what it leaves out, and the workbook has all.
TENANTS_SHOWN_MAX = 500
DETAILED_TENANTS_MAX = 50
DETAILED_CHARACTERS_MAX = 5_500_000
EXPLANATION_CHARACTERS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """A line of the usage table: one tenant and meter."""

    row: Mapping[str, Any]
    plot: Plot
    standing: Standing


@dataclass(frozen=True, slots=True)
class TenantUsage:
    """A tenant's lines of the usage table."""

    tenant_id: str
    meters: list[MeterUsage]


@dataclass(frozen=True, slots=True)
class MeterPlot:
    """A meter's month by day, all tenants together."""

    meter: str
    plot: Plot
    by_day: list[tuple[date, int | None]]


@dataclass(frozen=True, slots=True)
class ExplainedHour:
    """The explanation of an hour that differs or was restated, as text."""

    anchor: str
    tenant_id: str
    hour: datetime
    text: str
    command: str


def render_page(books: MonthBooks, explanations: Sequence[Explanation], made_at: datetime) -> str:
    """The page of a month. ``explanations`` are of the hours that differ or were restated, as many as are wanted."""
    loader = PackageLoader("fridge_pipeline.finance.pages")
    environment = Environment(
        loader=loader,
        autoescape=True,  # for every template: what the books say is text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (
        cells.count,
        cells.change,
        cells.share,
        cells.moment,
        cells.day,
        cells.cell,
        cells.cell_class,
        cause_in_words,
        step_standing,
    ):
        environment.globals[function.__name__] = function
    environment.globals["words"] = columns
    style, script = (_source(loader, environment, name) for name in ("page.css", "page.js"))
    text: str = environment.get_template("page.html.j2").render(
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        made_at=made_at.astimezone(UTC),
        **_content(books, explanations),
    )
    return text


def _content(books: MonthBooks, explanations: Sequence[Explanation]) -> dict[str, Any]:
    """Everything the page says, bounded."""
    summary = summarize(books)
    tenants = detailed_tenants(books, DETAILED_TENANTS_MAX, DETAILED_CHARACTERS_MAX)
    explained = [_explained(number, each) for number, each in enumerate(explanations, start=1)]
    anchors = {TenantHour(each.tenant_id, Hour(each.hour)): each.anchor for each in explained}
    usage, tenants_left_out = _usage(books)
    sections = [shown(section, books) for section in SECTIONS]
    return {
        "month": books.month,
        "is_empty": books.is_empty,
        "workbook": f"usage-{books.month.key}.xlsx",
        "summary": summary,
        "meter_standings": _meter_standings(summary),
        "verdict": verdict_in_words(summary),
        "comparison": compared_in_words(*summary.compared),
        "meter_plots": _meter_plots(books),
        "plot_height": HEIGHT,
        "usage": usage,
        "tenants_left_out": tenants_left_out,
        "tenant_places": {tenant: place for place, tenant in enumerate(tenants, start=1)},
        "sections": [each for each in sections if each.total or not books.is_empty],
        "tenants": drill_down(books, tenants, anchors),
        "explained": explained,
        "explanations_left_out": max(len(notable_hours(books)) - len(explained), 0),
    }


def _usage(books: MonthBooks) -> tuple[list[TenantUsage], int]:
    """The usage table of the largest tenants, and how many tenants it leaves out."""
    table = usage_by_tenant(books)
    tenants = table["tenant_id"].unique(maintain_order=True)
    kept = table.filter(pl.col("tenant_id").is_in(tenants.head(TENANTS_SHOWN_MAX).implode()))
    days = _days(books)
    by_day: dict[tuple[str, str], dict[date, int]] = {}
    for tenant, meter, usage_date, quantity in books.usage_daily.select(
        "tenant_id", "meter", "usage_date", "quantity"
    ).iter_rows():
        by_day.setdefault((tenant, meter), {})[usage_date] = quantity
    lines: dict[str, list[MeterUsage]] = {}
    for row in kept.iter_rows(named=True):
        tenant, meter = row["tenant_id"], row["meter"]
        plot = daily_plot(f"{meter} of {tenant}", by_day.get((tenant, meter), {}), days)
        names = ("hours_in_tie_out", "hours_different", "hours_unexplained", "hours_not_read")
        stands = standing(*(row[name] or 0 for name in names))
        lines.setdefault(tenant, []).append(MeterUsage(row, plot, stands))
    return [TenantUsage(*each) for each in lines.items()], max(len(tenants) - TENANTS_SHOWN_MAX, 0)


def _meter_plots(books: MonthBooks) -> list[MeterPlot]:
    totals = books.usage_daily.group_by("meter", "usage_date").agg(pl.col("quantity").sum()).sort("meter", "usage_date")
    days = _days(books)
    plots = []
    for (meter,), rows in totals.group_by("meter", maintain_order=True):
        by_day = dict(rows.select("usage_date", "quantity").iter_rows())
        plot = daily_plot(f"{meter} of all tenants", by_day, days, GAP_HEIGHT_LARGE)
        plots.append(MeterPlot(str(meter), plot, [(each, by_day.get(each)) for each in days]))
    return plots


def _days(books: MonthBooks) -> list[date]:
    hours = books.month.hours
    return DayRange(hours.first.start.date(), hours.last.start.date()).days()


def _meter_standings(summary: MonthSummary) -> dict[str, Standing]:
    return {
        meter.meter: standing(meter.hours, meter.explained + meter.unexplained, meter.unexplained, meter.not_read)
        for meter in summary.meters
    }


def _explained(number: int, explanation: Explanation) -> ExplainedHour:
    text = explanation_text(explanation)
    hour = Hour.from_key(explanation.hour).start
    command = cells.explain_command(explanation.tenant_id, hour)
    if len(text) > EXPLANATION_CHARACTERS_MAX:
        text = f"{text[:EXPLANATION_CHARACTERS_MAX]} …\n\nThe rest is left out here: {command}"
    return ExplainedHour(f"why-{number}", explanation.tenant_id, hour, text, command)


def _source(loader: PackageLoader, environment: Environment, name: str) -> str:
    """A file beside the templates, as it is."""
    return loader.get_source(environment, name)[0]


def _hash(source: str) -> str:
    """What the page's own security policy lets run: exactly this text."""
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
