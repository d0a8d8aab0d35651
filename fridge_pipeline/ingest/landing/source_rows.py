"""The rows of a file that a source reads, whatever it holds, with the four fields that its source makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from fridge_pipeline.ingest.landing.avro_rows import avro_batches
from fridge_pipeline.ingest.landing.content import other_content, places_of_columns, wide_of
from fridge_pipeline.ingest.landing.csv_header import CsvDialect
from fridge_pipeline.ingest.landing.csv_rows import csv_batches
from fridge_pipeline.ingest.landing.formats import BATCH_ROWS, read_batches
from fridge_pipeline.ingest.landing.json_columns import JsonColumns
from fridge_pipeline.ingest.landing.json_document import WHOLE_BYTES_MAX, ArrayOnTheWayError, record_lines
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.lines import BLOCK_BYTES, BlockReader
from fridge_pipeline.ingest.landing.ndjson_rows import (
    decoded_frames,
    end_of_last_object,
    ndjson_batches,
)
from fridge_pipeline.ingest.landing.nested_records import EXPANDED_BYTES
from fridge_pipeline.ingest.landing.private_copy import START_BYTES
from fridge_pipeline.ingest.landing.source_shape import Columns
from fridge_pipeline.ingest.landing.text_encoding import as_utf8
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.reading import FIELDS, RAW_LENGTH_MAX
from fridge_pipeline.ingest.rules.source import Source, SourceFormat, columns_of, own
from fridge_pipeline.ingest.rules.source_contract import Shape
from fridge_pipeline.ingest.rules.source_fields import path_ids, with_fields

if TYPE_CHECKING:
    from fridge_pipeline.ingest.landing.parquet_rows import Chosen
    from fridge_pipeline.ingest.landing.private_copy import Snapshot
    from fridge_pipeline.ingest.rules.landing_files import FileFormat

#: A wide row becomes as many rows as it has measured columns, each with what the row said, as far as it is kept; so
#: many of them are made at once.
TALL_ROWS_MAX, TALL_TEXT_BYTES = 250_000, 64 * 2**20

#: Of so many first lines a csv file's preamble may be.
PREAMBLE_LINES_MAX = 100


def file_batches(
    snapshot: Snapshot, file_format: FileFormat | None, source: Source | None, path_below_hour: str
) -> Iterator[pl.DataFrame]:
    """The rows of a file as its source reads it, or as it is where it has none."""
    if source is None:
        return read_batches(snapshot, file_format)
    return source_batches(snapshot, source, path_below_hour, BATCH_ROWS)


def source_batches(
    snapshot: Snapshot,
    source: Source,
    path_below_hour: str,
    batch_rows: int,
    look: Callable[[Shape], None] | None = None,
) -> Iterator[pl.DataFrame]:
    """Every row of the file once, in its order, as frames like ``RAW_SCHEMA`` with time and temperature typed.

    ``look`` is told of the file's columns before the first of them.

    Raises ``UnreadableFileError`` as ``read_batches`` does; also for a file without the source's columns.
    """
    content = format_of(source, path_below_hour)
    if (source.records or source.recorded_at.step) and content in (SourceFormat.CSV, SourceFormat.PARQUET):
        raise UnreadableFileError(
            f"records and step are for json, ndjson and avro, and a row of {content} is one reading: take them out of "
            f"source {source.name}, or unnest what lies in a row before delivering"
        )
    source = replace(source, format=content)
    of_path = path_ids(source, path_below_hour)
    found, has_begun = Columns(), False
    try:
        for number, rows in enumerate(_READ[content](snapshot, source, batch_rows, found)):
            has_begun = True
            if look is not None and not number:
                look(found.shape(content, source, rows))
            for some in _few_at_once(rows, source):
                yield with_fields(some, source, of_path)
    except UnreadableFileError as error:
        other = None if has_begun else _other_content(snapshot, content)
        raise UnreadableFileError("; ".join(filter(None, (snapshot.damage, other, error.reason)))) from error
    if snapshot.damage:
        raise UnreadableFileError(snapshot.damage)


def _other_content(snapshot: Snapshot, content: SourceFormat) -> str | None:
    with snapshot.path.open("rb") as stream:
        other = other_content(stream.read(START_BYTES), content)
    return other and f"{other}, read as {content}"


def _few_at_once(rows: pl.DataFrame, source: Source) -> Iterator[pl.DataFrame]:
    """So few rows that what each of their readings repeats fits into memory."""
    if source.wide is None:
        yield from rows.iter_slices(TALL_ROWS_MAX)
        return
    columns = max(1, len(rows.columns) - len(FIELDS))
    said = rows.with_columns(pl.col("raw").str.head(RAW_LENGTH_MAX)) if rows.schema["raw"] == pl.String else rows
    yield from said.iter_slices(max(1, min(TALL_ROWS_MAX, TALL_TEXT_BYTES // RAW_LENGTH_MAX) // columns))


def format_of(source: Source, path: str) -> SourceFormat:
    """What a file holds: as its source says, else by its ending. Raises ``UnreadableFileError``."""
    if source.format is not None:
        return source.format
    ending = re.sub(r"\.(gz|zst|gzip|zstd)$", "", path.lower()).rpartition(".")[2]
    if ending not in set(SourceFormat):
        known = ", ".join(SourceFormat)
        raise UnreadableFileError(
            f"unknown format: the name ends in none of {known}; say what it is by format = … in source {source.name}"
        )
    return SourceFormat(ending)


def members_of(source: Source) -> JsonColumns:
    """The members of JSON objects that the source names, by their ``own`` names."""
    members = {own(column): column for column in (source.named if source.is_expanded else source.columns)}
    ids = [own(column) for column in source.id_columns if own(column) in members]
    further = None if source.wide is None else lambda keys: {own(key): key for key in wide_of(source, keys)}
    records = source.records if source.is_expanded else None
    optional = [own(number.column) for number in source.numbers]
    are_senml = source.format is SourceFormat.SENML
    return JsonColumns(members, ids, further, records, optional, source.embedded, are_senml)


def _csv(snapshot: Snapshot, source: Source, _batch_rows: int, found: Columns) -> Iterator[pl.DataFrame]:
    layout = source.csv

    def places(names: Sequence[str]) -> dict[str, int]:
        found.names = [name.strip(BLANK) for name in names]
        return places_of_columns(source, names)

    times = tuple(map(own, columns_of(source.recorded_at.column)))
    dialect = CsvDialect(
        places,
        delimiter=layout.delimiter,
        skip_lines=layout.skip_lines,
        header=layout.header,
        times=times,
        preamble_max=PREAMBLE_LINES_MAX,
        short_rows=layout.short_rows,
    )
    with snapshot.path.open("rb") as stream:
        text = as_utf8(stream, source.encoding)
        yield from csv_batches(BlockReader(text, is_damaged=snapshot.damage is not None), dialect)


def _ndjson(snapshot: Snapshot, source: Source, _batch_rows: int, _found: Columns) -> Iterator[pl.DataFrame]:
    with snapshot.path.open("rb") as stream:
        is_damaged = snapshot.damage is not None
        text = as_utf8(stream, source.encoding)
        size = EXPANDED_BYTES if source.is_expanded else BLOCK_BYTES
        reader = BlockReader(text, is_damaged=is_damaged, block_bytes=size, cut=end_of_last_object)
        yield from ndjson_batches(reader, members_of(source))


def _json(snapshot: Snapshot, source: Source, _batch_rows: int, _found: Columns) -> Iterator[pl.DataFrame]:
    columns = members_of(source)
    if columns.records is None:
        try:
            lines = record_lines(snapshot.path, source.records, source.encoding, are_objects=True)
            yield from decoded_frames(lines, columns)
        except ArrayOnTheWayError:  # before the first record
            columns = replace(columns, records=source.records)
        else:
            return
    yield from decoded_frames(_in_parts(record_lines(snapshot.path, "", source.encoding, WHOLE_BYTES_MAX)), columns)


def _senml(snapshot: Snapshot, source: Source, _batch_rows: int, _found: Columns) -> Iterator[pl.DataFrame]:
    """Pack by pack: what a record leaves out stands in those before it."""
    packs = record_lines(snapshot.path, None, source.encoding, WHOLE_BYTES_MAX)
    yield from decoded_frames(_in_parts(packs), members_of(source))


def _in_parts(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """So few lines at once that all their records fit into memory."""
    for lines in frames:
        part = lines["raw"].str.len_bytes().cum_sum() // EXPANDED_BYTES
        yield from (some for _, some in lines.group_by(part.alias("part"), maintain_order=True))


def _avro(snapshot: Snapshot, source: Source, _batch_rows: int, _found: Columns) -> Iterator[pl.DataFrame]:
    yield from avro_batches(snapshot.path, members_of(source))


def _parquet(snapshot: Snapshot, source: Source, batch_rows: int, found: Columns) -> Iterator[pl.DataFrame]:
    # Not before a parquet file is there: it brings pyarrow (see Database.connect_bulk).
    from fridge_pipeline.ingest.landing.parquet_rows import chosen_by, parquet_batches, types_of  # noqa: PLC0415

    choice = chosen_by(source)

    def choose(schema: Any) -> list[Chosen]:
        found.types = types_of(schema)
        return choice(schema)

    yield from parquet_batches(snapshot.path, batch_rows, choose)


_READ: dict[SourceFormat, Callable[[Snapshot, Source, int, Columns], Iterator[pl.DataFrame]]] = {
    SourceFormat.CSV: _csv,
    SourceFormat.NDJSON: _ndjson,
    SourceFormat.JSON: _json,
    SourceFormat.AVRO: _avro,
    SourceFormat.SENML: _senml,
    SourceFormat.PARQUET: _parquet,
}
