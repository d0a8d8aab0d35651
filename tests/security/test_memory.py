"""Whatever a landing file holds, the process that loads it stays below 1 GiB: in each format, with what went beyond."""

from __future__ import annotations

import gzip
import subprocess
import sys
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
dsn, root, work, key, now = sys.argv[1:]
hours = HourRange(Hour.from_key(key), Hour.from_key(key))
clock = lambda: datetime.fromisoformat(now)
run = Run(Database(dsn).acting_as(PIPELINE), (), clock, "r")
list(load_hours(run, LocalLanding(root), hours, Path(work)))
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


@pytest.mark.parametrize(
    "files",
    [
        parquet_files,
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
    hour, expected = Hour(two_days_ago), {}
    for name, (body, became) in files(f"{hour.start:%Y-%m-%dT%H:%M:%SZ}".encode()).items():
        pipeline.land(hour, name, body)
        expected[name] = became
    arguments = [str(pipeline.landing), str(pipeline.workspace), hour.key, pipeline.clock().isoformat()]
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
        "select substring(path from '[^/]+$'), status, row_count::int, row_count = duplicate_count + inserted_count +"
        " (select coalesce(sum(row_count), 0) from fridge.rejected_rows as r where r.file_id = f.file_id)"
        " from fridge.landing_files as f"
    )
    assert {
        name: expected[name] if f"{status} {rows}".startswith(expected[name]) and is_whole else (status, rows)
        for name, status, rows, is_whole in books
    } == expected
