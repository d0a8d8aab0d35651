"""Deliveries of one shape in every format that a source reads, with long and nested values where others are expected."""

from __future__ import annotations

import csv
import gzip
import io
import json
from decimal import Decimal
from random import Random
from typing import Any

import fastavro
import pyarrow as pa

from fridge_pipeline.ingest.rules.source import Source
from tests.fuzz.mutations import NESTED, ODD_TEXTS, bytes_mutated
from tests.fuzz.seeds import parquet_table
from tests.ingest.landing.test_sources import source

FORMATS = ("csv", "ndjson", "json", "parquet", "avro")

#: One for each format; dots walk into objects, structs and records.
SOURCE = """
name = "nested-{0}"
match = "*.nested-{0}~*"
format = "{0}"
tenant_id = {{ column = "ids.tenant" }}
sensor_id = {{ column = "ids.sensor" }}
recorded_at = {{ column = "at" }}
temperature = {{ column = "body.t", missing = [-127] }}
"""
RECORDS = {"json": 'records = "data.items"\n', "avro": 'records = "items"\n'}

#: Rows of so much text are repeated: what the files of a batch take is not to be taken for what a load takes.
_REPEATED_MAX = 20_000

#: Its writer tries each type for each value.
_AVRO_ROWS_MAX = 100

_LENGTHS = (501, 4_096, 5_000, 70_000, 300_000)
_PLACES = (("ids",), ("ids", "tenant"), ("ids", "sensor"), ("at",), ("body",), ("body", "t"), ("more",))


def nested_sources() -> tuple[Source, ...]:
    """The sources that read these deliveries."""
    return tuple(source(SOURCE.format(each) + RECORDS.get(each, "")) for each in FORMATS)


def nested_file(number: int, random: Random) -> tuple[str, bytes]:
    """One delivery with some values that are none, in a format, packed or not, under a name that its source reads."""
    file_format = random.choice(FORMATS)
    rows = [_row(number, at) for at in range(random.choice((1, 3, 40)))]
    for _ in range(random.choice((0, 1, 1, 2, 5))):
        _put(random.choice(rows), random.choice(_PLACES), _odd(random))
    if random.random() < 0.2 and len(json.dumps(rows)) < _REPEATED_MAX:
        rows = rows * random.choice((2, 200))
    body = _written(file_format, rows, random)
    if random.random() < 0.2:
        body = bytes_mutated(body, body, random)
    packing = random.random()
    if packing < 0.2:
        body = gzip.compress(body, mtime=0)
    elif packing < 0.4:
        body = pa.compress(body, codec="zstd", asbytes=True)
    return f"{number:06}.nested-{file_format}~x", body


def _row(number: int, at: int) -> dict[str, Any]:
    ids = {"tenant": "shop", "sensor": f"n{number}-{at}"}
    return {"ids": ids, "at": f"2026-01-31T23:{at % 60:02}:00Z", "body": {"t": 4.5, "humidity": 40}, "more": None}


def _odd(random: Random) -> Any:
    text = random.choice(("x", "é", "\0", "7", "[", '"', "💧")) * random.choice(_LENGTHS)
    levels: Any = random.choice((1, "x", None))
    for _ in range(random.choice((1, 5, 60, 300))):
        levels = [levels] if random.random() < 0.5 else {random.choice(("a", "t", "tenant", "x" * 600)): levels}
    return random.choice(
        (text, text, [text] * 3, {"t": text}, levels, random.choice(NESTED), random.choice(ODD_TEXTS), None, True,
         [4.5] * random.choice((2, 5_000)), {f"k{at}": at for at in range(random.choice((2, 3_000)))}, 2**63, -127)
    )  # fmt: skip


def _put(row: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    *above, name = place
    for each in above:
        row = row[each] if isinstance(row.get(each), dict) else row
    row[name] = value


def _written(file_format: str, rows: list[dict[str, Any]], random: Random) -> bytes:
    match file_format:
        case "csv":
            return _csv(rows)
        case "ndjson":
            return "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        case "json":
            before = {"about": random.choice((_odd(random), None))} if random.random() < 0.3 else {}
            return json.dumps({**before, "data": {"items": rows}}).encode()
        case "parquet":
            return _parquet(rows, random)
        case _:
            return _avro(rows, random)


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["ids.tenant", "ids.sensor", "at", "body.t", "more"])
    for row in rows:
        cells = [
            _inside(row, place) for place in (("ids", "tenant"), ("ids", "sensor"), ("at",), ("body", "t"), ("more",))
        ]
        writer.writerow([each if isinstance(each, str) else json.dumps(each) for each in cells])
    return text.getvalue().encode(errors="replace")


def _inside(row: Any, place: tuple[str, ...]) -> Any:
    for each in place:
        row = row.get(each) if isinstance(row, dict) else None
    return row


def _parquet(rows: list[dict[str, Any]], random: Random) -> bytes:
    try:
        return parquet_table(pa.Table.from_pylist(rows), random)
    except (pa.ArrowException, ValueError, OverflowError, TypeError):  # a column has one type: then all as text
        texts = [{name: json.dumps(value) for name, value in row.items()} for row in rows]
        return parquet_table(pa.Table.from_pylist(texts), random)


def _avro(rows: list[dict[str, Any]], random: Random) -> bytes:
    """A union of everything, so that any value can be written anywhere; and decimals of any length."""
    kinds = ["null", "boolean", "long", "double", "string"]
    value = {"type": "map", "values": kinds}
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 6_000, "scale": random.choice((0, 2, 3_000))}
    anything = [*kinds, {"type": "array", "items": kinds}, value]
    fields = [{"name": name, "type": anything} for name in ("ids", "at", "body", "more")]
    item = {"type": "record", "name": "item", "fields": [*fields, {"name": "n", "type": ["null", decimal]}]}
    whole = {"type": "record", "name": "r", "fields": [{"name": "items", "type": {"type": "array", "items": item}}]}
    number = Decimal(random.choice(("1", "9" * 300, "9" * 3_000))) if random.random() < 0.2 else None
    some = [{name: _flat(each) for name, each in row.items()} for row in rows[:_AVRO_ROWS_MAX]]
    records = [{"items": [{**row, "n": number} for row in some]}]
    target = io.BytesIO()
    fastavro.writer(target, whole, records, codec=random.choice(("null", "deflate")))
    return target.getvalue()


def _flat(value: Any, depth: int = 1) -> Any:
    """What lies deeper than the schema says, and what it has no type for, as text."""
    if isinstance(value, dict) and depth:
        return {name: _flat(each, 0) for name, each in value.items()}
    if isinstance(value, list) and depth:
        return [_flat(each, 0) for each in value]
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return str(value)
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
