"""The rows of an avro file, of columns that a source names: dots walk into records, and into bodies that hold JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from fridge_pipeline.ingest.landing.avro_blocks import AvroBlock, AvroFile
from fridge_pipeline.ingest.landing.json_columns import JsonColumns
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.ndjson_rows import decoded_rows

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
            lines, error = _texts(block, read, row_count)
            row_count += lines.height
            if lines.height:
                yield decoded_rows(lines, columns)
            if error is not None:
                raise error
    if not row_count:
        raise UnreadableFileError("empty file: it has no record")


def _reader(schema: Any) -> Any:
    import fastavro  # noqa: PLC0415  # not before such a file is there

    try:
        parsed = fastavro.parse_schema(schema)
    except (fastavro.schema.SchemaParseException, *_DAMAGE) as error:
        raise UnreadableFileError(f"avro with a schema that cannot be read: {str(error)[:200]}") from error
    return lambda data: fastavro.schemaless_reader(data, parsed, None)


def _texts(block: AvroBlock, read: Any, before: int) -> tuple[pl.DataFrame, UnreadableFileError | None]:
    """The block's records as JSON, one a line, and what is wrong with those that are missing."""
    data, texts, error = BytesIO(block.data), list[str](), None
    try:
        for _ in range(block.records):
            texts.append(json.dumps(_plain(read(data)), default=_text))
    except _DAMAGE as damage:
        error = UnreadableFileError(f"damaged avro after record {before + len(texts)}: {str(damage)[:200]}")
    lines = pl.DataFrame({"raw": texts}, schema={"raw": pl.String}).select(
        pl.int_range(before + 1, before + 1 + pl.len(), dtype=pl.Int64).alias("line"), "raw"
    )
    return lines, error


def _plain(record: object) -> object:
    """The record, with bodies of JSON as what they say."""
    if isinstance(record, Mapping):
        return {name: _plain(value) for name, value in record.items()}
    if isinstance(record, bytes) and record[:1] in (b"{", b"["):
        try:
            return json.loads(record)
        except ValueError:
            return record
    return record


def _text(value: object) -> str:
    """What JSON has no form for, as text."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else f"{value}"
