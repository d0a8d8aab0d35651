"""How values and days read on the page."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from fridge_pipeline.finance.pages.columns import IN_WORDS, Column, Kind
from fridge_pipeline.finance.pages.words import HOUR_STATES

MINUS = "\N{MINUS SIGN}"  # as wide as the plus

#: The classes of a column's cells; of other kinds it is ``text``.
CLASSES = {
    **dict.fromkeys((Kind.COUNT, Kind.NUMBER, Kind.CHANGE, Kind.SHARE), "number"),
    **dict.fromkeys((Kind.MOMENT, Kind.DAY, Kind.MONTH), "moment"),
    **dict.fromkeys((Kind.CAUSE, Kind.CAUSES), "text wide cause"),
    Kind.SENTENCE: "text wide",
    Kind.SPAN: "text span",
}


def count(value: float | Decimal | None, missing: str = "none") -> str:
    """A number with its thousands apart, with decimals only where it has some; nothing known is a word."""
    if value is None:
        return missing
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def change(value: float) -> str:
    """A number with its sign."""
    return f"{'+' if value > 0 else MINUS if value < 0 else ''}{count(abs(value))}"


def share(value: float) -> str:
    """A share in per cent."""
    return f"{value:.1%}"


def moment(value: datetime) -> str:
    """A time to the minute; the heading says that it is UTC."""
    return f"{value:%Y-%m-%d %H:%M}"


def day(value: date) -> str:
    """A day."""
    return f"{value:%Y-%m-%d}"


def month_key(value: date) -> str:
    """A month by its first day."""
    return f"{value:%Y-%m}"


TEXTS: dict[Kind, Callable[[Any], str]] = IN_WORDS | {
    Kind.COUNT: count,
    Kind.NUMBER: count,
    Kind.CHANGE: change,
    Kind.MOMENT: moment,
    Kind.MONTH: month_key,
}


def cell(value: Any, column: Column) -> Markup:
    """The inside of a table's cell; whatever the books say is text, never markup."""
    if value is None or value == "":
        return Markup('<span class="missing">{}</span>').format(column.missing) if column.missing else Markup("")
    text = escape(TEXTS.get(column.kind, str)(value))
    if column.kind is Kind.STATE and value in HOUR_STATES:
        return Markup('<span class="state {}">{}</span>').format(value, text)
    return text


def cell_class(column: Column) -> str:
    """The class of a column's cells."""
    return CLASSES.get(column.kind, "text")


def explain_command(tenant_id: str, hour: datetime) -> str:
    """The command that explains a tenant's hour, as a shell takes it whatever the tenant is called."""
    end_of_options = "-- " if tenant_id.startswith("-") else ""
    return f"fridge explain {end_of_options}{shlex.quote(tenant_id)} {hour:%Y-%m-%d-%H:%M}"


#: Heights of plots are whole numbers out of this: the page stays small, and a screen shows no more.
HEIGHT = 100
LEAST_HEIGHT = 2
#: Of the mark that says "no data": seen in a plot of a line's height, and no column in a large one.
GAP_HEIGHT_SMALL, GAP_HEIGHT_LARGE = 9, 3


def daily_plot(
    what: str, by_day: Mapping[date, int], days: Sequence[date], gap_height: int = GAP_HEIGHT_SMALL
) -> dict[str, Any]:
    """A plot of one quantity over the days: each is 10 wide, the plot ``HEIGHT`` high.

    Gives the paths of the ``columns`` and of the ``gaps``, what it shows in ``words``, the ``highest`` value, ``days``.
    """
    highest = max(by_day.values(), default=0)
    columns, gaps = "", ""
    for place, each in enumerate(days):
        quantity = by_day.get(each)
        if quantity is None:
            gaps += f"M{place * 10 + 3} {HEIGHT}v-{gap_height}h4v{gap_height}z"
        else:
            height = max(round(quantity / highest * HEIGHT), LEAST_HEIGHT) if quantity > 0 else 0
            columns += f"M{place * 10 + 1} {HEIGHT}v-{height}h8v{height}z"
    words = _in_words(what, by_day, days)
    return {"columns": columns, "gaps": gaps, "words": words, "highest": highest, "days": len(days)}


def _in_words(what: str, by_day: Mapping[date, int], days: Sequence[date]) -> str:
    known = [each for each in days if each in by_day]
    if not known:
        return f"{what}: no data on any day"
    most, least = max(known, key=lambda each: by_day[each]), min(known, key=lambda each: by_day[each])
    missing = len(days) - len(known)
    without = f"; no data on {missing} of {len(days)} days" if missing else f"; data on all {len(days)} days"
    return (
        f"{what} by day: most {count(by_day[most])} on {day(most)}, "
        f"least {count(by_day[least])} on {day(least)}{without}"
    )
