"""The rows of an ndjson file: JSON objects, one per line or several on one, as stream services deliver them.

The fastest way splits a block of objects of one shape at their quotes, the fast way decodes a whole block in polars; a
block with anything odd is decoded object by object. All give the same rows: the first of a repeated key counts, an id
is text or a number as it is written, other scalars become the text that JSON shows them as. What is no JSON object is
rejected, up to the end of its line or to where one object ends and the next begins, and its neighbours load.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import polars as pl

from fridge_pipeline.ingest.landing.content import missing_columns, missing_members
from fridge_pipeline.ingest.landing.flat_objects import flat_rows
from fridge_pipeline.ingest.landing.json_columns import BETWEEN, CANONICAL, NUMBER, JsonColumns
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.lines import fault_row, lines_of, raw_rows
from fridge_pipeline.ingest.landing.nested_records import RECORDS_MAX, ROWS_CHARACTERS_MAX
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.embedded_json import DECODER, is_id, text_of
from fridge_pipeline.ingest.rules.reading import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fridge_pipeline.ingest.landing.lines import Block, BlockReader

_NEXT = re.compile(BETWEEN)
_LAST = re.compile(rb"(?s:.*)\}(?=[ \t\r]*\{)")
_BLANKS = re.compile(f"[{BLANK}]*+")
#: In front of an object that stands where none may be, as in one that was cut off.
_INSIDE = re.compile(rf"[^:,\[{BLANK}][{BLANK}]*(?=\{{)")


def end_of_last_object(data: bytes, start: int) -> int:
    """Where a line may be cut: the end of the last object before another, from ``start`` on; 0 when there is none."""
    last = _LAST.match(data, max(0, start - 64))
    return last.end() if last else 0


def ndjson_batches(source: BlockReader, columns: JsonColumns = CANONICAL) -> Iterator[pl.DataFrame]:
    """The rows of an ndjson file block by block: ``line``, the columns as text, ``fault``, ``raw``.

    Of the canonical columns that is ``RAW_SCHEMA``. Raises ``UnreadableFileError`` before the first row when the first
    block holds no JSON object, or when none of its objects has one of the keys.
    """
    is_checked = has_fault = False
    while (block := source.next()) is not None:
        if block.fault:
            has_fault = True
            yield fault_row(block, columns.schema)
            continue
        rows = _rows(block, source, columns)
        if rows.is_empty():
            continue
        if not is_checked:
            refuse_other_content(rows, block.data, columns)
            is_checked = True
        yield rows
    if not (is_checked or has_fault):
        raise UnreadableFileError("empty file: it has no line")


def _rows(block: Block, source: BlockReader, columns: JsonColumns) -> pl.DataFrame:
    """The rows of a block; what may be the start of an object that goes on after the block is given back."""
    lines = lines_of(block)
    columns = columns.among(lines)
    rows = None if block.is_open else flat_rows(block.data, lines, columns)
    if rows is None:
        lines = lines.with_columns(pl.col("raw").str.strip_chars(BLANK))
        rows = _decoded(lines, columns) if columns.records is None else None
    if rows is None:
        rows, unused = _carefully_decoded(lines, columns, source.line_bytes_max if block.is_open else 0)
        source.give_back(unused.encode())
    return rows


def decoded_rows(lines: pl.DataFrame, columns: JsonColumns) -> pl.DataFrame:
    """The rows of JSON objects that are whole: ``line`` and ``raw``, each one object without a line end in it."""
    columns = columns.among(lines)
    rows = _decoded(lines, columns) if columns.records is None else None
    return _carefully_decoded(lines, columns, 0)[0] if rows is None else rows


def decoded_frames(frames: Iterable[pl.DataFrame], columns: JsonColumns) -> Iterator[pl.DataFrame]:
    """The rows of frames of such objects. Raises ``UnreadableFileError`` where the first are none of these columns."""
    for number, lines in enumerate(frames):
        rows = decoded_rows(lines, columns)
        if not number:
            refuse_other_content(rows, "\n".join(lines["raw"]).encode(errors="replace"), columns)
        yield rows


def _decoded(lines: pl.DataFrame, columns: JsonColumns) -> pl.DataFrame | None:
    """The rows, decoded at once; None when a line, or what is read of it, is odd and needs care.

    Polars decodes lines as one array, with commas between: two that are no objects can be one together, and a single
    object that it finds stands for all lines. So each gets its number as its first key, which must come back.
    """
    text = pl.col("raw")
    if columns.decoded is None:
        return None
    if lines["raw"].str.contains(columns.odd).any():
        lines = lines.with_columns(text.str.replace_all(BETWEEN, "}\n{").str.split("\n")).explode("raw")
        if columns.ids:
            text = text.str.replace_all(columns.fraction_as_id, '${1}"${2}"')
        if lines.select(text.str.contains(columns.odd).any()).item():
            return None
    number, decoded = pl.int_range(pl.len(), dtype=pl.Int64), pl.col("decoded")
    numbered = pl.concat_str(pl.lit(f'{{"{NUMBER}":'), number.cast(pl.String), pl.lit(","), text.str.slice(1))
    try:
        rows = (
            lines.lazy()
            .with_columns(number.alias("number"), numbered.str.json_decode(columns.decoded).alias("decoded"))
            .select(
                "line",
                *columns.of_struct(decoded),
                pl.lit(None, pl.String).alias("fault"),
                "raw",
                is_own=pl.col("number").eq_missing(decoded.struct.field(NUMBER)),
            )
            .collect(engine="streaming")
        )
    except (pl.exceptions.ComputeError, pl.exceptions.InvalidOperationError, pl.exceptions.ShapeError):
        return None  # it does not say which line; reading each by itself does
    if not rows["is_own"].all():
        return None
    return rows.drop("is_own").rechunk()  # decoding leaves chunks with five times the memory of their text


def _carefully_decoded(lines: pl.DataFrame, columns: JsonColumns, goes_on_within: int) -> tuple[pl.DataFrame, str]:
    """The rows of some lines, object by object, and the text of a last one that may go on after them."""
    values: dict[str, list[object]] = {name: [] for name in columns.names}
    for line, text in lines.select("line", "raw").iter_rows():
        start = 0
        while start < len(text):
            decoded, end = _object(text, start, may_be_array=columns.records is not None)
            if decoded is None and len(text) - start < goes_on_within:
                return raw_rows(values, columns.schema), text[start:]
            said = text[start:end].rstrip(BLANK)
            try:
                rows = _few(columns.rows_of(decoded, said))
            except RecursionError:  # as deep as a decoder goes: what takes it apart needs a call more
                decoded, rows = None, None
            for found, raw in [(None, said)] if rows is None else rows:
                fault = _fault(found, columns)
                if found is None and decoded is not None:
                    fault = Reason.LINE_TOO_LONG if rows is None else Reason.NO_MEASUREMENT
                for name in columns.members:
                    values[name].append(text_of(found[name]) if found and fault is None else None)
                for name, value in (("line", line), ("fault", fault), ("raw", raw)):
                    values[name].append(value)
            start = _behind_blanks(text, end)
    return raw_rows(values, columns.schema), ""


def _few(rows: Iterable[tuple[dict[str, object] | None, str]]) -> list[tuple[dict[str, object] | None, str]] | None:
    """The rows of one object; None where they are too many, or their texts too long, to be in memory at once."""
    few, characters, left = [], 0, iter(rows)
    for row in islice(left, RECORDS_MAX):
        few.append(row)
        characters += sum(len(value) for value in (row[0] or {}).values() if isinstance(value, str))
        if characters > ROWS_CHARACTERS_MAX:
            return None
    return few if next(left, None) is None else None


def _object(text: str, start: int, *, may_be_array: bool = False) -> tuple[Any, int]:
    """The JSON object that starts here, None when it is something else, and where it ends."""
    decoded, end = _value(text, start)
    behind = _behind_blanks(text, end)
    if may_be_array and isinstance(decoded, list) and behind == len(text):
        return decoded, end
    if isinstance(decoded, dict) and text[behind : behind + 1] in ("", "{"):
        return decoded, end
    return None, _end_of_broken(text, start)


def _end_of_broken(text: str, start: int) -> int:
    """Where the next object begins behind what is none; of one that was cut off, that may be in its middle."""
    boundary = _NEXT.search(text, start)
    end = boundary.start() + 1 if boundary else len(text)
    inside = _INSIDE.finditer(text, start, end) if text[start] == "{" else ()
    return next((at.end() for at in inside if (value := _value(text, at.end()))[1] == end and value[0]), end)


def _value(text: str, start: int) -> tuple[object, int]:
    try:
        return DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):  # no JSON; brackets nested a thousand deep
        return None, start


def _behind_blanks(text: str, start: int) -> int:
    blanks = _BLANKS.match(text, start)
    return blanks.end() if blanks else start


def _fault(found: dict[str, object] | None, columns: JsonColumns) -> Reason | None:
    if found is None:
        return Reason.NOT_A_JSON_OBJECT
    return None if all(is_id(found[name]) for name in columns.ids) else Reason.ID_NOT_TEXT


def refuse_other_content(rows: pl.DataFrame, data: bytes, columns: JsonColumns) -> None:
    """Raises ``UnreadableFileError`` where no row of the first ones is an object, or none has one of the columns.

    Objects that hold no record say nothing of the columns that records have.
    """
    if (rows["fault"] == Reason.NO_MEASUREMENT.value).all(ignore_nulls=False):
        return
    if (rows["fault"] == Reason.NOT_A_JSON_OBJECT.value).all(ignore_nulls=False):
        first_line = rows["raw"][0]
        way = ', or read the whole by a source with format = "json"' if first_line.startswith(("[", "{")) else ""
        raise UnreadableFileError(
            f"no line is a JSON object; the first has {len(first_line)} characters; deliver one object per line{way}"
        )
    missing = [
        member
        for name, member in columns.members.items()
        if name not in columns.optional
        and rows[name].null_count() == rows.height
        and (keys := columns.keys_of(name) - {"value"})
        and not any(f'"{key}"'.encode() in data for key in keys)
    ]
    if missing:
        objects = (decoded for raw in rows["raw"] if (decoded := _object(raw, 0)[0]) is not None)
        first: dict[str, object] = next(objects, {})
        wanted = columns.members.values()
        is_canonical = columns.members == CANONICAL.members
        raise missing_columns(missing, list(first)) if is_canonical else missing_members(missing, wanted, first)
