"""How the lines of an unknown csv file are laid out: what separates cells, and where the header is."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from contextlib import suppress

from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.csv_layout import CsvLayout
from fridge_pipeline.ingest.rules.guess_fields import TEXT_LENGTH_MAX, UNNAMED

#: So many lines may stand before a header.
PREAMBLE_LINES_MAX = 30

#: Behind a header and at most so many rows, all others may be shorter.
SHORT_AFTER = 3


def table(lines: Sequence[str], layout: CsvLayout) -> dict[str, list[str]]:
    """The columns of csv lines, comment lines left out; empty where they are not laid out so."""
    told = [line for line in lines[layout.skip_lines :] if line.strip() and not line.startswith("#")]
    rows: list[list[str]] = []
    with suppress(csv.Error):  # a quote that nobody closes makes one field of all lines behind it
        rows.extend(csv.reader(told, delimiter=layout.delimiter))
    header = [name.strip(BLANK)[:TEXT_LENGTH_MAX] for name in (layout.header or (rows.pop(0) if rows else ()))]
    if layout.short_rows:
        rows = [row + [""] * (len(header) - len(row)) for row in rows]
    whole = [row for row in rows if len(row) == len(header)]
    if len(header) < 2 or 2 * len(whole) < len(rows) or not whole:  # noqa: PLR2004 # one column is no table
        return {}
    return {name: [row[place][:TEXT_LENGTH_MAX] for row in whole] for place, name in enumerate(header)}


def layout_of(lines: Sequence[str]) -> CsvLayout:
    """The delimiter that makes the most of the lines, and how many of them stand before the header."""
    best, found = (0, 0), CsvLayout()
    for delimiter in ",;\t|":
        widths = [
            0 if line.startswith("#") else len(next(csv.reader([line], delimiter=delimiter), [])) for line in lines
        ]
        width = max(set(widths), key=lambda each: (widths.count(each) * (each > 1), each), default=0)
        start = next((at for at, each in enumerate(widths[: PREAMBLE_LINES_MAX + 1]) if each == width), 0)
        if width > 1 and (widths.count(width), width) > best:
            named = (at for at in range(start, min(start + 3, len(lines))) if _is_named(lines[at], delimiter, width))
            best = (widths.count(width), width)
            found = _with_header(lines, delimiter, next(named, start), width)
    return found


def _is_named(line: str, delimiter: str, width: int) -> bool:
    """Whether a line has a word in every cell: a title, or a row of units, has empty ones."""
    cells = next(csv.reader([line], delimiter=delimiter), [])
    return len(cells) == width and all(cell.strip() for cell in cells)


def _with_header(lines: Sequence[str], delimiter: str, start: int, width: int) -> CsvLayout:
    cells = [next(csv.reader([line], delimiter=delimiter), []) for line in lines[: start + 1]]
    is_header = [
        not any(re.fullmatch(r"\s*-?\d+([.,]\d+)?\s*|\d{4}-\d\d-\d\d.*", cell) for cell in each) for each in cells
    ]
    if is_header[start]:
        return CsvLayout(delimiter, start)
    for at in range(max(0, start - SHORT_AFTER), start):  # a header of more than most rows have
        if is_header[at] and len(cells[at]) > width and all(map(str.strip, cells[at])):
            return CsvLayout(delimiter, at, short_rows=True)
    return CsvLayout(delimiter, start, header=tuple(f"{UNNAMED}{number}" for number in range(1, width + 1)))
