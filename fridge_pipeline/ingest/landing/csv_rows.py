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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from fridge_pipeline.ingest.landing.content import places_of_fields
from fridge_pipeline.ingest.landing.csv_records import (
    RECORD_LENGTH_MAX,
    Broken,
    Grammar,
    Record,
    end_of_line,
    grammar_of,
    read_record,
    without_line_end,
)
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.lines import fault_row, lines_of, raw_rows
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.reading import FIELDS, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fridge_pipeline.ingest.landing.lines import Block, BlockReader


_FAST_COLUMNS_MAX = 100  # beyond, a struct or pattern of all fields costs more than a list of them


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How a csv file is laid out, and where its columns are.

    ``places`` finds the columns to read among the names of the header: the name each gets, and its place, counted from
    0. It raises ``UnreadableFileError`` when the header is none of such a file. A ``header`` that is given stands in no
    line.
    """

    places: Callable[[Sequence[str]], Mapping[str, int]]
    delimiter: str = ","
    skip_lines: int = 0
    header: tuple[str, ...] = ()


def _canonical_places(found: Sequence[str]) -> dict[str, int]:
    return dict(zip(FIELDS, places_of_fields(found), strict=True))


#: The four fields under their own names.
CANONICAL = CsvDialect(_canonical_places)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The header's names, which of the fields are read and under which names, and what separates them."""

    header: tuple[str, ...]
    places: Mapping[str, int]
    grammar: Grammar

    @property
    def field_count(self) -> int:
        """How many fields a record has."""
        return len(self.header)

    @property
    def names(self) -> list[str]:
        """The columns of every frame of rows."""
        return ["line", *self.places, "fault", "raw"]

    @property
    def schema(self) -> pl.Schema:
        """Their types."""
        return pl.Schema({"line": pl.Int64()} | dict.fromkeys(self.names[1:], pl.String()))


def csv_batches(source: BlockReader, dialect: CsvDialect = CANONICAL) -> Iterator[pl.DataFrame]:
    """The rows of a csv file block by block: ``line``, the columns of the dialect as text, ``fault``, ``raw``.

    Of the canonical columns that is ``RAW_SCHEMA``. Raises ``UnreadableFileError`` before the first row when the header
    is not that of such a file.
    """
    header = _HeaderReader(dialect)
    layout: _Layout | None = None
    while (block := source.next()) is not None:
        if layout is None:
            block, layout = header.without_header(block)
        if layout is None or not block.data:
            continue
        rows = fault_row(block, layout.schema) if block.fault else _rows(block, layout, source)
        yield from _until_another_header(rows, layout)
    if layout is None:
        raise UnreadableFileError("empty file: it has no header line")


class _HeaderReader:
    """Looks for the header behind the lines to skip, over as many blocks as they take."""

    def __init__(self, dialect: CsvDialect) -> None:
        self._dialect = dialect
        self._skip = dialect.skip_lines

    def without_header(self, block: Block) -> tuple[Block, _Layout | None]:
        """The block behind the header, and the header's layout; no layout while it has not come."""
        if block.fault and self._skip:
            self._skip -= 1
            return replace(block, data=b"", fault=None), None
        if block.fault:
            raise UnreadableFileError(f"the header line cannot be read: {block.fault.value}")
        text, start, line = block.data.decode(), 0, block.first_line
        while start < len(text):
            if not self._skip and self._dialect.header:
                break
            end = end_of_line(text, start)
            header, start, line = text[start:end], end, line + 1
            if self._skip:
                self._skip -= 1
            elif header.strip(BLANK):
                record = self._record_of(text, start - len(header), len(header))
                line += text.count("\n", start, record.end)
                return _behind(block, text[record.end :], line), self._layout(record.fields)
        if self._skip or not self._dialect.header:
            return replace(block, data=b""), None
        return _behind(block, text[start:], line), self._layout(self._dialect.header)

    def _record_of(self, text: str, start: int, length: int) -> Record:
        """The header, whose names in quotes may have line ends, as spreadsheets write them."""
        record = read_record(text, start, self._dialect.delimiter)
        if not isinstance(record, Record):
            raise UnreadableFileError(f"the header line cannot be read: {record.value}; it has {length} characters")
        return record

    def _layout(self, names: Sequence[str]) -> _Layout:
        return _Layout(tuple(names), self._dialect.places(names), grammar_of(self._dialect.delimiter))


