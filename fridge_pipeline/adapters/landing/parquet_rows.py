"""The rows of a parquet file, a batch at a time.

``line`` is the number of the row, counted from 1. Text that is no UTF-8 is repaired with U+FFFD, so that only its rows
are rejected; binary columns are text whose writer did not say so. A number as an id is the text that csv shows it as. A
column of a type that can never hold its field, such as a list or a date as time, makes the file unreadable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from fridge_pipeline.adapters.landing.columns import places_of_fields
from fridge_pipeline.adapters.landing.errors import UnreadableFileError
from fridge_pipeline.domain.reading import FIELDS, IDS, RAW_LENGTH_MAX, Reason

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

_SAID_TO_BE_TEXT = (pa.string(), pa.large_string(), pa.string_view())
_BINARY = (pa.binary(), pa.large_binary(), pa.binary_view())


def _is_text(dtype: Any) -> bool:
    return dtype in _SAID_TO_BE_TEXT + _BINARY or bool(types.is_fixed_size_binary(dtype))


def _is_number(dtype: Any) -> bool:
    return bool(types.is_integer(dtype) or types.is_floating(dtype) or types.is_decimal(dtype))


def _is_id(dtype: Any) -> bool:
    return _is_text(dtype) or _is_number(dtype) or dtype == pa.uuid() or bool(types.is_null(dtype))


def _is_time(dtype: Any) -> bool:
    return _is_text(dtype) or bool(types.is_timestamp(dtype) or types.is_null(dtype))


def _is_temperature(dtype: Any) -> bool:
    return _is_text(dtype) or _is_number(dtype) or bool(types.is_null(dtype))


_ACCEPTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "tenant_id": (_is_id, "text or number"),
    "sensor_id": (_is_id, "text or number"),
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
            repeated = [name for name in names[: len(IDS)] if _is_text(file.schema_arrow.field(name).type)]
        # Ids repeat row for row: read as dictionaries they cost a fifth of reading them as text. From some encodings
        # pyarrow makes no dictionaries (DELTA_BYTE_ARRAY, …), which may begin midway: from there on it reads text.
        for dictionaries in (repeated, []):
            try:
                for batch in _batches(path, metadata, names, dictionaries, row_count, batch_rows):
                    yield _rows(batch, names, row_count)
                    row_count += batch.num_rows
            except _DAMAGE:
                if not dictionaries:
                    raise
            else:
                return
    except _DAMAGE as error:
        where = f"damaged parquet after row {row_count}" if row_count else "not a readable parquet file"
        raise UnreadableFileError(f"{where}: {str(error)[:300]}") from error


def _batches(
    path: Path, metadata: Any, names: list[str], dictionaries: list[str], rows_before: int, batch_rows: int
) -> Iterator[Any]:
    """The file's rows behind the first ones, some columns as dictionaries."""
    group = 0
    while group < metadata.num_row_groups and metadata.row_group(group).num_rows <= rows_before:
        rows_before -= metadata.row_group(group).num_rows
        group += 1
    groups = range(group, metadata.num_row_groups)
    with _open(path, metadata=metadata, read_dictionary=dictionaries) as file:
        for batch in file.iter_batches(batch_size=batch_rows, columns=names, row_groups=groups):
            rest = batch.slice(min(rows_before, batch.num_rows))
            rows_before -= batch.num_rows - rest.num_rows
            if rest.num_rows:
                yield rest


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
        values = _series(field, column.dictionary)
        return values.gather(pl.Series(column.indices.cast(pa.int64())))
    if column.type == pa.uuid():
        return _uuid_text(pl.Series(field, column.storage.cast(pa.binary())))
    values = pl.Series(field, _plain(field, column))
    # A missing number is often written as NaN, which is nobody's id.
    return values.fill_nan(None) if field in IDS and values.dtype.is_float() else values


def _plain(field: str, column: Any) -> Any:
    """Without decimal or foreign zone."""
    dtype = column.type
    if types.is_timestamp(dtype) and dtype.tz is not None:
        return column.cast(pa.timestamp(dtype.unit, "UTC"))  # the same instants: Arrow stores them in UTC
    if types.is_decimal(dtype) and field in IDS:
        return column.cast(pa.string())
    if types.is_decimal(dtype) or types.is_float16(dtype):
        return column.cast(pa.float64())
    return _valid_text(column) if _is_text(dtype) else column


def _uuid_text(column: pl.Series) -> pl.Series:
    parts = r"^(.{8})(.{4})(.{4})(.{4})(.{12})$"
    return column.bin.encode("hex").str.replace(parts, "${1}-${2}-${3}-${4}-${5}")


def _valid_text(column: Any) -> Any:
    """The column as text, with U+FFFD for bytes that are not UTF-8; readers of parquet do not look."""
    try:
        text = column if column.type in _SAID_TO_BE_TEXT else column.cast(pa.large_string())
        text.validate(full=True)
    except pa.ArrowInvalid:
        values = column.cast(pa.large_binary()).to_pylist()
        return pa.array([value if value is None else value.decode(errors="replace") for value in values])
    return text
