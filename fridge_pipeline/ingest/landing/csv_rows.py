r"""The rows of a csv file: the fast way, and with care where that cannot be trusted.

A field that starts with a quote, blanks before it or not, ends at the next lone quote; inside it a doubled quote is a
quote, and commas and line ends are text. Blanks may follow it. A quote anywhere else in a field is an ordinary
character. A line may end in ``\n`` or ``\r\n``.

The fast way takes whole blocks: lines without any quote are split at their commas, and blocks in which each
line is a record of well-formed fields go through polars' csv parser. All other blocks are read with care,
record by record. Both ways give the same rows.

A row is one record. ``line`` is the number of the line in which it starts; the header is line 1 unless blank
lines stand before it. A record with more or fewer fields than the header is rejected: its fields may have
shifted, and nobody can say which tenant it is about. A quote that is never closed, or that closes only by
swallowing other lines into something that is no record, costs its own line only: that line is rejected, and
reading goes on with the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from fridge_pipeline.ingest.landing.content import places_of_fields
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.lines import fault_row, lines_of, raw_rows
from fridge_pipeline.ingest.rules.reading import FIELDS, RAW_SCHEMA, Reason
from fridge_pipeline.ingest.rules.recorded_time import BLANK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fridge_pipeline.ingest.landing.lines import Block, BlockReader


#: Longest record with a quoted field, in characters. Behind a quote that nobody closes, this much text is
#: searched for its end.
RECORD_LENGTH_MAX = 2**20

_BLANKS = "[" + re.escape(BLANK.replace("\n", "")) + "]"
_QUOTED = re.compile(f'{_BLANKS}*+"((?:[^"]++|"")*+)"{_BLANKS}*')
_QUOTE = re.compile(f'{_BLANKS}*+"')
_UNQUOTED = re.compile(r"[^,\n]*+")
_FIELD_END = re.compile(r",|\r?(?:\n|\Z)")


class Broken(Enum):
    """Why the text at some place is no record."""

    UNCLOSED = "a quote is open where the text ends"
    MISPLACED = "a quoted field goes on after its closing quote"


class Record(NamedTuple):
    """A record's fields, and the offset in the text at which the next record starts."""

    fields: list[str]
    end: int


def read_record(text: str, start: int) -> Record | Broken:
    """The record that starts at an offset, which is the start of a line."""
    fields: list[str] = []
    at = start
    while True:
        if _QUOTE.match(text, at):
            quoted = _QUOTED.match(text, at, start + RECORD_LENGTH_MAX)
            if quoted is None:
                return Broken.UNCLOSED
            field, at = quoted[1].replace('""', '"'), quoted.end()
        else:
            field = text[at : (at := _end_of(text, at))]
        separator = _FIELD_END.match(text, at)
        if separator is None:
            return Broken.MISPLACED
        fields.append(field)
        at = separator.end()
        if separator[0] != ",":
            return Record(fields, at)


def end_of_line(text: str, start: int) -> int:
    """The offset at which the next line starts."""
    line_end = text.find("\n", start)
    return len(text) if line_end < 0 else line_end + 1


def without_line_end(line: str) -> str:
    """The line's text alone."""
    return line.removesuffix("\n").removesuffix("\r")


def _end_of(text: str, at: int) -> int:
    """Where the unquoted field that starts here ends; a carriage return before the line end is no text."""
    unquoted = _UNQUOTED.match(text, at)
    end = unquoted.end() if unquoted else at
    is_line_end = end == len(text) or text[end] == "\n"
    return end - 1 if is_line_end and end > at and text[end - 1] == "\r" else end


_FAST_COLUMNS_MAX = 100  # beyond, a struct or pattern of all fields costs more than a list of them
_WELL_FORMED = r'(?:"(?:[^"]|"")*"|[^",\r]*)'


@dataclass(frozen=True, slots=True)
class _Layout:
    """How many fields a record has, and which of them are ``FIELDS``."""

    field_count: int
    places: list[int]


def csv_batches(source: BlockReader) -> Iterator[pl.DataFrame]:
    """The rows of a csv file, as in ``RAW_SCHEMA``, block by block.

    Raises ``UnreadableFileError`` before the first row when the header is no header of readings.
    """
    layout: _Layout | None = None
    while (block := source.next()) is not None:
        if layout is None:
            block, layout = _without_header(block)
        if layout is None or not block.data:
            continue
        yield fault_row(block) if block.fault else _rows(block, layout, source)
    if layout is None:
        raise UnreadableFileError("empty file: it has no header line")


def _without_header(block: Block) -> tuple[Block, _Layout | None]:
    """The block behind the header, and the header's layout; no layout while only blank lines came."""
    if block.fault:
        raise UnreadableFileError(f"the header line cannot be read: {block.fault.value}")
    text, start, line = block.data.decode(), 0, block.first_line
    while start < len(text):
        end = end_of_line(text, start)
        header, start, line = text[start:end], end, line + 1
        if header.strip(BLANK):
            rest = replace(block, data=text[start:].encode(), first_line=line)
            return rest, _layout(header)
    return replace(block, data=b""), None


