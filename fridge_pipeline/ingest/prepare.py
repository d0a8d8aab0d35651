"""Prepare: from the bytes of landing files to what goes into the database, portion by portion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.formats import BATCH_ROWS, gathered, read_batches
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.source_rows import source_batches
from fridge_pipeline.ingest.reading_order import ReadingOrder
from fridge_pipeline.ingest.rejection_tally import RejectionTally
from fridge_pipeline.ingest.rules.landing_files import REJECTED_KEPT_MAX, FileFormat
from fridge_pipeline.ingest.rules.reading import (
    ARRIVAL_SCHEMA,
    FIELDS,
    NUMBERED_SCHEMA,
    Reason,
    judge,
    valid_readings,
)
from fridge_pipeline.ingest.rules.sensor_register import with_registered_tenants
from fridge_pipeline.ingest.rules.source_contract import Shape
from fridge_pipeline.ingest.rules.source_numbers import in_places
from fridge_pipeline.ingest.stored_keys import SensorDirectory
from fridge_pipeline.ingest.tallies import FileTally, TenantTally

#: So many bytes of tenants' ids are in memory at once, about a tenth of what they take in all. Ids of ten characters:
#: two million tenants.
TENANT_BYTES_MAX = 24 * 2**20


class LoadAloneError(RuntimeError):
    """These files take too much memory together, or one of them may have killed its load: load each by itself."""


@dataclass(frozen=True, slots=True)
class Portion:
    """One of both: ``readings`` (``ARRIVAL_SCHEMA`` or ``NUMBERED_SCHEMA``), in order; ``rejected`` rows."""

    readings: pl.DataFrame | None = None
    rejected: pl.DataFrame | None = None


def prepare(
    tallies: Sequence[FileTally],
    tenants: TenantTally,
    rejections: RejectionTally,
    kept_from: datetime | None,
    sensors: SensorDirectory,
    directory: Path,
) -> Iterator[Portion]:
    """Reads, judges, deduplicates and sorts the rows of some landing files, and counts rows and rejects on the way.

    The portions' readings have each identity once, in the order of the files the first; those before ``kept_from``
    are rejected. What cannot be read of a file becomes its ``damage``, and its neighbours
    go on. ``directory`` is for what does not fit into memory. Raises ``LoadAloneError`` when several files name too
    many tenants; of a single one the rest is not read then.
    """
    by_id = {tally.file_id: tally for tally in tallies}
    schema = NUMBERED_SCHEMA if any(tally.numbers for tally in tallies) else ARRIVAL_SCHEMA
    order = ReadingOrder(directory, schema=schema)
    for hour, raw, judged in judged_rows(tallies, kept_from):
        valid = judged
        if judged["reason"].null_count() < judged.height:  # else nothing is copied to leave nothing out
            rejected = rejections.add(raw, judged, hour)
            tenants.add_rejected(rejected)
            yield Portion(rejected=_kept(rejected, by_id))
            valid = valid_readings(judged)
        if valid.height:
            sensors.ensure_months(valid["recorded_at"])
            keyed = sensors.with_keys(valid)
            tenants.add_valid(keyed)
            missing = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in keyed.columns]
            yield from map(Portion, order.add(keyed.with_columns(missing).select(schema.names())))
        if sensors.tenant_bytes + tenants.rejected_bytes > TENANT_BYTES_MAX:
            _stop(tallies)
    yield from map(Portion, order.finish())


def _stop(tallies: Sequence[FileTally]) -> None:
    if len(tallies) > 1:
        raise LoadAloneError(f"{len(tallies)} files name more than {TENANT_BYTES_MAX} bytes of tenants together")
    tallies[0].stop(f"it names more than {TENANT_BYTES_MAX} bytes of tenants, the limit; the rest is for other files")


def _kept(rejected: pl.DataFrame, by_id: dict[int, FileTally]) -> pl.DataFrame:
    """Of each file's rejected rows the first ``REJECTED_KEPT_MAX``, with its path; the file's tally counts all."""
    per_file = rejected.group_by("file_id").len()
    files = per_file.select(
        "file_id",
        path=pl.Series([by_id[file_id].file.path for file_id in per_file["file_id"]], dtype=pl.String),
        before=pl.Series([by_id[file_id].rejected for file_id in per_file["file_id"]], dtype=pl.Int64),
    )
    for file_id, count in per_file.iter_rows():
        by_id[file_id].rejected += count
    named = rejected.join(files, on="file_id", how="inner", validate="m:1", maintain_order="left")
    if all(by_id[file_id].rejected <= REJECTED_KEPT_MAX for file_id in per_file["file_id"]):
        return named
    is_kept = named["before"] + named.select(pl.int_range(pl.len()).over("file_id")).to_series() < REJECTED_KEPT_MAX
    for file_id, reason, count in named.filter(~is_kept).group_by("file_id", "reason").len().iter_rows():
        by_id[file_id].not_kept[reason] += count
    return named.filter(is_kept)


def judged_rows(
    tallies: Sequence[FileTally], kept_from: datetime | None
) -> Iterator[tuple[Hour, pl.DataFrame, pl.DataFrame]]:
    """The rows of some files with their ``file_id``, batch by batch: landing hour, as read, and as judged."""
    for hour, raw in _gathered(tallies):
        yield hour, raw, judge(raw, hour, kept_from)


def _gathered(tallies: Sequence[FileTally]) -> Iterator[tuple[Hour, pl.DataFrame]]:
    """The rows of the files with their ``file_id``, those of many small files at once, with their landing hour."""
    of_files = ((tally.file.landing_hour, raw) for tally in tallies if not tally.stopped for raw in _rows(tally))
    for (hour, _), alike in groupby(of_files, key=lambda pair: (pair[0], pair[1].schema)):
        for raw in gathered((frame for _, frame in alike), BATCH_ROWS):
            yield hour, raw


def _rows(tally: FileTally) -> Iterator[pl.DataFrame]:
    try:
        for raw in _read(tally):
            if tally.stopped:
                return
            tally.rows += raw.height
            rows = raw if tally.refused_shape is None else _refused(raw)
            yield rows.with_columns(file_id=pl.lit(tally.file_id, pl.Int32))
    except UnreadableFileError as error:
        tally.damage = str(error)


def _refused(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a file whose columns are refused; what a reader found wrong with a row comes first."""
    return rows.with_columns(pl.col("fault").fill_null(Reason.COLUMNS_REFUSED.value))


def _read(tally: FileTally) -> Iterator[pl.DataFrame]:
    file = tally.file
    if file.source is None:
        rows = read_batches(tally.snapshot, file.format)
        return rows if tally.look is None or file.format is not FileFormat.PARQUET else _seen(rows, tally.look)
    rows = source_batches(tally.snapshot, file.source, file.path_below_hour, BATCH_ROWS, tally.look)
    if file.source.tenant_id.register:
        rows = (with_registered_tenants(some, tally.register) for some in rows)
    if tally.numbers:
        rows = (in_places(some, file.source, tally.numbers) for some in rows)
    return gathered(rows, BATCH_ROWS)


def _seen(batches: Iterator[pl.DataFrame], look: Callable[[Shape], None]) -> Iterator[pl.DataFrame]:
    """The batches of a file that says the types of its columns, and needs no source to have the four."""
    for number, rows in enumerate(batches):
        if not number:
            types = {name: rows.schema[name] for name in FIELDS}
            look(Shape.of("parquet", {name: [] if dtype == pl.Null else [str(dtype)] for name, dtype in types.items()}))
        yield rows
