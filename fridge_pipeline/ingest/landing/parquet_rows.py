"""The rows of a parquet file, a batch at a time: the four fields, or the columns that a source names.

``line`` is the number of the row, counted from 1. Text that is no UTF-8 is repaired with U+FFFD, so that only its rows
are rejected; binary columns are text whose writer did not say so. A number as an id is the text that csv shows it as. A
column of a type that can never hold its field, such as a list or a date as time, makes the file unreadable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl
import pyarrow as pa
from pyarrow import types

from fridge_pipeline.ingest.landing.content import places_of_columns, places_of_fields
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.parquet_batches import (
    DAMAGE,
    FIELD_BYTES_MAX,
    SAID_TO_BE_TEXT,
    arrow_batches,
    is_text,
    open_parquet,
)
from fridge_pipeline.ingest.landing.parquet_bounds import ROW_GROUPS_MAX, Kind, RowGroup, row_groups
from fridge_pipeline.ingest.rules.reading import FIELDS, IDS, RAW_LENGTH_MAX, Reason
from fridge_pipeline.ingest.rules.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Most rows of a file: an hour of a million sensors with a reading every fifteen seconds. A few kB of parquet can claim
#: billions of equal rows.
ROWS_MAX = 250_000_000
#: Most bytes, unpacked, of one of the four columns in one row group, as the footer says.
COLUMN_BYTES_MAX = 2**28


def _is_number(dtype: Any) -> bool:
    return bool(types.is_integer(dtype) or types.is_floating(dtype) or types.is_decimal(dtype))


def _is_id(dtype: Any) -> bool:
    return is_text(dtype) or _is_number(dtype) or dtype == pa.uuid() or bool(types.is_null(dtype))


def _is_time(dtype: Any) -> bool:
    return is_text(dtype) or bool(types.is_timestamp(dtype) or types.is_null(dtype))


def _is_temperature(dtype: Any) -> bool:
    return is_text(dtype) or _is_number(dtype) or bool(types.is_null(dtype))


def _is_value(dtype: Any) -> bool:
    return _is_id(dtype) or _is_time(dtype) or bool(types.is_date(dtype) or types.is_time(dtype))


_ACCEPTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "tenant_id": (_is_id, "text or number"),
    "sensor_id": (_is_id, "text or number"),
    "recorded_at": (_is_time, "timestamp or text"),
    "temperature_c": (_is_temperature, "number or text"),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A column that is read: what it is called in the rows and in the file, dots walking into structs."""

    name: str
    path: str
    is_id: bool


#: Which columns of a file to read, by its schema in Arrow. Raises ``UnreadableFileError`` where they are not there.
Choice: TypeAlias = "Callable[[Any], list[Chosen]]"


def canonical(schema: Any) -> list[Chosen]:
    """The four fields, under their own names."""
    places = places_of_fields(schema.names)
    for field, place in zip(FIELDS, places, strict=True):
        is_accepted, expected = _ACCEPTED[field]
        dtype = schema.field(place).type
        if not is_accepted(_held(dtype)):
            raise UnreadableFileError(f"column {field} is of type {type_name(dtype)}, expected {expected}")
    return [Chosen(field, schema.names[place], field in IDS) for field, place in zip(FIELDS, places, strict=True)]


def chosen_by(source: Source) -> Choice:
    """The columns of a source, under their ``own`` names."""
    ids = source.id_columns
    flags = {column for column, _ in source.where} - {*ids, source.temperature.column, source.recorded_at.column}

    def choose(schema: Any) -> list[Chosen]:
        _refuse_lists(schema, source)
        found = [column for column in source.columns if type_at(schema, column) is not None]
        names = [*schema.names, *(column for column in found if column not in schema.names)]
        chosen = [
            Chosen(name, names[place], names[place] in ids) for name, place in places_of_columns(source, names).items()
        ]
        for column in chosen:
            dtype = type_at(schema, column.path)
            if not _is_value(_held(dtype)) and not (types.is_boolean(_held(dtype)) and column.path in flags):
                raise UnreadableFileError(
                    f"column {column.path} is of type {type_name(dtype)}, expected text, number or timestamp"
                )
        return chosen

    return choose