def _layout(header: str) -> _Layout:
    record = read_record(header, 0)
    if not isinstance(record, Record):
        raise UnreadableFileError(f"the header line cannot be read: {record.value}; it has {len(header)} characters")
    return _Layout(len(record.fields), places_of_fields(record.fields))


def _rows(block: Block, layout: _Layout, source: BlockReader) -> pl.DataFrame:
    """The rows of a block; the start of a record that goes on after the block is given back."""
    if b'"' not in block.data:
        return _split_rows(lines_of(block), layout)
    rows = _well_formed_rows(block, layout)
    if rows is None:
        rows, unused = _careful_rows(block, layout)
        source.give_back(unused)
    return rows


def _split_rows(lines: pl.DataFrame, layout: _Layout) -> pl.DataFrame:
    """Rows of lines without quotes: every comma separates."""
    text, last = pl.col("raw"), max(layout.places)
    if last < _FAST_COLUMNS_MAX:
        parts = text.str.split_exact(",", last)
        fields = [parts.struct.field(f"field_{place}") for place in layout.places]
    else:
        parts = text.str.split(",")
        fields = [parts.list.get(place, null_on_oob=True) for place in layout.places]
    has_count = text.str.count_matches(",", literal=True) == layout.field_count - 1
    fault = pl.when(~has_count).then(pl.lit(Reason.WRONG_FIELD_COUNT.value))
    return lines.with_columns(
        *(field.alias(name) for name, field in zip(FIELDS, fields, strict=True)), fault=fault
    ).select(RAW_SCHEMA.names())


def _well_formed_rows(block: Block, layout: _Layout) -> pl.DataFrame | None:
    """Rows of a block in which each line is a whole, well-formed record; None when one is not.

    The block starts at a record's start, so if its first line is whole, so is the second, and so on.
    """
    if layout.field_count > _FAST_COLUMNS_MAX:
        return None
    lines = lines_of(block)
    line_count = block.data.count(b"\n") + (not block.data.endswith(b"\n"))
    if lines.height != line_count:  # blank lines, of which polars makes rows, and refuses the block behind a first one
        return None
    whole_record = f"^{_WELL_FORMED}(?:,{_WELL_FORMED}){{{layout.field_count - 1}}}$"
    if not lines["raw"].str.contains(whole_record).all():
        return None
    fields = pl.read_csv(
        block.data,
        has_header=False,
        schema={f"field_{place}": pl.String() for place in range(layout.field_count)},
        empty_string_is_null=False,
    )
    if fields.height != lines.height:  # it sees other lines than we do
        return None
    chosen = fields.select(
        pl.col(f"field_{place}").alias(name) for name, place in zip(FIELDS, layout.places, strict=True)
    )
    return lines.hstack(chosen).with_columns(fault=pl.lit(None, pl.String)).select(RAW_SCHEMA.names())


def _careful_rows(block: Block, layout: _Layout) -> tuple[pl.DataFrame, bytes]:
    """The rows of a block, record by record, and the bytes of a last record that goes on after it."""
    text, start, line = block.data.decode(), 0, block.first_line
    columns: dict[str, list[object]] = {name: [] for name in RAW_SCHEMA}
    while start < len(text):
        end = end_of_line(text, start)
        if not text[start:end].strip(BLANK):
            start, line = end, line + 1
            continue
        record = read_record(text, start)
        if record is Broken.UNCLOSED and _may_go_on(block, text, start):
            break
        fault = _fault(record, end, layout)
        if isinstance(record, Record) and fault is not Reason.BROKEN_QUOTES:
            end = record.end
        raw = without_line_end(text[start:end])
        fields = record.fields if isinstance(record, Record) and fault is None else None
        for name, place in zip(FIELDS, layout.places, strict=True):
            columns[name].append(fields[place] if fields else None)
        for name, value in (("line", line), ("fault", fault), ("raw", raw)):
            columns[name].append(value)
        line += text.count("\n", start, end)
        start = end
    return raw_rows(columns), text[start:].encode()


def _may_go_on(block: Block, text: str, start: int) -> bool:
    return not block.is_last and len(text) - start < RECORD_LENGTH_MAX


def _fault(record: Record | Broken, line_end: int, layout: _Layout) -> Reason | None:
    if not isinstance(record, Record):
        return Reason.BROKEN_QUOTES
    if len(record.fields) == layout.field_count:
        return None
    # Several lines that together are no record were joined by a quote that nobody closed.
    return Reason.WRONG_FIELD_COUNT if record.end == line_end else Reason.BROKEN_QUOTES
