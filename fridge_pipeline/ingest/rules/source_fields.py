"""The four fields of a reading, made of the columns of a file by its source.

A row stays the row it was: with its line and what it said, and with the one reason for which it is no reading where its
source knows one. Of a wide row each measured column is a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from polars import selectors

from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.embedded_json import with_embedded
from fridge_pipeline.ingest.rules.given_number import given_number
from fridge_pipeline.ingest.rules.patterns import group_in
from fridge_pipeline.ingest.rules.reading import FIELDS, IDS, NUMBERS, RAW_LENGTH_MAX, Reason
from fridge_pipeline.ingest.rules.rejections import SAID
from fridge_pipeline.ingest.rules.source import (
    Column,
    IdField,
    Source,
    TemperatureField,
    Unit,
    columns_of,
    own,
)
from fridge_pipeline.ingest.rules.source_numbers import number_fault, with_source_numbers
from fridge_pipeline.ingest.rules.source_times import later_by, made_later, with_source_time

#: Computed temperatures are rounded to so many decimals: 0.1 * 3 is no 0.30000000000000004 degrees.
DECIMALS = 6

#: What stands between the parts of a time, and of an id, that are several columns.
BETWEEN_TIMES, BETWEEN_IDS = " ", "-"

#: What may stand behind a number: its unit, if it is the source's.
_UNIT_ENDS = {Unit.CELSIUS: f"{BLANK}°ºC℃", Unit.FAHRENHEIT: f"{BLANK}°ºF℉", Unit.KELVIN: f"{BLANK}°ºK"}

#: A unit as files write it: ``°C``, ``F``, ``deg C``, ``Cel``, ``[degF]``, ``degrees Celsius``, ``Kelvin``, ``FAH``.
_UNIT = (
    rf"^[{BLANK}\[°º]*(?:deg(?:ree)?s?)?[{BLANK}_.]*"
    rf"(c|cel|celsius|centigrade|f|fah|fahrenheit|k|kel|kelvin)[{BLANK}\].]*$"
)

_FLAGS = frozenset(("true", "false"))
_WHOLE = r"^(-?[0-9]+)(?:\.0+)?$"

_KEPT = ("line", "fault", "raw")


def path_ids(source: Source, path_below_hour: str) -> dict[str, str | None]:
    """What the path of a file says of its ids and time; None where the pattern does not match."""
    fields = {"tenant_id": source.tenant_id, "sensor_id": source.sensor_id, "recorded_at": source.recorded_at}
    found = {}
    for name, field in fields.items():
        if field is not None and field.path is not None:
            found[name] = group_in(field.path, name, path_below_hour)
    return found


def with_fields(rows: pl.DataFrame, source: Source, of_path: Mapping[str, str | None]) -> pl.DataFrame:
    """The rows of a file as ``judge`` takes them: ``line``, ``FIELDS``, ``fault``, ``raw``; and ``numbers``, ``SAID``.

    In: ``line``, ``fault``, ``raw``, and the source's columns under their ``own`` names, as text or in the file's
    types. ``of_path`` is what ``path_ids`` found. A tenant that only the register knows is null.
    """
    rows = with_embedded(rows, source)
    tall = rows.lazy() if source.wide is None else _unpivoted(rows, source)
    sensor = _sensor(source, of_path)
    if source.tenant_id.register:  # which is asked for it as it is judged; else ids are stripped once, by ``judge``
        sensor = _stripped(sensor)
    temperature = _TEMPERATURE if source.temperature.column is None else own(source.temperature.column)
    time = source.recorded_at.column
    is_text = source.recorded_at.path is not None or not isinstance(time, str)
    time_type = pl.String() if is_text else tall.collect_schema()[own(str(time))]
    return (
        tall.select(
            *_KEPT,
            _id(source.tenant_id, "tenant_id", of_path).alias("tenant_id"),
            sensor.alias("sensor_id"),
            _time(source, of_path).alias("recorded_at"),
            pl.col(temperature).alias("temperature_c"),
            *(pl.col(own(column)) for column in {number.column for number in source.numbers}),
            _is_other=_is_other(source),
            _unit=_unit(source.temperature.unit_column),
            _later=later_by(source),
        )
        .with_columns(_stripped(selectors.by_name("recorded_at", "temperature_c") & selectors.string()))
        .with_columns(
            _has_time=_is_there("recorded_at", time_type),
            _has_temperature=_is_there("temperature_c", tall.collect_schema()[temperature]),
            **{said: pl.col(field) for field, said in SAID.items()},
        )
        .pipe(with_source_time, "recorded_at", source.recorded_at)
        .with_columns(made_later(source.recorded_at))
        .pipe(_with_temperature, source)
        .pipe(with_source_numbers, source)
        .with_columns(fault=_fault(source))
        .select("line", *FIELDS, "fault", "raw", NUMBERS, *SAID.values())
        .collect(engine="streaming")
    )


_SENSOR, _TEMPERATURE = "column of a wide row", "value of a wide row"


def _unpivoted(rows: pl.DataFrame, source: Source) -> pl.LazyFrame:
    """One row per measured column of each row, in their order; of a row without any, or that is none, one."""
    fixed = {*_KEPT, *map(own, source.columns), *map(own, source.named)}
    named, wide = ([name for name in rows.columns if (name in fixed) is is_fixed] for is_fixed in (True, False))
    # Each of its readings has a copy of what the row says: longer texts are no id, time or number.
    rows = rows.with_columns(selectors.string().str.head(RAW_LENGTH_MAX))
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


def _sensor(source: Source, of_path: Mapping[str, str | None]) -> pl.Expr:
    """The id; of a wide row's reading its column's name, behind what says whose column that is."""
    if source.sensor_id is None:
        return pl.col(_SENSOR).cast(pl.String)
    sensor = _id(source.sensor_id, "sensor_id", of_path)
    if source.wide is None:
        return sensor
    logger = _stripped(sensor)
    return pl.when(logger != "").then(pl.concat_str(logger, pl.col(_SENSOR), separator=BETWEEN_IDS))


def _together(column: Column, between: str) -> pl.Expr:
    """A column as the file has it, or several as one text; null where one of them is."""
    return pl.col(own(column)) if isinstance(column, str) else _joined(_texts(column), between)


def _texts(columns: Sequence[str]) -> list[pl.Expr]:
    return [_stripped(pl.col(own(column)).cast(pl.String)) for column in columns]


def _joined(parts: Sequence[pl.Expr], between: str) -> pl.Expr:
    is_there = pl.all_horizontal(part != "" for part in parts)
    return pl.when(is_there).then(pl.concat_str(parts, separator=between))


def _time(source: Source, of_path: Mapping[str, str | None]) -> pl.Expr:
    """As the file has it, behind what its path has of it; of a number with a decimal comma, with a point."""
    column = source.recorded_at.column
    if source.recorded_at.path is not None:
        before = pl.lit(of_path["recorded_at"], pl.String)
        time = _joined([before, *_texts(columns_of(column))], BETWEEN_TIMES)
    else:
        time = _together(() if column is None else column, BETWEEN_TIMES)
    if source.csv.decimal == "." or not source.recorded_at.is_number:
        return time
    return time.cast(pl.String).str.replace(source.csv.decimal, ".", literal=True)


def _is_other(source: Source) -> pl.Expr:
    """Whether a row is about something else than its source asks for; null where it does not say."""
    asked = [_is_among(_said(column), texts) for column, texts in source.where]
    asked += [_said(column).str.contains(pattern) for column, pattern in source.where_like]
    return ~pl.all_horizontal(asked) if asked else pl.lit(value=False)


def _said(column: str) -> pl.Expr:
    return _stripped(pl.col(own(column)).cast(pl.String)).fill_null("")


def _is_among(text: pl.Expr, texts: Sequence[str]) -> pl.Expr:
    """Whether it is one of them: yes and no in any letters, a whole number also with ``.0`` behind it."""
    asked = pl.Series(texts)
    if not _FLAGS.isdisjoint(texts):
        lower = text.str.to_lowercase()
        text = pl.when(lower.is_in(pl.lit(pl.Series(sorted(_FLAGS))).implode())).then(lower).otherwise(text)
    if asked.str.contains(_WHOLE).any():
        text, asked = text.str.replace(_WHOLE, "$1"), asked.str.replace(_WHOLE, "$1")
    return text.is_in(pl.lit(asked).implode())


def _stripped(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars(BLANK)


def _is_there(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    return column.is_not_null() & (column != "") if dtype == pl.String else column.is_not_null()


def _with_temperature(rows: pl.LazyFrame, source: Source) -> pl.LazyFrame:
    """Degrees Celsius, null where the value is no number; ``_is_missing`` says that nothing was measured."""
    field, dtype = source.temperature, rows.collect_schema()["temperature_c"]
    ends = "".join(_UNIT_ENDS.values()) if field.unit_column else _UNIT_ENDS[field.unit]
    number, is_missing = given_number(pl.col("temperature_c"), dtype, field.missing, source.csv, ends)
    return rows.with_columns(_celsius(number, field).alias("temperature_c"), _is_missing=is_missing)


def _celsius(number: pl.Expr, field: TemperatureField) -> pl.Expr:
    """In each row's own unit where a column says it; null in a unit of anything else."""
    if field.unit_column is not None:
        measured = number * field.scale + field.offset
        in_units = [pl.when(pl.col("_unit") == unit[0]).then(_from(measured, unit)) for unit in Unit]
        return pl.coalesce(in_units).round(DECIMALS)
    if (field.unit, field.scale, field.offset) == (Unit.CELSIUS, 1.0, 0.0):
        return number
    return _from(number * field.scale + field.offset, field.unit).round(DECIMALS)


