r"""The rows of a csv file: the fast way, and with care where that cannot be trusted.

Fields are separated by commas, or by what a source says. A field that starts with a quote, blanks before it or not,
ends at the next lone quote; inside it a doubled quote is a quote, and commas and line ends are text. Blanks may follow
it. A quote anywhere else in a field is an ordinary
character. A line may end in ``\n`` or ``\r\n``.

The fast way takes whole blocks: lines without any quote are split at their commas, and blocks in which each
line is a record of well-formed fields go through polars' csv parser. All other blocks are read with care,
record by record. Both ways give the same rows.

A row is one record. ``line`` is the number of the line in which it starts; the header is line 1 unless blank
lines stand before it. A record with more or fewer fields than the header is rejected: its fields may have
shifted, and nobody can say which tenant it is about. A quote that is never closed, or that closes only by
swallowing other lines into something that is no record, costs its own line only: that line is rejected, and
reading goes on with the next. A header that comes again is a rejected row; one of other columns ends the file, since
what follows it would be read as what it is not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from fridge_pipeline.ingest.landing.csv_header import CANONICAL, CsvDialect, HeaderReader, Layout, until_another_header
from fridge_pipeline.ingest.landing.csv_records import (
    RECORD_LENGTH_MAX,
    Broken,
    Record,
    end_of_line,
    read_record,
    without_line_end,
)
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.lines import fault_row, lines_of, raw_rows
from fridge_pipeline.ingest.rules.reading import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fridge_pipeline.ingest.landing.lines import Block, BlockReader


_FAST_COLUMNS_MAX = 100  # beyond, a struct or pattern of all fields costs more than a list of them


def csv_batches(source: BlockReader, dialect: CsvDialect = CANONICAL) -> Iterator[pl.DataFrame]:
    """The rows of a csv file block by block: ``line``, the columns of the dialect as text, ``fault``, ``raw``.

    Of the canonical columns that is ``RAW_SCHEMA``. Raises ``UnreadableFileError`` before the first row when the header
    is not that of such a file.
    """
    header = HeaderReader(dialect)
    layout: Layout | None = None
    has_begun = False
    while (block := source.next()) is not None:
        if layout is None:
            block, layout = header.without_header(block)
        if layout is None or not block.data:
            continue
        rows = fault_row(block, layout.schema) if block.fault else _rows(block, layout, source)
        yield from until_another_header(rows, layout, has_begun=has_begun)
        has_begun = True
    if layout is None:
        raise header.refused or UnreadableFileError("empty file: it has no header line")


def _rows(block: Block, layout: Layout, source: BlockReader) -> pl.DataFrame:
    """The rows of a block; the start of a record that goes on after the block is given back."""
    if b'"' not in block.data:
        return _split_rows(lines_of(block, layout.grammar.blank), layout)
    rows = _well_formed_rows(block, layout)
    if rows is None:
        rows, unused = _careful_rows(block, layout)
        source.give_back(unused)
    return rows


def _split_rows(lines: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Rows of lines without quotes: every delimiter separates."""
    text, delimiter = pl.col("raw"), layout.grammar.delimiter
    last = max(layout.places.values())
    if last < _FAST_COLUMNS_MAX:
        parts = text.str.split_exact(delimiter, last)
        fields = [parts.struct.field(f"field_{place}") for place in layout.places.values()]
    else:
        split = lines["raw"].str.split(delimiter)  # once: an expression would be worked out for each field
        fields = [pl.lit(split.list.get(place, null_on_oob=True)) for place in layout.places.values()]
    separators = text.str.count_matches(delimiter, literal=True)
    has_count = separators.is_between(layout.least - 1, layout.field_count - 1)
    fault = pl.when(~has_count).then(pl.lit(Reason.WRONG_FIELD_COUNT.value))
    return lines.with_columns(
        *(field.alias(name) for name, field in zip(layout.places, fields, strict=True)), fault=fault
    ).select(layout.names)


def _well_formed_rows(block: Block, layout: Layout) -> pl.DataFrame | None:
    """Rows of a block in which each line is a whole, well-formed record; None when one is not.

    The block starts at a record's start, so if its first line is whole, so is the second, and so on.
    """
    if layout.field_count > _FAST_COLUMNS_MAX:
        return None
    lines = lines_of(block, layout.grammar.blank)
    line_count = block.data.count(b"\n") + (not block.data.endswith(b"\n"))
    if lines.height != line_count:  # blank lines, of which polars makes rows, and refuses the block behind a first one
        return None
    well_formed, separator = layout.grammar.well_formed, re.escape(layout.grammar.delimiter)
    whole_record = f"^{well_formed}(?:{separator}{well_formed}){{{layout.least - 1},{layout.field_count - 1}}}$"
    if not lines["raw"].str.contains(whole_record).all():
        return None
    fields = pl.read_csv(
        block.data,
        has_header=False,
        separator=layout.grammar.delimiter,
        schema={f"field_{place}": pl.String() for place in range(layout.field_count)},
        empty_string_is_null=False,
    )
    if fields.height != lines.height:  # it sees other lines than we do
        return None
    chosen = fields.select(pl.col(f"field_{place}").alias(name) for name, place in layout.places.items())
    return lines.hstack(chosen).with_columns(fault=pl.lit(None, pl.String)).select(layout.names)


def _careful_rows(block: Block, layout: Layout) -> tuple[pl.DataFrame, bytes]:
    """The rows of a block, record by record, and the bytes of a last record that goes on after it."""
    text, start, line = block.data.decode(), 0, block.first_line
    columns: dict[str, list[object]] = {name: [] for name in layout.names}
    while start < len(text):
        end = end_of_line(text, start)
        if not text[start:end].strip(layout.grammar.blank):
            start, line = end, line + 1
            continue
        record = read_record(text, start, layout.grammar.delimiter)
        if record is Broken.UNCLOSED and _may_go_on(block, text, start):
            break
        fault = _fault(record, end, layout)
        if isinstance(record, Record) and fault is not Reason.BROKEN_QUOTES:
            end = record.end
        raw = without_line_end(text[start:end])
        fields = record.fields if isinstance(record, Record) and fault is None else None
        for name, place in layout.places.items():
            columns[name].append(fields[place] if fields and place < len(fields) else None)
        for name, value in (("line", line), ("fault", fault), ("raw", raw)):
            columns[name].append(value)
        line += text.count("\n", start, end)
        start = end
    return raw_rows(columns, layout.schema), text[start:].encode()


def _may_go_on(block: Block, text: str, start: int) -> bool:
    return not block.is_last and len(text) - start < RECORD_LENGTH_MAX


def _fault(record: Record | Broken, line_end: int, layout: Layout) -> Reason | None:
    if not isinstance(record, Record):
        return Reason.BROKEN_QUOTES
    if layout.least <= len(record.fields) <= layout.field_count:
        return None
    # Several lines that together are no record were joined by a quote that nobody closed.
    return Reason.WRONG_FIELD_COUNT if record.end == line_end else Reason.BROKEN_QUOTES
