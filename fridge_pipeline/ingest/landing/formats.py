"""The rows of a landing file, whatever its format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from fridge_pipeline.ingest.landing.content import as_it_is, refuse_other_delivery, refuse_other_text
from fridge_pipeline.ingest.landing.csv_rows import csv_batches
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.lines import BLOCK_BYTES, BlockReader, whole_lines
from fridge_pipeline.ingest.landing.ndjson_rows import end_of_last_object, ndjson_batches
from fridge_pipeline.ingest.landing.private_copy import START_BYTES
from fridge_pipeline.ingest.rules.landing_files import FileFormat
from fridge_pipeline.ingest.rules.reading import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fridge_pipeline.ingest.landing.private_copy import Snapshot

#: Most rows in a batch.
BATCH_ROWS = 100_000

#: A batch of long rows ends early, before its text exceeds this.
BATCH_TEXT_BYTES = 32 * 2**20


def read_batches(
    snapshot: Snapshot,
    file_format: FileFormat | None,
    batch_rows: int = BATCH_ROWS,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[pl.DataFrame]:
    """Every row of a landing file once, in its order, as frames like ``RAW_SCHEMA`` that go into ``judge``.

    At most ``batch_rows`` rows a frame and, of text, about ``BATCH_TEXT_BYTES``, so that memory stays flat;
    text is parsed in blocks of ``block_bytes``.
    A file with a header and no row gives no frame. Raises ``UnreadableFileError`` at the first step when
    nothing can be read, and after the good rows when the file is damaged further on: what came before it is
    good, and what did not come is unknown.
    """
    if file_format is None:
        known = ", ".join(f".{known}" for known in FileFormat)
        raise UnreadableFileError(f"unknown format: a landing file's name ends in one of {known}")
    refuse_other_delivery(snapshot.start, file_format)
    if not snapshot.path.stat().st_size:
        raise UnreadableFileError(snapshot.damage or "empty file")
    if file_format is FileFormat.PARQUET:
        # Not before a parquet file is there: it brings pyarrow (see Database.connect_bulk).
        from fridge_pipeline.ingest.landing.parquet_rows import parquet_batches  # noqa: PLC0415

        yield from parquet_batches(snapshot.path, batch_rows)
    else:
        yield from _text_batches(snapshot, file_format, batch_rows, block_bytes)


def _text_batches(
    snapshot: Snapshot, file_format: FileFormat, batch_rows: int, block_bytes: int
) -> Iterator[pl.DataFrame]:
    with snapshot.path.open("rb") as stream:
        start = stream.read(START_BYTES)
        refuse_other_text(start, file_format)
        stream.seek(0)
        is_csv = file_format in (FileFormat.CSV, FileFormat.CSV_GZ)
        cut = whole_lines if is_csv else end_of_last_object
        source = BlockReader(stream, is_damaged=snapshot.damage is not None, block_bytes=block_bytes, cut=cut)
        try:
            yield from gathered(csv_batches(source) if is_csv else ndjson_batches(source), batch_rows)
        except UnreadableFileError as error:
            reason = as_it_is(error.reason, start, file_format)
            raise UnreadableFileError("; ".join(filter(None, (snapshot.damage, reason)))) from error
    if snapshot.damage:
        raise UnreadableFileError(snapshot.damage)


def gathered(blocks: Iterator[pl.DataFrame], batch_rows: int) -> Iterator[pl.DataFrame]:
    """The rows of blocks of one schema in batches: a database takes few large ones more cheaply than many small.

    What came before an ``UnreadableFileError`` comes before it here too.
    """
    pending: list[pl.DataFrame] = []
    row_count = text_bytes = 0
    error: UnreadableFileError | None = None
    while True:
        try:
            block = next(blocks, None)
        except UnreadableFileError as damage:
            block, error = None, damage
        if block is None:
            break
        for rows in block.iter_slices(batch_rows):
            more = _text_bytes(rows)
            if pending and (row_count + rows.height > batch_rows or text_bytes + more > BATCH_TEXT_BYTES):
                yield pl.concat(pending)
                pending, row_count, text_bytes = [], 0, 0
            pending.append(rows)
            row_count, text_bytes = row_count + rows.height, text_bytes + more
    if pending:
        yield pl.concat(pending)
    if error is not None:
        raise error


def _text_bytes(rows: pl.DataFrame) -> int:
    """The bytes of its texts, as if no two shared any; what a row said is left out where it shares the fields' text."""
    texts = [name for name in (*FIELDS, "raw") if rows.schema[name] == pl.String]
    return sum(int(rows[name].str.len_bytes().sum()) for name in texts)
