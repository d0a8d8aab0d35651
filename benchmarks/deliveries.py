"""Landing files and ready-made rows of generated readings."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import fastavro
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars import selectors

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.load_transaction import READING_COLUMNS
from fridge_pipeline.ingest.rules.reading import FIELDS, IDENTITY

#: Files are written once and read often: the quickest compression will do.
GZIP_LEVEL = 1


def deliver(
    landing: Path, hour: Hour, name: str, frames: Iterable[pl.DataFrame], columns: Sequence[str] = FIELDS
) -> Path:
    """Writes a landing file of the hour in the format that its name says: parquet, csv, ndjson, json, avro; or gzip."""
    path = landing / hour.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    delivered = (frame.select(columns) for frame in frames)
    if name.endswith(".parquet"):
        _write_parquet(path, delivered)
    elif name.endswith(".avro"):
        _write_avro(path, delivered)
    else:
        with gzip.open(path, "wb", GZIP_LEVEL) if name.endswith(".gz") else path.open("wb") as stream:
            _write_text(stream, name.removesuffix(".gz").rpartition(".")[2], delivered)
    return path


def _write_text(stream: Any, form: str, frames: Iterable[pl.DataFrame]) -> None:
    """An array of JSON is no larger than a document may be, so few frames are one."""
    for number, frame in enumerate(map(_as_text, frames)):
        match form:
            case "csv":
                frame.write_csv(stream, include_header=number == 0)
            case "ndjson":
                frame.write_ndjson(stream)
            case "json":
                stream.write(b"[" if number == 0 else b",\n")
                stream.write(frame.write_ndjson().strip().replace("\n", ",\n").encode())
            case _:
                raise ValueError(f"no way to write {form}")
    if form == "json":
        stream.write(b"]")


def _write_avro(path: Path, frames: Iterable[pl.DataFrame]) -> None:
    rows = pl.concat(map(_as_text, frames))
    names = {pl.String: "string", pl.Float64: "double"}
    fields = [{"name": name, "type": names.get(type(dtype), "long")} for name, dtype in rows.schema.items()]
    with path.open("wb") as stream:
        fastavro.writer(stream, {"type": "record", "name": "row", "fields": fields}, rows.iter_rows(named=True))


def deliver_in_files(landing: Path, hour: Hour, frames: Iterable[pl.DataFrame], rows_per_file: int) -> int:
    """Writes the readings as parquet files of so many rows each; returns how many files."""
    files = 0
    for part in _parts(frames, rows_per_file):
        deliver(landing, hour, f"gateway-{files:05}.parquet", [part])
        files += 1
    return files


def _parts(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    left: pl.DataFrame | None = None
    for frame in frames:
        whole = frame if left is None else pl.concat([left, frame])
        full = whole.height // rows * rows
        for start in range(0, full, rows):
            yield whole.slice(start, rows)
        left = whole.slice(full)
    if left is not None and left.height:
        yield left


def make_ready(path: Path, frames: Iterable[pl.DataFrame]) -> Path:
    """Writes the rows as the table of stored readings takes them, with integer keys, in its order, as an Arrow file."""
    rows = pl.concat([frame.with_columns(file_id=pl.lit(1, pl.Int32)).select(READING_COLUMNS) for frame in frames])
    table = rows.sort(IDENTITY).to_arrow()
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return path


def ready_rows(path: str) -> pa.Table:
    """Ready-made rows, in memory."""
    with pa.OSFile(path, "rb") as file:
        return pa.ipc.open_file(file).read_all()


def _write_parquet(path: Path, frames: Iterable[pl.DataFrame]) -> None:
    writer = None
    for frame in frames:
        table = frame.to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
