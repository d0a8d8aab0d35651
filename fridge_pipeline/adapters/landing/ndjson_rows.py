"""The rows of an ndjson file: one JSON object per line.

The fast way decodes a whole block in polars; a block with anything odd is decoded line by line. Both give
the same rows: the first of a repeated key counts, an id is text or an integer, other scalars become the text
that JSON shows them as. A line that is no JSON object is rejected and its neighbours load.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import polars as pl

from fridge_pipeline.adapters.landing.columns import missing_columns
from fridge_pipeline.adapters.landing.errors import UnreadableFileError
from fridge_pipeline.adapters.landing.lines import fault_row, lines_of, raw_rows
from fridge_pipeline.domain.reading import FIELDS, RAW_SCHEMA, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fridge_pipeline.adapters.landing.lines import BlockReader

_OBJECT = pl.Struct(dict.fromkeys(FIELDS, pl.String()))
_IDS = ("tenant_id", "sensor_id")

#: Lines that polars decodes more generously than the rules above: no object, or an id that is no integer.
_ODD = r'^[ \t]*[^{ \t]|"(?:tenant_id|sensor_id)"[ \t\r]*:[ \t\r]*(?:-?[0-9]+[.eE]|t|f)'
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, from an escape such as \ud800


def ndjson_batches(source: BlockReader) -> Iterator[pl.DataFrame]:
    """The rows of an ndjson file, as in ``RAW_SCHEMA``, block by block.

    Raises ``UnreadableFileError`` before the first row when the first block holds no JSON object, or when
    none of its objects has one of the four keys.
    """
    is_checked = has_fault = False
    while (block := source.next()) is not None:
        if block.fault:
            has_fault = True
            yield fault_row(block)
            continue
        lines = lines_of(block)
        if lines.is_empty():
            continue
        rows = _decoded(lines)
        rows = _carefully_decoded(lines) if rows is None else rows
        if not is_checked:
            _refuse_other_content(rows, block.data)
            is_checked = True
        yield rows
    if not (is_checked or has_fault):
        raise UnreadableFileError("empty file: it has no line")


def _decoded(lines: pl.DataFrame) -> pl.DataFrame | None:
    """The rows, decoded at once; None when a line is odd and needs care."""
    if lines["raw"].str.contains(_ODD).any():
        return None
    try:
        return (
            lines.lazy()
            .with_columns(pl.col("raw").str.json_decode(_OBJECT).alias("decoded"))
            .unnest("decoded")
            .with_columns(fault=pl.lit(None, pl.String))
            .select(RAW_SCHEMA.names())
            .collect(engine="streaming")
            .rechunk()  # decoding leaves chunks with five times the memory of their text
        )
    except (pl.exceptions.ComputeError, pl.exceptions.ShapeError):
        return None  # it does not say which line; reading each by itself does


def _carefully_decoded(lines: pl.DataFrame) -> pl.DataFrame:
    columns: dict[str, list[object]] = {name: [] for name in RAW_SCHEMA}
    for line, raw in lines.select("line", "raw").iter_rows():
        decoded = _object(raw)
        fault = _fault(decoded)
        for name in FIELDS:
            columns[name].append(_text(decoded.get(name)) if decoded and not fault else None)
        for name, value in (("line", line), ("fault", fault), ("raw", raw)):
            columns[name].append(value)
    return raw_rows(columns)


def _object(line: str) -> dict[str, object] | None:
    """The JSON object a line holds, None when it is something else."""
    try:
        decoded = json.loads(line, object_pairs_hook=_first_of_each)
    except (ValueError, RecursionError):  # no JSON; brackets nested a thousand deep
        return None
    return decoded if isinstance(decoded, dict) else None


def _first_of_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return dict(reversed(pairs))


def _fault(decoded: dict[str, object] | None) -> Reason | None:
    if decoded is None:
        return Reason.NOT_A_JSON_OBJECT
    ids = (decoded.get(name) for name in _IDS)
    is_text = (isinstance(value, str | int | None) and not isinstance(value, bool) for value in ids)
    return None if all(is_text) else Reason.ID_NOT_TEXT


def _text(value: object) -> str | None:
    """A JSON value as the text of a field, None for null."""
    if value is None:
        return None
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    return json.dumps(value)


def _refuse_other_content(rows: pl.DataFrame, data: bytes) -> None:
    if (rows["fault"] == Reason.NOT_A_JSON_OBJECT.value).all(ignore_nulls=False):
        raise UnreadableFileError(f"no line is a JSON object; the first is {rows['raw'][0][:200]!r}")
    missing = [name for name in FIELDS if rows[name].null_count() == rows.height and _is_absent(name, data)]
    if missing:
        first = next(decoded for raw in rows["raw"] if (decoded := _object(raw)) is not None)
        raise missing_columns(missing, list(reversed(first)))


def _is_absent(name: str, data: bytes) -> bool:
    return f'"{name}"'.encode() not in data
