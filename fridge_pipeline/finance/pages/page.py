"""The month's page: one HTML file that works from anywhere, asks the network for nothing and needs no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from jinja2 import PackageLoader

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.finance.pages import cells, cut_off_grids, words
from fridge_pipeline.finance.pages.cells import GAP_HEIGHT_LARGE, HEIGHT, daily_plot
from fridge_pipeline.finance.pages.explanation import PAGES, Explanation, explanation_text, templates_of
from fridge_pipeline.finance.pages.signed_tables import changed_in_words
from fridge_pipeline.finance.pages.tables import SECTIONS
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.month_detail import notable_hours, usage_by_tenant
from fridge_pipeline.finance.rules.month_summary import summarize
from fridge_pipeline.finance.rules.signed_and_now import changed_meters, shows_signed
from fridge_pipeline.finance.rules.stamp import Stamp

#: What the page holds at most, so that it stays below 10 MB; it says what it leaves out, and the workbook has all.
TENANTS_SHOWN_MAX = 500
ROWS_SHOWN_MAX = 300
EXPLANATION_CHARACTERS_MAX = 20_000


def render_page(
    books: MonthBooks, explanations: Sequence[Explanation], made_at: datetime, stamp: Stamp | None = None
) -> str:
    """The page of a month, with its ``stamp`` on top and on every printed page.

    ``explanations`` are of the hours that differ or were restated, as many as are wanted.
    """
    environment = templates_of(PAGES)
    functions = (cells.count, cells.change, cells.share, cells.moment, cells.day, cells.cell, cells.cell_class)
    environment.globals |= {function.__name__: function for function in functions} | {"words": words}
    style, script = (PackageLoader(PAGES).get_source(environment, name)[0] for name in ("page.css", "page.js"))
    style += _printed(stamp.line) if stamp is not None else ""
    text: str = environment.get_template("page.html.j2").render(
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        made_at=made_at.astimezone(UTC),
        stamp=stamp,
        **_content(books, explanations),
    )
    return text


def _content(books: MonthBooks, explanations: Sequence[Explanation]) -> dict[str, Any]:
    """Everything the page says, bounded."""
    usage = _usage(books)
    sections = [(section, section.table.frame(books)) for section in SECTIONS]
    return {
        "month": books.month,
        "is_empty": books.is_empty,
        "workbook": f"usage-{books.month.key}.xlsx",
        "summary": summarize(books),
        "shows_signed": shows_signed(books),
        "changed": [changed_in_words(meter) for meter in changed_meters(books)],
        "meter_plots": _meter_plots(books),
        "plot_height": HEIGHT,
        "usage": usage[:TENANTS_SHOWN_MAX],
        "tenants_left_out": max(len(usage) - TENANTS_SHOWN_MAX, 0),
        "cut_off": {
            "title": cut_off_grids.TITLE,
            "intro": cut_off_grids.INTRO,
            "meters": cut_off_grids.shown_cut_offs(books),
        },
        "sections": [
            {"section": section, "rows": frame.head(ROWS_SHOWN_MAX).to_dicts(), "total": frame.height}
            for section, frame in sections
            if frame.height or not books.is_empty
        ],
        "explained": [_explained(each) for each in explanations],
        "explanations_left_out": max(len(notable_hours(books)) - len(explanations), 0),
    }


def _usage(books: MonthBooks) -> list[tuple[str, list[dict[str, Any]]]]:
    """Each tenant with a row per meter, and in it the ``plot`` of its days and its ``standing``; the largest first."""
    days = _days(books)
    by_day: dict[tuple[str, str], dict[date, int]] = {}
    columns = ("tenant_id", "meter", "usage_date", "quantity")
    for tenant, meter, usage_date, quantity in books.usage_daily.select(columns).iter_rows():
        by_day.setdefault((tenant, meter), {})[usage_date] = quantity
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in usage_by_tenant(books).iter_rows(named=True):
        tenant, meter = row["tenant_id"], row["meter"]
        plot = daily_plot(f"{meter} of {tenant}", by_day.get((tenant, meter), {}), days)
        hours = (row[f"hours_{name}"] or 0 for name in ("in_tie_out", "different", "unexplained", "not_read"))
        lines.setdefault(tenant, []).append(row | {"plot": plot, "standing": words.standing(*hours)})
    return list(lines.items())


def _meter_plots(books: MonthBooks) -> list[dict[str, Any]]:
    """Each meter's month by day, all tenants together."""
    totals = books.usage_daily.group_by("meter", "usage_date").agg(pl.col("quantity").sum()).sort("meter", "usage_date")
    days, plots = _days(books), []
    for (meter,), rows in totals.group_by("meter", maintain_order=True):
        by_day = dict(rows.select("usage_date", "quantity").iter_rows())
        plot = daily_plot(f"{meter} of all tenants", by_day, days, GAP_HEIGHT_LARGE)
        plots.append({"meter": meter, "plot": plot, "by_day": [(each, by_day.get(each)) for each in days]})
    return plots


def _days(books: MonthBooks) -> list[date]:
    hours = books.month.hours
    return DayRange(hours.first.start.date(), hours.last.start.date()).days()


def _explained(explanation: Explanation) -> dict[str, Any]:
    """The explanation of an hour that differs or was restated, as text."""
    text, hour = explanation_text(explanation), Hour.from_key(explanation.hour).start
    command = cells.explain_command(explanation.tenant_id, hour)
    if len(text) > EXPLANATION_CHARACTERS_MAX:
        text = f"{text[:EXPLANATION_CHARACTERS_MAX]} …\n\nThe rest is left out here: {command}"
    return {"tenant_id": explanation.tenant_id, "hour": hour, "text": text, "command": command}


def _printed(line: str) -> str:
    """A line on top of every printed page; whatever stands in it is text to the style sheet."""
    text = "".join(each if each.isascii() and each.isalnum() else f"\\{ord(each):x} " for each in line)
    return f'@page {{ @top-left {{ content: "{text}"; font-size: 7pt; }} }}'


def _hash(source: str) -> str:
    """What the page's own security policy lets run: exactly this text."""
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
