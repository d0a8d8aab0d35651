"""The rows of a parquet file, a batch at a time.

``line`` is the number of the row, counted from 1. Text columns that claim to be UTF-8 and are not are
repaired with U+FFFD, so that only their rows are rejected. A column of a type that can never hold its field,
such as a floating-point id or a date as time, makes the file unreadable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from fridge_pipeline.adapters.landing.columns import places_of_fields
from fridge_pipeline.adapters.landing.errors import UnreadableFileError
from fridge_pipeline.domain.reading import FIELDS, RAW_LENGTH_MAX, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_PAGE_BUFFER_BYTES = 2**20  # columns are read through buffers of this size, not whole

#: Most rows of a file: an hour of a million sensors with a reading every fifteen seconds. A few kB of parquet can claim
#: billions of equal rows.
ROWS_MAX = 250_000_000
#: Most bytes, unpacked, of one of the four columns in one row group. It is in memory as a whole at worst, and a few kB
#: of parquet can unpack to more than any machine has.
COLUMN_BYTES_MAX = 2**28
#: A text field longer than this is none: no id, time or temperature is. It is cut before anything looks at it.
FIELD_BYTES_MAX = 4_096

#: How pyarrow and polars say that a file is damaged; ValueError for a column's name that is no UTF-8.
_DAMAGE = (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError)

#: The first of ``FIELDS``: text that repeats row for row. Read as dictionaries it costs a fifth of reading it as text.
_ID_COLUMNS = 2


def _is_text(dtype: Any) -> bool:
    return bool(types.is_string(dtype) or types.is_large_string(dtype) or types.is_string_view(dtype))


def _is_id(dtype: Any) -> bool:
    return _is_text(dtype) or bool(types.is_integer(dtype) or types.is_null(dtype))


def _is_time(dtype: Any) -> bool:
    return _is_text(dtype) or bool(types.is_timestamp(dtype) or types.is_null(dtype))


def _is_temperature(dtype: Any) -> bool:
    is_number = types.is_integer(dtype) or types.is_floating(dtype) or types.is_decimal(dtype)
    return _is_text(dtype) or bool(is_number or types.is_null(dtype))


_ACCEPTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "tenant_id": (_is_id, "text or integer"),
    "sensor_id": (_is_id, "text or integer"),
    "recorded_at": (_is_time, "timestamp or text"),
    "temperature_c": (_is_temperature, "number or text"),
}


def parquet_batches(path: Path, batch_rows: int) -> Iterator[pl.DataFrame]:
    """The rows of a parquet file: as in ``RAW_SCHEMA``, but with the file's own types in the four fields.

    Raises ``UnreadableFileError`` before the first row for what is no parquet file of readings, and after the
    good rows when a later part is damaged.
    """
    row_count = 0
    try:
        with _open(path) as file:
            names, metadata = _checked_columns(file.schema_arrow), file.metadata
            _refuse_bombs(metadata, file.schema_arrow.names, names)
            repeated = [name for name in names[:_ID_COLUMNS] if _is_text(file.schema_arrow.field(name).type)]
        with _open(path, metadata=metadata, read_dictionary=repeated) as file:
            for batch in file.iter_batches(batch_size=batch_rows, columns=names):
                yield _rows(batch, names, row_count)
                row_count += batch.num_rows
    except _DAMAGE as error:
        where = f"damaged parquet after row {row_count}" if row_count else "not a readable parquet file"
        raise UnreadableFileError(f"{where}: {str(error)[:300]}") from error


def _open(path: Path, **options: Any) -> pq.ParquetFile:
    return pq.ParquetFile(path, buffer_size=_PAGE_BUFFER_BYTES, pre_buffer=False, **options)


def _checked_columns(schema: Any) -> list[str]:
    """The file's names of the four columns, in the order of ``FIELDS``."""
    places = places_of_fields(schema.names)
    for field, place in zip(FIELDS, places, strict=True):
        is_accepted, expected = _ACCEPTED[field]
        dtype = schema.field(place).type
        if not is_accepted(dtype.value_type if types.is_dictionary(dtype) else dtype):
            raise UnreadableFileError(f"column {field} is of type {dtype}, expected {expected}")
    return [schema.names[place] for place in places]


def _refuse_bombs(metadata: Any, found: list[str], names: list[str]) -> None:
    """What the footer says is believed here; one that lies costs what the largest page of parquet holds, 2 GiB."""
    if metadata.num_rows > ROWS_MAX:
        raise UnreadableFileError(f"it claims {metadata.num_rows} rows, more than the limit of {ROWS_MAX}")
    if metadata.num_columns != len(found):
        return  # nested columns: a footer's columns are then others than the schema's
    places = [found.index(name) for name in names]
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        largest = max(group.column(place).total_uncompressed_size for place in places)
        if largest > COLUMN_BYTES_MAX:
            raise UnreadableFileError(
                f"a column of a row group unpacks to {largest} bytes, more than the limit of {COLUMN_BYTES_MAX}; "
                "write smaller row groups"
            )


def _rows(batch: Any, names: list[str], rows_before: int) -> pl.DataFrame:
    rows = pl.DataFrame([_series(field, batch.column(name)) for field, name in zip(FIELDS, names, strict=True)])
    rows = rows.with_columns(_overlong(rows))
    if rows["fault"].null_count() < rows.height:
        text = pl.col(pl.String).exclude("fault")
        rows = rows.with_columns(
            pl.when(pl.col("fault").is_not_null()).then(text.str.head(RAW_LENGTH_MAX)).otherwise(text)
        )
    return rows.select(
        pl.int_range(rows_before + 1, rows_before + 1 + pl.len(), dtype=pl.Int64).alias("line"),
        *FIELDS,
        "fault",
        pl.struct(FIELDS).alias("raw"),  # shares the columns: text is made for rejected rows only
    )


def _overlong(rows: pl.DataFrame) -> pl.Expr:
    """The fault of rows with a text field that is too long to be one."""
    texts = [name for name in FIELDS if rows.schema[name] == pl.String]
    is_overlong = pl.any_horizontal(
        pl.lit(value=False), *(pl.col(name).str.len_bytes() > FIELD_BYTES_MAX for name in texts)
    )
    return pl.when(is_overlong).then(pl.lit(Reason.LINE_TOO_LONG.value)).alias("fault")


def _series(field: str, column: Any) -> pl.Series:
    """The column in one of the few types that polars judges."""
    if types.is_dictionary(column.type):
        values = pl.Series(field, _plain(column.dictionary))
        return values.gather(pl.Series(column.indices.cast(pa.int64())))
    return pl.Series(field, _plain(column))


def _plain(column: Any) -> Any:
    """Without decimal or foreign zone."""
    dtype = column.type
    if types.is_timestamp(dtype) and dtype.tz is not None:
        return column.cast(pa.timestamp(dtype.unit, "UTC"))  # the same instants: Arrow stores them in UTC
    if types.is_decimal(dtype) or types.is_float16(dtype):
        return column.cast(pa.float64())
    return _valid_text(column) if _is_text(dtype) else column


def _valid_text(column: Any) -> Any:
    """The text column with U+FFFD for bytes that are not UTF-8; readers of parquet do not look."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        values = column.cast(pa.large_binary()).to_pylist()
        return pa.array([value if value is None else value.decode(errors="replace") for value in values])
    return column
