"""Whatever a landing file holds, the process that loads it stays below 1 GiB: in each format, with what went beyond."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.rules.reading import FIELDS
from tests.pipeline import Pipeline

PEAK_MB_MAX = 1024
MB = 2**20

MEASURED = """
import resource, sys
from datetime import datetime
from pathlib import Path
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.run import Run
from fridge_pipeline.database.schema import PIPELINE
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.ingest.load import load_hours
from fridge_pipeline.ingest.sources_file import read_sources
dsn, root, work, key, now, sources = sys.argv[1:]
hours = HourRange(Hour.from_key(key), Hour.from_key(key))
clock = lambda: datetime.fromisoformat(now)
run = Run(Database(dsn).acting_as(PIPELINE), (), clock, "r")
list(load_hours(run, LocalLanding(root, read_sources(sources) if sources else ()), hours, Path(work)))
status = Path("/proc/self/status")  # ru_maxrss also holds the peak of whoever started the process
if status.exists():
    print(next(int(line.split()[1]) // 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM")))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20)
"""

HEADER = b"tenant_id,sensor_id,recorded_at,temperature_c\n"
OBJECT = b'{"tenant_id":"a","sensor_id":"b","recorded_at":"%s","temperature_c":4}\n'


def parquet(columns: Mapping[str, Any], **options: Any) -> bytes:
    target = BytesIO()
    pq.write_table(pa.table(columns), target, compression="zstd", **options)
    return target.getvalue()


def same(value: str, rows: int) -> dict[str, Any]:
    """Four columns that hold one value in every row, as a dictionary."""
    one = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))
    return dict.fromkeys(FIELDS, one)


def spread(value: str, rows: int) -> dict[str, Any]:
    return dict.fromkeys(FIELDS, pa.array([value] * rows))


def parquet_files(_: bytes) -> dict[str, tuple[bytes, str]]:
    """Name → bytes, and what becomes of it: status and rows."""
    delta = {"use_dictionary": False, "column_encoding": dict.fromkeys(FIELDS, "DELTA_BYTE_ARRAY")}
    whole_page = {"use_dictionary": False, "data_page_size": 2**29, "write_batch_size": 10**6}
    struct = pa.array([{"a": 1, "b": 2}] * 200, pa.struct({"a": pa.int8(), "b": pa.int8()}))
    few = same("x", 50_005)
    return {
        "megabytes.parquet": (parquet(same("x" * MB, 100_000)), "loaded 100000"),
        "kilobytes.parquet": (parquet(same("x" * 4_000, 50_000)), "loaded 50000"),
        "prefixes.parquet": (parquet(spread("x" * 20_000, 10_000), **{**whole_page, **delta}), "loaded 10000"),
        "beside-a-struct.parquet": (
            parquet({**spread("x" * 2 * MB, 200), "s": struct}, use_dictionary=False),
            "unreadable 0",
        ),
        "pages.parquet": (parquet(spread("x" * MB, 100), **whole_page), "unreadable 0"),
        "2000-groups.parquet": (parquet(same("x", 10_000), row_group_size=5), "loaded 10000"),
        "10001-groups.parquet": (parquet(few, row_group_size=5), "unreadable 0"),
    }


def csv_files(_: bytes) -> dict[str, tuple[bytes, str]]:
    return {
        "two-bytes.csv": (HEADER + b"x\n" * 600_000, "loaded 600000"),
        "long.csv": (HEADER + (b"a,s," + b"x" * 15 * MB + b"\n") * 4, "loaded 4"),
        "commas.csv": (b"," * 3 * MB + HEADER + (b"," * (3 * MB + 3) + b"\n") * 4, "loaded 4"),
    }


def packed_csv_files(at: bytes) -> dict[str, tuple[bytes, str]]:
    wide = b"a,s," + at + b"," + b"4" * 16_000 + b"\n"
    tenants = b"".join(b"%06d%s,s,%s,4\n" % (number, b"q" * 480, at) for number in range(150_000))
    return {
        "wide.csv.gz": (gzip.compress(HEADER + wide * 60_000, 1), "loaded 60000"),
        "tenants.csv.gz": (gzip.compress(HEADER + tenants, 1), "damaged"),
    }


def ndjson_files(at: bytes) -> dict[str, tuple[bytes, str]]:
    nested = '{"tenant_id":1.5,"y":"💧","x":['.encode() + b'{"a":0},' * 1_900_000 + b"1]}\n"
    return {
        "empty.ndjson": (OBJECT % at + b"{}" * 600_000, "loaded 600001"),
        "nested.ndjson": (OBJECT % at + nested * 2, "loaded 3"),
    }


def packed_ndjson_files(at: bytes) -> dict[str, tuple[bytes, str]]:
    wide = (OBJECT % at).replace(b'"b"', b'"' + b"s" * 16_000 + b'"')
    return {"wide.ndjson.gz": (gzip.compress(wide * 60_000, 1), "loaded 60000")}


#: A source for each format, by the folder of its files.
SOURCES = "".join(
    f"""[[source]]
name = "{name}"
match = "{name}/*"
format = "{name.partition("-")[0]}"
{more}
tenant_id = {{ value = "t" }}
recorded_at = {{ column = "at" }}
{"wide = { columns = '^T[0-9]+$' }" if "wide" in name else 'sensor_id = { column = "s" }'}
temperature = {{ {"" if "wide" in name else 'column = "t"'} }}
"""
    for name, more in {
        **dict.fromkeys(("avro", "json", "ndjson", "csv-wide", "ndjson-wide", "json-wide", "parquet-wide"), ""),
        "json-data": 'records = "data"',
        "json-star": 'records = "d.*.x"',
        "avro-inside": 'records = "a"',
    }.items()
)


def varint(number: int) -> bytes:
    """As avro writes it."""
    left, written = number * 2, b""
    while left > 127:
        written, left = written + bytes([left & 127 | 128]), left >> 7
    return written + bytes([left])


def avro(fields: Mapping[str, Any], records: int, data: bytes) -> bytes:
    """A file of one deflated block, as our own hand makes it: writers would refuse to."""
    schema = {"type": "record", "name": "r", "fields": [{"name": each, "type": kind} for each, kind in fields.items()]}
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = stream.compress(data) + stream.flush()
    said = {b"avro.schema": json.dumps(schema).encode(), b"avro.codec": b"deflate"}
    entries = b"".join(varint(len(key)) + key + varint(len(value)) + value for key, value in said.items())
    sync = b"s" * 16
    return (
        b"Obj\x01" + varint(len(said)) + entries + b"\0" + sync + varint(records) + varint(len(packed)) + packed + sync
    )


def avro_files(_: bytes) -> dict[str, tuple[bytes, str]]:
    one = {"type": "record", "name": "q", "fields": [{"name": "b", "type": "boolean"}]}
    many, fits = 60 * MB, 340_000
    empty = dict.fromkeys(("s", "at", "t"), "null")  # the source's columns: a file without them is refused at once
    array, map_of_text = {"a": {"type": "array", "items": one}} | empty, {"type": "map", "values": "string"}
    doubled: Any = "null"
    for number in range(40):
        doubled = {
            "type": "record",
            "name": f"d{number}",
            "fields": [{"name": "x", "type": doubled}, {"name": "y", "type": f"d{number - 1}" if number else "null"}],
        }
    return {
        "avro/rows.avro": (avro({"a": "boolean"} | empty, 300_000, b"\1" * 300_000), "loaded 300000"),
        "avro/array.avro": (avro(array, 1, varint(many) + b"\1" * many + b"\0"), "unreadable 0"),
        "avro/arrays.avro": (avro(array, 9, (varint(fits) + b"\1" * fits + b"\0") * 9), "loaded 9"),
        "avro-inside/arrays.avro": (avro(array, 3, (varint(90_000) + b"\1" * 90_000 + b"\0") * 3), "loaded 270000"),
        "avro/maps.avro": (
            avro({"a": {"type": "array", "items": map_of_text}}, 1, varint(many) + b"\0" * many),
            "unreadable 0",
        ),
        "avro/itself.avro": (avro({"x": ["null", "r"]}, 1, b"\2" * 5 * MB + b"\0"), "unreadable 0"),
        "avro/doubled.avro": (avro({"a": "boolean", "x": doubled}, 5, b"\1" * 5), "unreadable 0"),
        "avro/less-than-none.avro": (
            avro({"x": doubled, "y": {"type": "fixed", "name": "f", "size": -(2**60)}}, 5, b"\1" * 5),
            "unreadable 0",
        ),
        "avro/size.avro": (avro({"y": {"type": "fixed", "name": "f", "size": "2x"}}, 5, b"\1" * 5), "unreadable 0"),
        "avro/names.avro": (
            avro({"a": {"type": "array", "items": {"type": "enum", "name": "e", "symbols": ["x" * 900_000]}}}, 1,
                 varint(MB) + b"\0" * MB + b"\0"),
            "unreadable 0",
        ),
    }  # fmt: skip


def json_files(at: bytes) -> dict[str, tuple[bytes, str]]:
    record = b'{"s":"a","at":"%s","t":4},' % at
    inside = b'{"":0},' * (15 * MB // 7)
    return {
        "json/emoji.json": ('["💧",'.encode() + record * (90 * MB // len(record)) + b"{}]", "loaded "),
        "json/one-record.json": (b'[{"a":[' + b"{}," * (30 * MB) + b"1]}]", "unreadable 0"),
        "json-data/passed.json": (b'{"a":[' + b'{"b":[0]},' * (9 * MB) + b'1],"data":[' + record + b"{}]}", "loaded 2"),
        "json-star/whole.json": (b'{"s":0,"at":0,"t":0,"d":{"k":{"x":[' + inside + b"{}]}}}", "loaded "),
        "json-star/emoji.json": (
            '{"💧":{},"s":0,"at":0,"t":0,"d":{"k":{"x":['.encode() + inside + b"{}]}}}",
            "loaded ",
        ),
        "json-star/more.json": (b'{"d":{"k":{"x":[' + b'{"":0},' * (3 * MB) + b"{}]}}}", "unreadable 0"),
    }


def wide_files(at: bytes) -> dict[str, tuple[bytes, str]]:
    """Two thousand columns, and more than that."""

    def csv(columns: int, rows: int) -> bytes:
        names = b",".join(b"T%d" % number for number in range(columns))
        return b"at," + names + b"\n" + (at + b",1" * columns + b"\n") * rows

    def of_json(columns: int) -> bytes:
        return b'{"at":"%s",%s}' % (at, b",".join(b'"T%d":1' % number for number in range(columns)))

    def of_parquet(columns: int) -> bytes:
        return parquet({"at": [at.decode()] * 50, **{f"T{number}": [1.0] * 50 for number in range(columns)}})

    return {
        "csv-wide/fits.csv": (csv(2_000, 50), "loaded 100000"),
        "csv-wide/more.csv": (csv(400_000, 2), "unreadable 0"),
        "ndjson-wide/fits.ndjson": ((of_json(2_000) + b"\n") * 20, "loaded 40000"),
        "ndjson-wide/more.ndjson": (of_json(300_000) + b"\n", "unreadable 0"),
        "json-wide/more.json": (b"[" + of_json(300_000) + b"]", "unreadable 0"),
        "parquet-wide/more.parquet": (of_parquet(11_000), "unreadable 0"),
    }


def zstd_files(at: bytes) -> dict[str, tuple[bytes, str]]:
    """The largest window that a reader takes unasked, and a bomb."""
    line = b'{"s":"a","at":"%s","t":4}\n' % at
    return {
        "ndjson/window.ndjson.zst": (pa.Codec("zstd", 22).compress(line * 2_000_000, asbytes=True), "damaged"),
    }


@pytest.mark.parametrize(
    "files",
    [
        parquet_files,
        avro_files,
        pytest.param(json_files, marks=pytest.mark.prove),
        pytest.param(wide_files, marks=pytest.mark.prove),
        zstd_files,
        csv_files,
        ndjson_files,
        pytest.param(packed_csv_files, marks=pytest.mark.prove),
        pytest.param(packed_ndjson_files, marks=pytest.mark.prove),
    ],
    ids=lambda made: made.__name__,
)
def test_a_load_stays_below_1_gib_and_accounts_for_every_row_of(
    pipeline: Pipeline, two_days_ago: datetime, files: Callable[[bytes], dict[str, tuple[bytes, str]]]
) -> None:
    hour = Hour(two_days_ago)
    require_bounded(pipeline, hour, files(f"{hour.start:%Y-%m-%dT%H:%M:%SZ}".encode()), SOURCES)


def require_bounded(pipeline: Pipeline, hour: Hour, files: Mapping[str, tuple[bytes, str]], sources: str) -> None:
    """Loads the files in a process of its own, which stays below the limit, and each becomes what is said of it."""
    expected = {}
    for name, (body, became) in files.items():
        pipeline.land(hour, name, body)
        expected[name] = became
    is_of_sources = any("/" in name for name in expected)
    arguments = [str(pipeline.landing), str(pipeline.workspace), hour.key, pipeline.clock().isoformat()]
    arguments.append(sources if is_of_sources else "")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, pipeline.database.owned.dsn, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert int(done.stdout) < PEAK_MB_MAX
    books = pipeline.rows(
        "select substring(path from '^[^/]+/[^/]+/(.+)$'), status, row_count::int,"
        " row_count = duplicate_count + inserted_count +"
        " (select coalesce(sum(row_count), 0) from fridge.rejected_rows as r where r.file_id = f.file_id)"
        " from fridge.landing_files as f"
    )
    assert {
        name: expected[name] if f"{status} {rows}".startswith(expected[name]) and is_whole else (status, rows)
        for name, status, rows, is_whole in books
    } == expected
