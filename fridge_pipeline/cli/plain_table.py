"""Rows for people on standard output: columns under their names, which ``grep`` and ``less`` take as they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fridge_pipeline.calendar.hours import KEY_FORMAT
from fridge_pipeline.visible import as_lines, one_line

#: Between two columns.
GAP = "  "


def plain_table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A line each, numbers to the right, nothing for ``None``; what follows the last column is not filled up."""
    cells = [[_cell(each) for each in row] for row in rows]
    numeric = [bool(rows) and all(isinstance(row[column], int) for row in rows) for column in range(len(names))]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    return as_lines(
        GAP.join(
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in ([*names], *cells)
    )


def hour_key(hour: datetime | None) -> str | None:
    """The key of an hour, as commands take it."""
    return hour.strftime(KEY_FORMAT) if hour is not None else None


def minute(moment: datetime | None) -> str | None:
    """A moment in UTC, to the minute."""
    return moment.strftime("%Y-%m-%d %H:%M") if moment is not None else None


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else one_line(str(value))
