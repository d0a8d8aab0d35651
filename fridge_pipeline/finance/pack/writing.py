"""Writes a pack: the same books give the same bytes, as CSV, as Parquet and as one file."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from csv import reader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


#: ZIP knows no earlier time. The time at which a pack was made stands in its pack.json.
FIXED_TIME = (1980, 1, 1, 0, 0, 0)

_FILE_MODE = 0o100644 << 16
_UNIX = 3


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_below(folder: Path) -> dict[str, Path]:
    """Relative path with slashes → file, sorted by path."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return dict(sorted(found.items()))


def write_zip(folder: Path, name: str, target: Path) -> None:
    """Packs all files below a folder as files of the folder ``name`` within the ZIP, and puts them on the disk."""
    with target.open("wb") as stream:
        with zipfile.ZipFile(stream, "w") as archive:
            for path, file in files_below(folder).items():
                entry = zipfile.ZipInfo(f"{name}/{path}", FIXED_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = _UNIX
                entry.external_attr = _FILE_MODE
                entry.file_size = file.stat().st_size  # tells whether it needs the large form
                with file.open("rb") as source, archive.open(entry, "w") as packed:
                    shutil.copyfileobj(source, packed, 2**20)
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def work_folder(beside: Path) -> Iterator[Path]:
    """A folder of its own on the disk of a file that is to be made; gone afterwards."""
    beside.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".evidence-", dir=beside.parent) as folder:
        yield Path(folder)


def put_in_place(made: Path, target: Path, *, keep: bool) -> Path | None:
    """Gives a finished pack its name; with ``keep``, a file that had it is kept under one with its hash. Returns it."""
    kept = None
    if keep and target.exists():
        kept = target.with_name(f"{target.stem}-{sha256_of(target)[:12]}{target.suffix}")
        target.rename(kept)
    made.replace(target)
    return kept


#: So many rows in one piece: it bounds what is in memory, and makes the bytes the same on every machine.
ROW_GROUP_ROWS = 100_000

#: What is compared at a time: rows and bytes of the Parquet file, and bytes of the CSV file.
BATCH_ROWS, BUFFER_BYTES, BLOCK_BYTES = 1_024, 2**16, 2**18

#: PostgreSQL's types by their names → the type in Parquet; whatever else there is stays text as in the CSV.
TYPES = {
    "int2": "Int64",
    "int4": "Int64",
    "int8": "Int64",
    "float4": "Float64",
    "float8": "Float64",
    "numeric": "Float64",
    "bool": "Boolean",
    "date": "Date",
    "timestamptz": "Datetime",
}

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"


def write_parquet(csv_path: Path, parquet_path: Path, types: Mapping[str, str]) -> None:
    """The CSV's rows as Parquet; ``types`` are PostgreSQL's, by column, in order."""
    rows = _typed(csv_path, {name: TYPES.get(given, "String") for name, given in types.items()})
    rows.sink_parquet(parquet_path, compression="zstd", row_group_size=ROW_GROUP_ROWS)


def require_same_rows(path: str, csv_path: Path, parquet_path: Path) -> None:
    """Raises ``DoesNotHoldError`` unless a Parquet file holds exactly the rows of its CSV file, in order.

    Some thousand rows at a time, so that a table of any length fits into memory. Raises ``MemoryError`` for a Parquet
    file whose values are far longer than those of a pack can be.
    """
    import pyarrow as pa  # noqa: PLC0415  # not needed to verify what is signed, so perhaps not there
    from pyarrow import parquet  # noqa: PLC0415

    try:
        with parquet.ParquetFile(parquet_path, memory_map=False, pre_buffer=False, buffer_size=BUFFER_BYTES) as packed:
            theirs = packed.iter_batches(BATCH_ROWS, use_threads=False)
            _require_same(path, packed.schema_arrow, packed.metadata.num_rows, _csv_batches(csv_path), theirs)
    except pa.ArrowInvalid as error:
        raise DoesNotHoldError(f"{path} cannot be read beside its CSV file: {error}") from error


def _csv_batches(csv_path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file as texts, where nothing between two commas is not "", which is an empty text.

    Block by block: Arrow's own streaming reader reads up to 32 blocks ahead.
    """
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    with csv_path.open("rb") as stream:
        names = next(reader([_row(stream).decode()]))
        yield pa.record_batch([pa.array([], pa.string()) for _ in names], names)
        parsing = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
        texts = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        while block := _row(stream, BLOCK_BYTES):
            options = csv.ReadOptions(use_threads=False, column_names=names, block_size=len(block) + 1)
            yield from csv.read_csv(pa.BufferReader(block), options, parsing, texts).to_batches()


def _row(stream: BinaryIO, bytes_min: int = 1) -> bytes:
    """So many bytes of a CSV file, and what is missing of a row then; a row ends where all quotes are closed."""
    lines, size, quotes = [], 0, 0
    while (size < bytes_min or quotes % 2) and (line := stream.readline()):
        lines.append(line)
        size += len(line)
        quotes += line.count(b'"')
    return b"".join(lines)


def _require_same(
    path: str, schema: pa.Schema, height: int, ours: Iterator[pa.RecordBatch], theirs: Iterator[pa.RecordBatch]
) -> None:
    named = next(ours).schema.names
    if schema.names != named:
        raise DoesNotHoldError(f"{path} has the columns {', '.join(schema.names)}; its CSV file has {', '.join(named)}")
    rows, rest = 0, None
    for texts in ours:
        compared = 0
        while compared < texts.num_rows:
            rest = rest if rest is not None and rest.num_rows else next(theirs, None)
            if rest is None:
                raise DoesNotHoldError(f"{path} has {height} rows, its CSV file more")
            count = min(rest.num_rows, texts.num_rows - compared)
            for name in schema.names:
                if not _is_same(texts.column(name).slice(compared, count), rest.column(name).slice(0, count)):
                    raise DoesNotHoldError(f"{path} and its CSV file differ in the column {name}")
            compared, rest = compared + count, rest.slice(count)
        rows += texts.num_rows
    if rows != height:
        raise DoesNotHoldError(f"{path} has {height} rows, its CSV file {rows}")


def _is_same(texts: pa.Array, values: pa.Array) -> bool:
    """Whether values are what texts of the CSV file mean as their type; not a number is the same as itself."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import compute  # noqa: PLC0415

    ours = compute.equal(texts, "true") if pa.types.is_boolean(values.type) else texts.cast(values.type)
    if pa.types.is_floating(values.type):
        ours, values = (each.view(pa.int64()) for each in (ours, values))
    return bool(ours.equals(values))


def _typed(csv_path: Path, types: Mapping[str, str]) -> pl.LazyFrame:
    import polars as pl  # noqa: PLC0415

    def column(name: str, kind: str) -> pl.Expr:
        text = pl.col(name)
        if kind == "Datetime":
            return text.str.to_datetime(_TIME_FORMAT, time_unit="us", time_zone="UTC")
        if kind == "Date":
            return text.str.to_date("%Y-%m-%d")
        if kind == "Boolean":
            return text == "true"
        plain = {"Int64": pl.Int64, "Float64": pl.Float64}.get(kind)
        return text if plain is None else text.cast(plain)

    rows = pl.scan_csv(csv_path, infer_schema=False)
    return rows.select(column(name, kind) for name, kind in types.items())
