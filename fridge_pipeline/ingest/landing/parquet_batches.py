"""The four columns of a parquet file in Arrow's batches, none of which is large in memory, whatever the file holds."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.parquet_bounds import BATCH_BYTES, Kind, RowGroup, batch_rows_of, column_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PAGE_BUFFER_BYTES = 2**20  # columns are read through buffers of this size, not whole

#: A text field longer than this is none: no id, time or temperature is. It is cut before anything looks at it.
FIELD_BYTES_MAX = 4_096

#: How pyarrow and polars say that a file is damaged; ValueError for a column's name that is no UTF-8.
DAMAGE = (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError)

SAID_TO_BE_TEXT = (pa.string(), pa.large_string(), pa.string_view())
_BINARY = (pa.binary(), pa.large_binary(), pa.binary_view())


def is_text(dtype: Any) -> bool:
    """Whether the type holds texts, or bytes that are texts without saying so."""
    return dtype in SAID_TO_BE_TEXT + _BINARY or bool(types.is_fixed_size_binary(dtype))


def open_parquet(path: Path, **options: Any) -> pq.ParquetFile:
    """The file, with its footer read and nothing else."""
    return pq.ParquetFile(path, buffer_size=_PAGE_BUFFER_BYTES, pre_buffer=False, **options)


def arrow_batches(
    path: Path, descriptor: int, metadata: Any, groups: list[RowGroup], kinds: list[Kind], batch_rows: int
) -> Iterator[Any]:
    """The rows in columns of these kinds, in their order; what was read before an error comes before it.

    At most ``batch_rows`` at once, and about ``BATCH_BYTES`` with every text as if no two were shared. Text too long
    for any field is cut to ``FIELD_BYTES_MAX`` bytes and one more. Raises ``DAMAGE``, and ``UnreadableFileError`` for
    what is too large.
    """
    yield from _gathered(_read(path, descriptor, metadata, groups, kinds, batch_rows), batch_rows)


def _read(
    path: Path, descriptor: int, metadata: Any, groups: list[RowGroup], kinds: list[Kind], batch_rows: int
) -> Iterator[Any]:
    """As pyarrow reads them: so many at once as fit into memory before anything is cut."""
    dictionaries, file = None, None
    for number, group in enumerate(groups):
        columns = [column_of(descriptor, group, kind) for kind in kinds]
        rows_at_once = batch_rows_of(columns, batch_rows)
        # From some encodings pyarrow makes no dictionaries (DELTA_BYTE_ARRAY, …), and they may change with a row group.
        wanted = [column.kind.name for column in columns if column.is_dictionary]
        if file is None or wanted != dictionaries:
            file, dictionaries = open_parquet(path, metadata=metadata, read_dictionary=wanted), wanted
        readable = min(group.rows, *(column.rows for column in columns))
        names, left = [kind.name for kind in kinds], readable
        for batch in file.iter_batches(batch_size=rows_at_once, columns=names, row_groups=[number]) if left else ():
            cut = [_cut(_column(batch, name)) for name in names]
            yield pa.RecordBatch.from_arrays(cut, names=names).slice(0, left)
            left -= min(left, batch.num_rows)
            if not left:
                break
        if readable < group.rows:
            raise ValueError("the header of a page cannot be read")


def _column(batch: Any, path: str) -> Any:
    """A column by its name, dots walking into structs: what stands in none is null."""
    if path in batch.schema.names:
        return batch.column(path)
    first, *inner = path.split(".")
    column = batch.column(first)
    for part in inner:
        column = pc.struct_field(column, part)
    return column


def _gathered(batches: Iterator[Any], batch_rows: int) -> Iterator[Any]:
    """Small batches joined, and large ones split."""
    pending: list[Any] = []
    rows = size = 0
    error: Exception | None = None
    while True:
        try:
            batch = next(batches, None)
        except (*DAMAGE, UnreadableFileError) as damage:
            batch, error = None, damage
        if batch is None:
            break
        for part, part_size in _split(batch):
            is_other = bool(pending) and pending[0].schema != part.schema
            if pending and (is_other or rows + part.num_rows > batch_rows or size + part_size > BATCH_BYTES):
                yield _joined(pending)
                pending, rows, size = [], 0, 0
            pending.append(part)
            rows, size = rows + part.num_rows, size + part_size
    if pending:
        yield _joined(pending)
    if error is not None:
        raise error


def _split(batch: Any) -> Iterator[tuple[Any, int]]:
    """The batch, or slices of it, and what each takes: its buffers, and its text as if no value were shared."""
    most = batch.num_rows * sum(map(_longest, batch.columns))
    if most <= BATCH_BYTES:
        yield batch, most + batch.nbytes
        return
    spread = reduce(pl.Series.__add__, map(_lengths, batch.columns)).cum_sum()
    start = 0
    for rows in (spread // BATCH_BYTES).rle().struct.field("len"):
        yield batch.slice(start, rows), BATCH_BYTES
        start += rows


def _lengths(column: Any) -> pl.Series:
    """The bytes of each value of a text, 0 for those of other types."""
    if types.is_dictionary(column.type):
        return _lengths(column.dictionary).gather(pl.Series(column.indices.cast(pa.int64()))).fill_null(0)
    if not is_text(column.type):
        return pl.repeat(0, len(column), dtype=pl.Int64, eager=True)
    return pl.Series(pc.binary_length(_as_bytes(column))).cast(pl.Int64).fill_null(0)


def _longest(column: Any) -> int:
    """The most bytes of a value of a text, 0 for other types."""
    if types.is_dictionary(column.type):
        return _longest(column.dictionary)
    if not is_text(column.type):
        return 0
    return int(pc.max(pc.binary_length(_as_bytes(column))).as_py() or 0)


def _cut(column: Any) -> Any:
    """The column with one byte more of what is too long for a field than a field may have."""
    if _longest(column) <= FIELD_BYTES_MAX:
        return column
    if types.is_dictionary(column.type):
        return pa.DictionaryArray.from_arrays(column.indices, _cut(column.dictionary))
    return pc.binary_slice(_as_bytes(column), 0, FIELD_BYTES_MAX + 1)


def _as_bytes(column: Any) -> Any:
    return column.cast(pa.large_binary()) if column.type in SAID_TO_BE_TEXT + _BINARY else column


def _joined(batches: list[Any]) -> Any:
    if len(batches) == 1:
        return batches[0]
    (whole,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return whole
