"""The start of an unknown file as a sample: what it holds by its bytes, and the first values of its columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fridge_pipeline.ingest.landing.avro_rows import avro_batches
from fridge_pipeline.ingest.landing.content import other_content
from fridge_pipeline.ingest.landing.json_columns import JsonColumns
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.private_copy import START_BYTES, take_snapshot
from fridge_pipeline.ingest.landing.text_encoding import encoding_of
from fridge_pipeline.ingest.nested_samples import COLUMNS_MAX, columns_of_rows, nested
from fridge_pipeline.ingest.rules.guess_fields import TEXT_LENGTH_MAX
from fridge_pipeline.ingest.rules.guess_source import Sample
from fridge_pipeline.ingest.rules.senml import BASE, resolved
from fridge_pipeline.ingest.rules.source import SourceFormat, own

#: So much of a file, unpacked, and so many of its rows, are looked at.
SAMPLE_BYTES = 4 * 2**20
SAMPLE_ROWS = 200
LINE_LENGTH_MAX = 100_000

_DECODER = json.JSONDecoder()


def sample_of(file: Path, path_below_hour: str) -> Sample:
    """The start of the file. Raises ``OSError`` without one, ``UnreadableFileError`` for what holds no rows."""
    try:
        return _sample(file, path_below_hour)
    except RecursionError:
        raise UnreadableFileError("its objects or arrays lie too deep within one another") from None


def _sample(file: Path, path_below_hour: str) -> Sample:
    with (
        TemporaryDirectory(prefix="fridge-sample-") as folder,
        file.open("rb") as stream,
        take_snapshot(stream, Path(folder), None, by_content=True) as snapshot,
    ):
        with snapshot.path.open("rb") as plain:
            start = plain.read(SAMPLE_BYTES)
        if start.startswith(b"PAR1"):
            return Sample(path_below_hour, SourceFormat.PARQUET, _columns(_parquet_records(snapshot.path)))
        if start.startswith(b"Obj\x01"):
            return Sample(path_below_hour, SourceFormat.AVRO, _columns(_avro_records(snapshot.path)))
    encoding = _encoding(start)
    text = start.decode(encoding_of(start, encoding or "utf-8"), errors="replace").strip()
    if not text:
        raise UnreadableFileError("empty file")
    if text[0] in "{[":
        return _json_sample(text, path_below_hour)
    if other := other_content(start[:START_BYTES], SourceFormat.CSV):
        raise UnreadableFileError(other)
    return Sample(
        path_below_hour,
        SourceFormat.CSV,
        lines=tuple(line[:LINE_LENGTH_MAX] for line in text.splitlines()[:SAMPLE_ROWS]),
        encoding=encoding,
    )


def _encoding(start: bytes) -> str:
    """What text is in that is neither UTF-8 nor marked as something else: most likely that of western Windows."""
    if not encoding_of(start, ""):
        try:
            start[: start.rfind(b"\n") + 1].decode()
        except UnicodeDecodeError:
            return "windows-1252"
    return ""


def _json_sample(text: str, path: str) -> Sample:
    whole = _objects(text.splitlines())
    inner = _longest_array(whole[0]) if len(whole) == 1 else ""
    if whole and not inner:
        return Sample(path, SourceFormat.NDJSON, _columns(whole), nested=tuple(nested(whole)))
    values = list(islice(_one_by_one(text, int(text[0] == "[")), SAMPLE_ROWS))
    ways = tuple(nested(values))
    records: list[Mapping[str, object]] = [value for value in values if isinstance(value, dict)]
    if any(name in record for record in records for name in BASE):
        base: dict[str, object] = {}
        return Sample(path, SourceFormat.SENML, _columns([resolved(record, base) for record in records]))
    if text[0] == "{" and len(records) == 1 and (inner := _longest_array(records[0])):
        columns = _columns(_at(records[0], inner)[:SAMPLE_ROWS])
        return Sample(path, SourceFormat.JSON, columns, records=inner, nested=ways)
    return Sample(path, SourceFormat.JSON, _columns(records), nested=ways)


def _objects(lines: list[str]) -> list[Mapping[str, object]]:
    """The objects of lines that hold one each; none where most lines hold something else."""
    there = [line for line in lines if line.strip()][:SAMPLE_ROWS]
    found: list[Mapping[str, object]] = [value for value in map(_value, there) if isinstance(value, dict)]
    return found if 2 * len(found) > len(there) else []


def _value(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _one_by_one(text: str, at: int) -> Iterator[object]:
    """Objects and arrays that stand one behind the other, commas or nothing between, until the text is cut off."""
    while (at := next((place for place in range(at, len(text)) if text[place] not in ", \t\r\n"), len(text))) < len(
        text
    ):
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        if isinstance(value, (dict, list)):
            yield value


def _longest_array(value: Mapping[str, object], path: str = "") -> str:
    """Where the longest array of objects stands in an object, dots between the keys; empty without one."""
    found, longest = "", 0
    for key, inner in value.items():
        name = f"{path}.{key}" if path else key
        if "." in key or len(name) > TEXT_LENGTH_MAX:  # to a key with a dot no path of a document leads
            continue
        if isinstance(inner, list) and inner and all(isinstance(each, dict) for each in inner) and len(inner) > longest:
            found, longest = name, len(inner)
        elif isinstance(inner, dict) and not found:
            found = _longest_array(inner, name)
    return found


def _at(value: Mapping[str, object], path: str) -> list[Mapping[str, object]]:
    inner: object = value
    for key in path.split("."):
        inner = inner[key] if isinstance(inner, Mapping) else inner
    return inner if isinstance(inner, list) else []


def _avro_records(path: Path) -> list[Mapping[str, object]]:
    texts = (
        text
        for rows in avro_batches(path, JsonColumns({"none": "none"}, (), optional=["none"]))
        for text in rows["raw"]
    )
    return [json.loads(text) for text in islice(texts, SAMPLE_ROWS)]


def _parquet_records(path: Path) -> list[Mapping[str, object]]:
    # Not before a parquet file is there: it brings pyarrow (see Database.connect_bulk).
    from fridge_pipeline.ingest.landing.parquet_rows import Chosen, parquet_batches, type_at, types_of  # noqa: PLC0415

    def plain(schema: Any) -> list[Chosen]:
        names = [name for name in types_of(schema) if (found := type_at(schema, name)) and not found.num_fields]
        return [Chosen(own(name), name, is_id=False) for name in names[:COLUMNS_MAX]]

    rows = (row for some in parquet_batches(path, SAMPLE_ROWS, plain) for row in some["raw"])
    return list(islice(rows, SAMPLE_ROWS))


def _columns(records: list[Mapping[str, object]]) -> dict[str, list[str]]:
    """The values by the names of the leaves, dots between the keys, as text; empty where a record has none."""
    return columns_of_rows([dict(islice(_leaves(record), COLUMNS_MAX)) for record in records])


def _leaves(record: Mapping[str, object], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        name = f"{path}.{key}" if path else str(key)
        if len(name) > TEXT_LENGTH_MAX:
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, name)
        elif not isinstance(value, list):
            yield name, _text(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else f"{value}"