def _from(measured: pl.Expr, unit: Unit) -> pl.Expr:
    match unit:
        case Unit.FAHRENHEIT:
            return (measured - 32) * 5 / 9
        case Unit.KELVIN:
            return measured - 273.15
        case Unit.CELSIUS:
            return measured


def _unit(column: str | None) -> pl.Expr:
    """The first letter of a row's unit; null of what measures no temperature."""
    text = pl.lit(None, pl.String) if column is None else pl.col(own(column)).cast(pl.String)
    whole = text.str.replace("℃", "C", literal=True).str.replace("℉", "F", literal=True)
    return whole.str.to_lowercase().str.extract(_UNIT).str.head(1)


def _fault(source: Source) -> pl.Expr:
    """What the source knows of a row; a field that is missing comes first, and ``judge`` says that."""
    found = pl.coalesce(
        pl.when("_is_missing").then(pl.lit(Reason.NO_MEASUREMENT.value)),
        pl.when(pl.col("temperature_c").is_null()).then(pl.lit(Reason.UNREADABLE_TEMPERATURE.value)),
        pl.col("time_fault"),
        pl.when(pl.col("recorded_at").is_null()).then(pl.lit(Reason.UNREADABLE_TIME.value)),
        number_fault(source),
    )
    names = IDS if not source.tenant_id.register else ("sensor_id",)
    # Only where something was found: to strip every id once more would cost as much as all else here.
    ids = [_stripped(pl.when(found.is_not_null()).then(pl.col(name))).fill_null("") != "" for name in names]
    has_all = pl.all_horizontal(*ids, "_has_time", "_has_temperature")
    other = pl.when("_is_other").then(pl.lit(Reason.OTHER_MEASURE.value))
    # Where the time cannot be read either, it is null by now, and ``judge`` would say that the time is missing.
    no_temperature = pl.when(pl.all_horizontal(*ids, "_has_time")).then(pl.lit(Reason.MISSING_TEMPERATURE.value))
    known = pl.when(has_all).then(found).when(~pl.col("_has_temperature")).then(no_temperature)
    return pl.coalesce("fault", other, known)
