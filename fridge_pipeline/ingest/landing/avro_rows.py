"""The rows of an avro file, of columns that a source names: dots walk into records, and into bodies that hold JSON."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from struct import Struct
from typing import Any
from uuid import UUID

import polars as pl

from fridge_pipeline.ingest.landing.avro_blocks import AvroBlock, AvroFile
from fridge_pipeline.ingest.landing.json_columns import JsonColumns
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.ndjson_rows import decoded_rows, refuse_other_content

#: So much text of records is decoded at once, a line counted as so much more than its characters.
_BATCH_CHARACTERS, _LINE_CHARACTERS = 4 * 2**20, 64

#: Bytes of a decimal that is read as a number, far over any precision that is in use: the time that one takes grows
#: with the square of them.
DECIMAL_BYTES_MAX = 128

UUID_BYTES = 16

#: What this reader calls numbers of 32 bits, and how they are stored.
_SHORT, _SINGLE, _SINGLE_MAX = "fridge-short", Struct("<f"), 1e38

#: How a block's bytes can fail to be records of the schema.
_DAMAGE = (ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, ArithmeticError, RecursionError)


def avro_batches(path: Path, columns: JsonColumns) -> Iterator[pl.DataFrame]:
    """The rows block by block: ``line``, the number of the record, the columns as text, ``fault``, ``raw``.

    Raises ``UnreadableFileError`` at the first step for what is no such file, and after the good rows when it is
    damaged further on.
    """
    row_count = 0
    with path.open("rb") as stream:
        file = AvroFile(stream)
        read = _reader(file.schema)
        for block in file.blocks():
            for lines, error in _framed(_texts(block, read, file.record_bytes_max, row_count), row_count):
                if lines.height:
                    rows = decoded_rows(lines, columns)
                    if not row_count:
                        refuse_other_content(rows, "\n".join(lines["raw"]).encode(errors="replace"), columns)
                    yield rows
                row_count += lines.height
                if error is not None:
                    raise error
    if not row_count:
        raise UnreadableFileError("empty file: it has no record")


def _reader(schema: Any) -> Any:
    import fastavro  # noqa: PLC0415  # not before such a file is there
    from fastavro.read import LOGICAL_READERS  # noqa: PLC0415

    try:
        parsed = fastavro.parse_schema(_with_short(schema))
    except (fastavro.schema.SchemaParseException, *_DAMAGE) as error:
        raise UnreadableFileError(f"avro with a schema that cannot be read: {type(error).__name__}") from error
    for name in ("bytes-decimal", "fixed-decimal"):
        known = LOGICAL_READERS[name]
        LOGICAL_READERS[name] = known if isinstance(known, _Decimals) else _Decimals(known)
    LOGICAL_READERS[f"float-{_SHORT}"] = lambda number, *_: _shortest(number)
    LOGICAL_READERS["fixed-uuid"] = lambda data, *_: UUID(bytes=data) if len(data) == UUID_BYTES else data
    return lambda data: fastavro.schemaless_reader(data, parsed, None)


def _with_short(schema: Any) -> Any:
    """The schema with a logical type for numbers of 32 bits."""
    match schema:
        case "float":
            return {"type": "float", "logicalType": _SHORT}
        case {"type": "float", **more} if "name" not in more:  # with one it is a field
            return {**schema, "logicalType": _SHORT}
        case list():
            return [_with_short(each) for each in schema]
        case dict():
            inner = {key: _with_short(schema[key]) for key in ("type", "items", "values") if key in schema}
            fields = [_with_short(field) for field in schema["fields"]] if "fields" in schema else None
            return {**schema, **inner, **({} if fields is None else {"fields": fields})}
    return schema


def _shortest(number: float) -> float:
    """What a number of 32 bits was written as: 8.3, and not 8.300000190734863."""
    if not abs(number) < _SINGLE_MAX:
        return number
    shorter = (float(f"{number:.{digits}g}") for digits in (6, 7, 8, 9))
    return next(short for short in shorter if _SINGLE.unpack(_SINGLE.pack(short)) == (number,))


@dataclass(frozen=True, slots=True)
class _Decimals:
    """How fastavro makes a number of a decimal's bytes; a longer one stays bytes, which is no temperature."""

    read: Callable[..., Any]

    def __call__(self, data: bytes, *schemas: Any) -> Any:
        return data if len(data) > DECIMAL_BYTES_MAX else self.read(data, *schemas)


def _framed(texts: Iterator[str], before: int) -> Iterator[tuple[pl.DataFrame, UnreadableFileError | None]]:
    """The texts in frames of a few MB, each record a line, and what is wrong with those that are missing."""
    error, is_at_end = None, False
    while not is_at_end:
        some: list[str] = []
        characters = 0
        try:
            while characters < _BATCH_CHARACTERS:
                some.append(next(texts))
                characters += len(some[-1]) + _LINE_CHARACTERS
        except StopIteration:
            is_at_end = True
        except UnreadableFileError as damage:
            error, is_at_end = damage, True
        number = pl.int_range(before + 1, before + 1 + pl.len(), dtype=pl.Int64)
        lines = pl.DataFrame({"raw": some}, schema={"raw": pl.String}).select(number.alias("line"), "raw")
        before += lines.height
        yield lines, error


def _texts(block: AvroBlock, read: Any, record_bytes_max: int, before: int) -> Iterator[str]:
    """The block's records as JSON. Raises ``UnreadableFileError`` where one is damaged or too large.

    They are read from a window of so many bytes as one may have, which moves on where a record ends behind it.
    """
    start, at = 0, 0
    window = BytesIO(block.data[:record_bytes_max])
    for number in range(before + 1, before + 1 + block.records):
        while True:
            window.seek(at - start)
            try:
                record = read(window)
                break
            except _DAMAGE as damage:
                is_last = start + record_bytes_max >= len(block.data)
                if start == at and not is_last:
                    raise UnreadableFileError(
                        f"damaged avro in record {number}, or it has more than the limit of {record_bytes_max} bytes"
                    ) from damage
                if is_last:
                    raise _damaged(number, damage) from damage
                start, window = at, BytesIO(block.data[at : at + record_bytes_max])
        at = start + window.tell()
        try:
            yield json.dumps(_plain(record), default=_text)
        except _DAMAGE as damage:
            raise _damaged(number, damage) from damage


def _damaged(number: int, damage: Exception) -> UnreadableFileError:
    return UnreadableFileError(f"damaged avro after record {number - 1}: {str(damage)[:200]}")


def _plain(record: object) -> object:
    """The record, with bodies of JSON as what they say."""
    if isinstance(record, Mapping):
        return {name: _plain(value) for name, value in record.items()}
    if isinstance(record, bytes) and record.removeprefix(BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        try:
            return json.loads(record.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            return record
    return record


def _text(value: object) -> str:
    """What JSON has no form for, as text."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else f"{value}"