def _behind(block: Block, rest: str, line: int) -> Block:
    return replace(block, data=rest.encode(), first_line=line)


def _until_another_header(rows: pl.DataFrame, layout: _Layout) -> Iterator[pl.DataFrame]:
    """The rows before a line that names columns in most of the fields that are read, and not the same ones."""
    own = {name: layout.header[place] for name, place in layout.places.items()}
    names = pl.lit(pl.Series([*own.values(), *(name.strip(BLANK) for name in own.values())])).implode()
    named = pl.sum_horizontal(pl.col(name).is_in(names) for name in own)
    same = pl.all_horizontal(pl.col(name).str.strip_chars(BLANK) == own[name].strip(BLANK) for name in own)
    headers = rows.select("line", *own, _place=pl.int_range(pl.len())).filter(
        rows["fault"].is_null(), 2 * named > len(own)
    )
    others = headers.filter(~same)  # of the few: to strip every field would cost as much as all else here
    if others.is_empty():
        yield rows
        return
    yield rows.head(others["_place"][0])
    raise UnreadableFileError(
        f"line {others['line'][0]} is a header of other columns, so what follows is not read: "
        "deliver it as a file of its own"
    )


def _rows(block: Block, layout: _Layout, source: BlockReader) -> pl.DataFrame:
    """The rows of a block; the start of a record that goes on after the block is given back."""
    if b'"' not in block.data:
        return _split_rows(lines_of(block, layout.grammar.blank), layout)
    rows = _well_formed_rows(block, layout)
    if rows is None:
        rows, unused = _careful_rows(block, layout)
        source.give_back(unused)
    return rows


def _split_rows(lines: pl.DataFrame, layout: _Layout) -> pl.DataFrame:
    """Rows of lines without quotes: every delimiter separates."""
    text, delimiter = pl.col("raw"), layout.grammar.delimiter
    last = max(layout.places.values())
    if last < _FAST_COLUMNS_MAX:
        parts = text.str.split_exact(delimiter, last)
        fields = [parts.struct.field(f"field_{place}") for place in layout.places.values()]
    else:
        split = lines["raw"].str.split(delimiter)  # once: an expression would be worked out for each field
        fields = [pl.lit(split.list.get(place, null_on_oob=True)) for place in layout.places.values()]
    has_count = text.str.count_matches(delimiter, literal=True) == layout.field_count - 1
    fault = pl.when(~has_count).then(pl.lit(Reason.WRONG_FIELD_COUNT.value))
    return lines.with_columns(
        *(field.alias(name) for name, field in zip(layout.places, fields, strict=True)), fault=fault
    ).select(layout.names)


def _well_formed_rows(block: Block, layout: _Layout) -> pl.DataFrame | None:
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
    whole_record = f"^{well_formed}(?:{separator}{well_formed}){{{layout.field_count - 1}}}$"
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


def _careful_rows(block: Block, layout: _Layout) -> tuple[pl.DataFrame, bytes]:
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
            columns[name].append(fields[place] if fields else None)
        for name, value in (("line", line), ("fault", fault), ("raw", raw)):
            columns[name].append(value)
        line += text.count("\n", start, end)
        start = end
    return raw_rows(columns, layout.schema), text[start:].encode()


def _may_go_on(block: Block, text: str, start: int) -> bool:
    return not block.is_last and len(text) - start < RECORD_LENGTH_MAX


def _fault(record: Record | Broken, line_end: int, layout: _Layout) -> Reason | None:
    if not isinstance(record, Record):
        return Reason.BROKEN_QUOTES
    if len(record.fields) == layout.field_count:
        return None
    # Several lines that together are no record were joined by a quote that nobody closed.
    return Reason.WRONG_FIELD_COUNT if record.end == line_end else Reason.BROKEN_QUOTES
