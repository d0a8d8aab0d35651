"""Content under the name of another format is an exception that says what it is, and what to deliver."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fridge_pipeline.ingest.rules.landing_files import FileFormat
from tests.ingest.landing.delivery import HEADER, TIME, deliver, line, row

CSV = (HEADER + row("a") + "\n").encode()
NDJSON = (line("a") + "\n" + line("b") + "\n").encode()
TABLE = pa.table({"tenant_id": ["t1"], "sensor_id": ["a"], "recorded_at": [TIME], "temperature_c": [4.5]})


def made(write: Any) -> bytes:
    target = io.BytesIO()
    write(target)
    return target.getvalue()


def zipped(target: io.BytesIO) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.csv", CSV)


def archived(target: io.BytesIO) -> None:
    with tarfile.open(fileobj=target, mode="w") as archive:
        member = tarfile.TarInfo("a.csv")
        member.size = len(CSV)
        archive.addfile(member, io.BytesIO(CSV))


def as_arrow(target: io.BytesIO) -> None:
    with pa.ipc.new_file(target, TABLE.schema) as writer:
        writer.write_table(TABLE)


PARQUET = made(lambda target: pq.write_table(TABLE, target))
PACKED = {
    "zstd-compressed data": pa.Codec("zstd").compress(CSV, asbytes=True),
    "a zip archive or a spreadsheet": made(zipped),
    "bzip2-compressed data": bz2.compress(CSV),
    "xz-compressed data": lzma.compress(CSV),
    "lz4-compressed data": pa.Codec("lz4").compress(CSV, asbytes=True),
    "zlib-compressed data": zlib.compress(CSV),
    "a tar archive": made(archived),
    "Arrow (feather)": made(as_arrow),
    "avro": b"Obj\x01\x04\x16avro.schema\x00",
    "ORC": b"ORC\x00\x11\x22",
    "a web page or XML": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "UTF-16 or UTF-32 text": CSV.decode().encode("utf-16"),
}
#: What each name may hold; everything else in the class is refused under it.
RIGHT = {
    FileFormat.CSV: CSV,
    FileFormat.CSV_GZ: gzip.compress(CSV),
    FileFormat.NDJSON: NDJSON,
    FileFormat.NDJSON_GZ: gzip.compress(NDJSON),
    FileFormat.PARQUET: PARQUET,
}
PLAIN = {"csv text": CSV, "JSON text": NDJSON, "parquet": PARQUET, "gzip-compressed data": gzip.compress(CSV)}


@pytest.mark.parametrize("name", list(FileFormat))
@pytest.mark.parametrize("what", list(PACKED))
def test_what_is_none_of_ours_is_named_under_every_name(what: str, name: FileFormat) -> None:
    outcome = deliver(PACKED[what], f"x.{name}")

    assert outcome.row_count == 0
    assert outcome.error is not None
    assert outcome.error.startswith(f"this is {what}")
    assert f", named .{name}; deliver " in outcome.error


@pytest.mark.parametrize("name", list(FileFormat))
@pytest.mark.parametrize("what", list(PLAIN))
def test_one_of_our_formats_under_the_name_of_another_is_named_as_what_it_is(what: str, name: FileFormat) -> None:
    content = PLAIN[what]
    if content == RIGHT[name]:
        assert deliver(content, f"x.{name}").sensors[0][1] == "a"
        return
    if what == "gzip-compressed data" and name.is_gzip:  # csv, packed rightly, named ndjson.gz
        what = "csv text"
    outcome = deliver(content, f"x.{name}")

    assert outcome.row_count == 0
    assert outcome.error is not None
    assert outcome.error.startswith(f"this is {what}, named .{name}; deliver ")


@pytest.mark.parametrize("name", [FileFormat.CSV_GZ, FileFormat.NDJSON_GZ])
@pytest.mark.parametrize("what", [*PACKED, "parquet", "gzip-compressed data"])
def test_what_gzip_unpacks_to_is_named_too(what: str, name: FileFormat) -> None:
    outcome = deliver(gzip.compress({**PACKED, **PLAIN}[what]), f"x.{name}")

    assert outcome.row_count == 0
    assert outcome.error is not None
    assert outcome.error.startswith(f"this holds {what}")


@pytest.mark.parametrize("content", [NDJSON, b"\xef\xbb\xbf\n " + NDJSON, b"[\n" + NDJSON, b'{\n "tenant_id": "t1"\n}'])
def test_json_named_csv_says_so_before_it_says_which_columns_are_missing(content: bytes) -> None:
    for name, delivered in (("x.csv", content), ("x.csv.gz", gzip.compress(content))):
        error = deliver(delivered, name).error
        assert error is not None
        assert error.startswith("this is JSON text, named .csv")


@pytest.mark.parametrize("content", [b"\x01\x02\x03" * 9, b"\x1f", b"\x1f\x8a\x08\0\0\0"])
def test_what_nobody_recognizes_is_damaged_gzip_as_its_name_says(content: bytes) -> None:
    error = deliver(content, "x.csv.gz").error

    assert error is not None
    assert error.startswith(("damaged gzip", "gzip cut off"))


@pytest.mark.parametrize("first", ["ORC", "PK", "Obj", "ARROW1", "BZh", "7z", "xyz", "PAR", "<b>", "{note}", "[x]"])
def test_a_column_called_like_the_mark_of_a_format_makes_no_file_unreadable(first: str) -> None:
    outcome = deliver(f"{first},{HEADER}1,{row('a')}\n", "x.csv")

    assert (outcome.error, outcome.sensors) == (None, [(2, "a")])
