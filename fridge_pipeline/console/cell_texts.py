"""How a value of a console's table reads: on the page, in CSV, in a workbook."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from fridge_pipeline.console.frame import Field, Row
from fridge_pipeline.finance.pages.cells import TEXTS, cell
from fridge_pipeline.finance.pages.columns import IN_WORDS, Kind
from fridge_pipeline.finance.rules.evidence_format import guarded
from fridge_pipeline.visible import visible

YES_NO = {True: "yes", False: "no"}

#: Stripe's currencies without and with three decimals (docs.stripe.com/currencies); all others have two.
NO_DECIMALS = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])


def money(minor_units: int | None, currency: str | None) -> str | None:
    """An amount in the currency's own unit; ``None`` where nobody knows it."""
    if minor_units is None or currency is None:
        return None
    decimals = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return f"{Decimal(minor_units).scaleb(-decimals):,.{decimals}f} {currency.upper()}"


def shown(field: Field, row: Row) -> Markup:
    """The inside of a cell; whatever the books say is text, and leads where the page says."""
    value = field.value(row)
    if isinstance(value, str):
        value = visible(value)
    if isinstance(value, bool):
        value = YES_NO[value]
    inside = escape(value) if field.says is not None and value is not None else cell(value, field.column)
    address = field.address(row) if value not in {None, ""} else None
    return Markup('<a href="{}">{}</a>').format(address, inside) if address is not None else inside


def plain(field: Field, row: Row) -> str:
    """The same as a field of CSV: numbers and times for programs, codes in words, nothing where nothing is known."""
    value = field.value(row)
    match value:
        case None:
            return ""
        case bool():
            return YES_NO[value]
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        case date():
            return f"{value:%Y-%m}" if field.column.kind is Kind.MONTH else value.isoformat()
        case Decimal():
            return f"{value.normalize():f}"
        case str():
            return guarded(IN_WORDS[field.column.kind](value) if field.column.kind in IN_WORDS else value)
    return str(value)


def for_sheet(field: Field, row: Row) -> Any:
    """The same for a workbook: numbers stay numbers, times have no zone."""
    value = field.value(row)
    match value:
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None)
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bool():
            return YES_NO[value]
        case str() if field.column.kind in IN_WORDS:
            return TEXTS[field.column.kind](value)
    return value
