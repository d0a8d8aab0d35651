"""Valid landing files of every format, written as different gateways write them; the same for the same seed."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.rules.landing_files import FileFormat

FIELDS = ["tenant_id", "sensor_id", "recorded_at", "temperature_c"]
Values = list[Any]

_TENANTS = ("clinic", "shop", "lab", "größe", "1042", "冷蔵庫")
_TIME_FORMS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f+00:00", "%Y-%m-%dT%H:%M:%S+0000")
_CODECS = ("none", "snappy", "gzip", "zstd", "lz4", "brotli")


@dataclass(frozen=True)
class Seed:
    """A valid file: its format, its rows (``names`` say of what), and its bytes without compression as a whole."""

    format: FileFormat
    names: list[str]
    rows: list[Values]
    body: bytes


def seed_file(random: Random, hour: Hour, label: str) -> Seed:
    """A valid file with readings that no other label has."""
    file_format = random.choice(list(FileFormat))
    rows = [_row(random, hour, label) for _ in range(random.choice((1, 2, 3, 5, 9, 17, 40)))]
    names = list(FIELDS)
    if random.random() < 0.3:
        names.append("battery")
        rows = [[*row, random.choice((None, "3.1", "low"))] for row in rows]
    if random.random() < 0.3:
        order = random.sample(range(len(names)), len(names))
        names, rows = [names[at] for at in order], [[row[at] for at in order] for row in rows]
    return Seed(file_format, names, rows, written(random, file_format, names, rows))


def _row(random: Random, hour: Hour, label: str) -> Values:
    second = random.randrange(3600)
    # Within a second always the same moment: some forms of a time have no fraction, and must not make two readings one.
    at = hour.start + timedelta(seconds=second, microseconds=250_000 * (second % 2))
    sensor = f"{label}-{random.randrange(5)}"
    return [random.choice(_TENANTS), sensor, at, round(random.uniform(-30, 12), 2)]


def written(random: Random, file_format: FileFormat, names: list[str], rows: list[Values]) -> bytes:
    """Rows as a file of this format, in one of several manners, not compressed as a whole."""
    if file_format is FileFormat.PARQUET:
        return parquet_of(names, rows, random)
    if file_format in (FileFormat.CSV, FileFormat.CSV_GZ):
        return csv_of(names, rows, random)
    return ndjson_of(names, rows, random)


def csv_of(names: list[str], rows: list[Values], random: Random) -> bytes:
    """With or without quotes, byte order mark, carriage returns and a last line end."""
    text, form = io.StringIO(), random.choice(_TIME_FORMS)
    end = random.choice(("\n", "\r\n"))
    quoting: Literal[0, 1] = 0 if random.random() < 0.5 else 1  # csv.QUOTE_MINIMAL, csv.QUOTE_ALL
    writer = csv.writer(text, lineterminator=end, quoting=quoting)
    writer.writerow(names)
    writer.writerows([[_shown(value, form) for value in row] for row in rows])
    body = text.getvalue().encode(errors="replace")
    body = body.removesuffix(end.encode()) if random.random() < 0.3 else body
    return b"\xef\xbb\xbf" + body if random.random() < 0.2 else body


def ndjson_of(names: list[str], rows: list[Values], random: Random) -> bytes:
    """As JSON texts, with or without spaces and escapes."""
    form, ascii_only = random.choice(_TIME_FORMS), random.random() < 0.5
    separators = random.choice(((",", ":"), (", ", ": ")))
    lines = [
        json.dumps(
            {name: _jsonable(value, form) for name, value in zip(names, row, strict=False)},
            separators=separators,
            ensure_ascii=ascii_only,
        )
        for row in rows
    ]
    return "\n".join([*lines, ""]).encode(errors="replace")


def parquet_of(names: list[str], rows: list[Values], random: Random) -> bytes:
    """With one of several codecs, page versions and sizes of row groups."""
    columns = [pa.array([row[at] for row in rows]) for at in range(len(names))] if rows else []
    return parquet_table(pa.table(columns, names=names), random)


def parquet_table(table: Any, random: Random) -> bytes:
    """Any table as parquet."""
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        compression=random.choice(_CODECS),
        use_dictionary=random.random() < 0.5,
        dictionary_pagesize_limit=random.choice((2**20, 2**20, 2**30)),
        data_page_version=random.choice(("1.0", "2.0")),
        row_group_size=random.choice((1, 3, 1000)),
        write_page_checksum=random.random() < 0.2,
        store_schema=random.random() < 0.8,
    )
    return sink.getvalue()


def packed(body: bytes, random: Random) -> bytes:
    """As gzip, in one member or two, perhaps padded with zeros as tapes do."""
    if random.random() < 0.2:
        cut = random.randrange(len(body) + 1)
        return gzip.compress(body[:cut], mtime=0) + gzip.compress(body[cut:], mtime=0)
    return gzip.compress(body, random.choice((0, 1, 9)), mtime=0) + b"\0" * random.choice((0, 0, 0, 512))


def _shown(value: Any, form: str) -> Any:
    if isinstance(value, datetime):
        return value.strftime(form)
    return value if isinstance(value, (str, int, float)) or value is None else str(value)


def _jsonable(value: Any, form: str) -> Any:
    if isinstance(value, datetime):
        return value.strftime(form)
    if isinstance(value, (bytes, Decimal)):
        return str(value)
    return value