def _refuse_lists(schema: Any, source: Source) -> None:
    """Refuses columns that would lie within a list: a row of parquet is one reading."""
    for column in source.columns:
        parts = column.split(".")
        for depth in range(1, len(parts) + 1):
            dtype = type_at(schema, holder := ".".join(parts[:depth]))
            if dtype is not None and (types.is_list(dtype) or types.is_large_list(dtype) or types.is_map(dtype)):
                raise UnreadableFileError(
                    f"column {holder} is of type {type_name(dtype)}: a row of parquet is one reading; lists and maps "
                    "in it are not taken apart: unnest them before delivering, or deliver ndjson"
                )


def parquet_batches(path: Path, batch_rows: int, choice: Choice = canonical) -> Iterator[pl.DataFrame]:
    """The rows of a parquet file: as in ``RAW_SCHEMA``, but with the file's own types in the columns.

    Raises ``UnreadableFileError`` before the first row for what is no parquet file of readings, and after the
    good rows when a later part is damaged, or is too large in memory.
    """
    row_count = 0
    try:
        with path.open("rb") as stream:
            groups = row_groups(stream.fileno())
            with open_parquet(path) as file:
                metadata, chosen = file.metadata, choice(file.schema_arrow)
                kinds = _kinds(file, chosen)
            _refuse_bombs(metadata, groups, kinds)
            for batch in arrow_batches(path, stream.fileno(), metadata, groups, kinds, batch_rows):
                yield _rows(batch, chosen, row_count)
                row_count += batch.num_rows
    except DAMAGE as error:
        where = f"damaged parquet after row {row_count}" if row_count else "not a readable parquet file"
        raise UnreadableFileError(f"{where}: {str(error)[:300]}") from error


def _kinds(file: Any, chosen: list[Chosen]) -> list[Kind]:
    """How the chosen columns are stored, in their order."""
    leaves = {file.schema.column(place).path: place for place in range(len(file.schema))}
    kinds = []
    for column in chosen:
        leaf, dtype = file.schema.column(leaves[column.path]), type_at(file.schema_arrow, column.path)
        holds_text = is_text(_held(dtype))
        width = {"BYTE_ARRAY": 0, "FIXED_LEN_BYTE_ARRAY": leaf.length}.get(leaf.physical_type, 16)
        if width > FIELD_BYTES_MAX:
            raise UnreadableFileError(
                f"column {column.path} is of type {type_name(dtype)}, longer than {FIELD_BYTES_MAX} bytes"
            )
        # Ids repeat row for row: read as dictionaries they cost a fifth of reading them as text.
        kinds.append(Kind(column.path, leaves[column.path], width, holds_text, is_repeated=column.is_id))
    return kinds


def type_at(schema: Any, path: str) -> Any:
    """The type of a column by its name, dots walking into structs; None where there is none."""
    if path in schema.names:
        return schema.field(path).type
    first, *inner = path.split(".")
    dtype = schema.field(first).type if first in schema.names else None
    for part in inner:
        if dtype is None or not types.is_struct(dtype) or part not in [field.name for field in dtype]:
            return None
        dtype = dtype.field(part).type
    return dtype


def _held(dtype: Any) -> Any:
    """What is stored, within a dictionary or a type of a writer's own."""
    if types.is_dictionary(dtype):
        return _held(dtype.value_type)
    is_foreign = isinstance(dtype, pa.BaseExtensionType) and dtype != pa.uuid()
    return _held(dtype.storage_type) if is_foreign else dtype


def type_name(dtype: Any) -> str:
    """A type in words, without what its writer named: fields of structs, zones, types of its own."""
    held = _held(dtype)
    return f"timestamp[{held.unit}]" if types.is_timestamp(held) else str(held).partition("<")[0]


def types_of(schema: Any) -> dict[str, str]:
    """The type of each column in words, those in structs by their names with dots."""
    found: dict[str, str] = {}
    waiting = [(field.name, field.type) for field in reversed(schema)]
    while waiting:
        name, dtype = waiting.pop()
        if types.is_struct(dtype):
            waiting += [(f"{name}.{inner.name}", inner.type) for inner in reversed(dtype)]
        else:
            found[name] = str(dtype.value_type if types.is_dictionary(dtype) else dtype)
    return found


