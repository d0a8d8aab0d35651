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
