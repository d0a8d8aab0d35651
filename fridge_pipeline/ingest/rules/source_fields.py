"""The four fields of a reading, made of the columns of a file by its source.

A row stays the row it was: with its line and what it said, and with the one reason for which it is no reading where its
source knows one. Of a wide row each measured column is a row.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from polars import selectors

from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.patterns import group_in
from fridge_pipeline.ingest.rules.reading import FIELDS, IDS, Reason
from fridge_pipeline.ingest.rules.source import Column, IdField, Source, TemperatureField, Unit, own
from fridge_pipeline.ingest.rules.source_times import with_source_time

#: Computed temperatures are rounded to so many decimals: 0.1 * 3 is no 0.30000000000000004 degrees.
DECIMALS = 6

#: What stands between the parts of a time, and of an id, that are several columns.
BETWEEN_TIMES, BETWEEN_IDS = " ", "-"

#: What may stand behind a number: its unit, if it is the source's.
_UNIT_ENDS = {Unit.CELSIUS: f"{BLANK}°ºC", Unit.FAHRENHEIT: f"{BLANK}°ºF", Unit.KELVIN: f"{BLANK}°ºK"}

_KEPT = ("line", "fault", "raw")


def path_ids(source: Source, path_below_hour: str) -> dict[str, str | None]:
    """What the path of a file says of its ids; None where the pattern does not match."""
    fields = {"tenant_id": source.tenant_id, "sensor_id": source.sensor_id}
    found = {}
    for name, field in fields.items():
        if field is not None and field.path is not None:
            found[name] = group_in(field.path, name, path_below_hour)
    return found


def with_fields(rows: pl.DataFrame, source: Source, of_path: Mapping[str, str | None]) -> pl.DataFrame:
    """The rows of a file as ``judge`` takes them: ``line``, ``FIELDS``, ``fault``, ``raw``.

    In: ``line``, ``fault``, ``raw``, and the source's columns under their ``own`` names, as text or in the file's
    types. ``of_path`` is what ``path_ids`` found. A tenant that only the register knows is null.
    """
    tall = rows.lazy() if source.wide is None else _unpivoted(rows, source)
    sensor = pl.col(_SENSOR) if source.sensor_id is None else _id(source.sensor_id, "sensor_id", of_path)
    temperature = _TEMPERATURE if source.temperature.column is None else own(source.temperature.column)
    time = source.recorded_at.column
    time_type = tall.collect_schema()[own(time)] if isinstance(time, str) else pl.String()
    return (
        tall.select(
            *_KEPT,
            _stripped(_id(source.tenant_id, "tenant_id", of_path)).alias("tenant_id"),
            _stripped(sensor.cast(pl.String)).alias("sensor_id"),
            _together(time, BETWEEN_TIMES).alias("recorded_at"),
            pl.col(temperature).alias("temperature_c"),
            _is_other=_is_other(source),
        )
        .with_columns(_stripped(selectors.by_name("recorded_at", "temperature_c") & selectors.string()))
        .with_columns(
            _has_time=_is_there("recorded_at", time_type),
            _has_temperature=_is_there("temperature_c", tall.collect_schema()[temperature]),
        )
        .pipe(with_source_time, "recorded_at", source.recorded_at)
        .pipe(_with_temperature, source)
        .with_columns(fault=_fault(is_tenant_known=not source.tenant_id.register))
        .select("line", *FIELDS, "fault", "raw")
        .collect(engine="streaming")
    )


_SENSOR, _TEMPERATURE = "column of a wide row", "value of a wide row"


def _unpivoted(rows: pl.DataFrame, source: Source) -> pl.LazyFrame:
    """One row per measured column of each row, in their order; of a row without any, or that is none, one."""
    fixed = {*_KEPT, *map(own, source.columns)}
    named, wide = ([name for name in rows.columns if (name in fixed) is is_fixed] for is_fixed in (True, False))
    numbered = rows.lazy().with_row_index("_row")
    cells = (
        numbered.filter(pl.col("fault").is_null())
        .unpivot(wide, index=["_row", *named], variable_name=_SENSOR, value_name=_TEMPERATURE)
        .filter(_is_there(_TEMPERATURE, _type_of(rows, wide)))
        .with_columns(pl.col(_SENSOR).str.strip_prefix(own("")))
    )
    others = numbered.select("_row", *named).join(cells.select("_row").unique(), on="_row", how="anti")
    nothing = pl.coalesce("fault", pl.lit(Reason.NO_MEASUREMENT.value))
    return (
        pl.concat([cells, others.with_columns(fault=nothing)], how="diagonal")
        .sort("_row", maintain_order=True)
        .drop("_row")
    )


def _type_of(rows: pl.DataFrame, columns: list[str]) -> pl.DataType:
    """What the columns are together, as polars makes them one."""
    is_text = any(rows.schema[name] == pl.String for name in columns)
    return pl.String() if is_text else pl.Float64()


def _id(field: IdField, name: str, of_path: Mapping[str, str | None]) -> pl.Expr:
    if field.column is not None:
        return _together(field.column, BETWEEN_IDS).cast(pl.String)
    return pl.lit(of_path.get(name, field.value), pl.String)


def _together(column: Column, between: str) -> pl.Expr:
    """A column as the file has it, or several as one text; null where one of them is."""
    if isinstance(column, str):
        return pl.col(own(column))
    parts = [_stripped(pl.col(own(part)).cast(pl.String)) for part in column]
    is_there = pl.all_horizontal(part != "" for part in parts)
    return pl.when(is_there).then(pl.concat_str(parts, separator=between))


def _is_other(source: Source) -> pl.Expr:
    """Whether a row is about something else than its source asks for; null where it does not say."""
    asked = [
        _stripped(pl.col(own(column)).cast(pl.String)).fill_null("").is_in(pl.lit(pl.Series(texts)).implode())
        for column, texts in source.where
    ]
    return ~pl.all_horizontal(asked) if asked else pl.lit(value=False)


def _stripped(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars(BLANK)


def _is_there(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    return column.is_not_null() & (column != "") if dtype == pl.String else column.is_not_null()


def _with_temperature(rows: pl.LazyFrame, source: Source) -> pl.LazyFrame:
    """Degrees Celsius, null where the value is no number; ``_is_missing`` says that nothing was measured."""
    field, value = source.temperature, pl.col("temperature_c")
    numbers = [each for each in field.missing if not isinstance(each, str)]
    texts = [each for each in field.missing if isinstance(each, str)]
    says_nothing = pl.lit(value=False)
    if rows.collect_schema()["temperature_c"] == pl.String:
        says_nothing = value.is_in(pl.lit(pl.Series(texts, dtype=pl.String)).implode())
        value = value.str.strip_chars_end(_UNIT_ENDS[field.unit])
        if source.csv.decimal != ".":
            value = value.str.replace(source.csv.decimal, ".", literal=True)
    number = value.cast(pl.Float64, strict=False)
    is_missing = number.is_in(pl.lit(pl.Series(numbers, dtype=pl.Float64)).implode()) | says_nothing
    return rows.with_columns(_celsius(number, field).alias("temperature_c"), _is_missing=is_missing)


def _celsius(number: pl.Expr, field: TemperatureField) -> pl.Expr:
    if (field.unit, field.scale, field.offset) == (Unit.CELSIUS, 1.0, 0.0):
        return number
    measured = number * field.scale + field.offset
    match field.unit:
        case Unit.FAHRENHEIT:
            measured = (measured - 32) * 5 / 9
        case Unit.KELVIN:
            measured = measured - 273.15
        case Unit.CELSIUS:
            pass
    return measured.round(DECIMALS)


def _fault(*, is_tenant_known: bool) -> pl.Expr:
    """What the source knows of a row; a field that is missing comes first, and ``judge`` says that."""
    ids = [pl.col(name).fill_null("") != "" for name in IDS if is_tenant_known or name != "tenant_id"]
    has_all = pl.all_horizontal(*ids, "_has_time", "_has_temperature")
    found = pl.coalesce(
        pl.when("_is_missing").then(pl.lit(Reason.NO_MEASUREMENT.value)),
        pl.when(pl.col("temperature_c").is_null()).then(pl.lit(Reason.UNREADABLE_TEMPERATURE.value)),
        pl.col("time_fault"),
        pl.when(pl.col("recorded_at").is_null()).then(pl.lit(Reason.UNREADABLE_TIME.value)),
    )
    other = pl.when("_is_other").then(pl.lit(Reason.OTHER_MEASURE.value))
    return pl.coalesce("fault", other, pl.when(has_all).then(found))