def _refuse_bombs(metadata: Any, groups: list[RowGroup], kinds: list[Kind]) -> None:
    if metadata.num_rows > ROWS_MAX:
        raise UnreadableFileError(f"it claims {metadata.num_rows} rows, more than the limit of {ROWS_MAX}")
    if metadata.num_row_groups > ROW_GROUPS_MAX:
        raise UnreadableFileError(
            f"it has {metadata.num_row_groups} row groups, more than the limit of {ROW_GROUPS_MAX}; write larger ones"
        )
    if len(groups) != metadata.num_row_groups or any(len(group.chunks) != metadata.num_columns for group in groups):
        raise ValueError("its footer contradicts itself")
    for group in groups:
        largest = max(group.chunks[kind.place].unpacked_bytes for kind in kinds)
        if largest > COLUMN_BYTES_MAX:
            raise UnreadableFileError(
                f"a column of a row group unpacks to {largest} bytes, more than the limit of {COLUMN_BYTES_MAX}; "
                "write smaller row groups"
            )


def _rows(batch: Any, chosen: list[Chosen], rows_before: int) -> pl.DataFrame:
    rows = pl.DataFrame([_series(column, batch.column(place)) for place, column in enumerate(chosen)])
    rows = rows.with_columns(_overlong(rows))
    if rows["fault"].null_count() < rows.height:
        text = pl.col(pl.String).exclude("fault")
        rows = rows.with_columns(
            pl.when(pl.col("fault").is_not_null()).then(text.str.head(RAW_LENGTH_MAX)).otherwise(text)
        )
    said = pl.struct(pl.col(column.name).alias(column.path) for column in chosen)
    return rows.select(
        pl.int_range(rows_before + 1, rows_before + 1 + pl.len(), dtype=pl.Int64).alias("line"),
        *(column.name for column in chosen),
        "fault",
        said.alias("raw"),  # shares the columns: text is made for rejected rows only
    )


def _overlong(rows: pl.DataFrame) -> pl.Expr:
    """The fault of rows with a text field that is too long to be one."""
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    is_overlong = pl.any_horizontal(
        pl.lit(value=False), *(pl.col(name).str.len_bytes() > FIELD_BYTES_MAX for name in texts)
    )
    return pl.when(is_overlong).then(pl.lit(Reason.LINE_TOO_LONG.value)).alias("fault")


def _series(chosen: Chosen, column: Any) -> pl.Series:
    """The column in one of the few types that polars judges."""
    if types.is_dictionary(column.type):
        values = _series(chosen, column.dictionary)
        return values.gather(pl.Series(column.indices.cast(pa.int64())))
    if column.type == pa.uuid():
        return _uuid_text(pl.Series(chosen.name, column.storage.cast(pa.binary())))
    if isinstance(column.type, pa.BaseExtensionType):
        return _series(chosen, column.storage)
    values = pl.Series(chosen.name, _plain(column, is_id=chosen.is_id))
    if values.dtype == pl.Time:  # whose fraction polars drops where it makes a text of it
        return values.dt.to_string("%T%.f")
    if chosen.is_id:  # a missing number is often written as NaN, which is nobody's id
        return values.fill_nan(None) if values.dtype.is_float() else values
    # By its text, as a decimal: 8.3 in 32 bits is 8.300000190734863 in 64.
    return values.cast(pl.String).cast(pl.Float64) if values.dtype == pl.Float32 else values


def _plain(column: Any, *, is_id: bool) -> Any:
    """Without decimal or foreign zone."""
    dtype = column.type
    if types.is_timestamp(dtype) and dtype.tz is not None:
        return column.cast(pa.timestamp(dtype.unit, "UTC"))  # the same instants: Arrow stores them in UTC
    if types.is_decimal(dtype):  # by its text: Arrow multiplies, so that its 8.2 is more than 8.2
        return column.cast(pa.string()) if is_id else column.cast(pa.string()).cast(pa.float64())
    if types.is_float16(dtype):
        return column.cast(pa.float64())
    return _valid_text(column) if is_text(dtype) else column


def _uuid_text(column: pl.Series) -> pl.Series:
    parts = r"^(.{8})(.{4})(.{4})(.{4})(.{12})$"
    return column.bin.encode("hex").str.replace(parts, "${1}-${2}-${3}-${4}-${5}")


def _valid_text(column: Any) -> Any:
    """The column as text, with U+FFFD for bytes that are not UTF-8; readers of parquet do not look."""
    try:
        text = column if column.type in SAID_TO_BE_TEXT else column.cast(pa.large_string())
        text.validate(full=True)
    except pa.ArrowInvalid:
        values = column.cast(pa.large_binary()).to_pylist()
        return pa.array([value if value is None else value.decode(errors="replace") for value in values])
    return text
