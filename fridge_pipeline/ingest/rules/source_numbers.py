"""The numbers that a source keeps with its readings besides the temperature: whole parts, exact from then on.

What is missing is none, and never zero. A row with a number that cannot be read is no reading: kept without it, it
would be usage that nobody misses.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from fridge_pipeline.catalogue.reading_number import PARTS_MAX, NumberType, ReadingNumber
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.csv_layout import CsvLayout
from fridge_pipeline.ingest.rules.given_number import given_number
from fridge_pipeline.ingest.rules.reading import Reason
from fridge_pipeline.ingest.rules.source import NumberField, Source, own

#: Computed numbers are rounded to so many decimals before they are judged: 0.7 * 10 is 7.
DECIMALS = 6


def with_source_numbers(rows: pl.LazyFrame, source: Source) -> pl.LazyFrame:
    """With ``numbers``: of each row its numbers in parts, in the order of the source; null where it has none.

    In: the source's columns under their ``own`` names.
    """
    if not source.numbers:
        return rows
    schema = rows.collect_schema()
    values = {number: _value(number, schema[own(number.column)], source.csv) for number in source.numbers}
    parts = [
        (value * number.type.parts).round().cast(pl.Int64, strict=False).alias(_of(number))
        for number, value in values.items()
    ]
    fault = pl.coalesce(_fault_of(number, value) for number, value in values.items())
    has_any = pl.any_horizontal(pl.col(_of(number)).is_not_null() for number in values)
    listed = pl.concat_list(_of(number) for number in values)
    return rows.with_columns(*parts, _number_fault=fault).with_columns(numbers=pl.when(has_any).then(listed))


def number_fault(source: Source) -> pl.Expr:
    """Why a row's numbers make it no reading."""
    return pl.col("_number_fault") if source.numbers else pl.lit(None, pl.String)


def in_places(rows: pl.DataFrame, source: Source, known: Mapping[str, ReadingNumber]) -> pl.DataFrame:
    """The same rows with each of their numbers where the books have its place."""
    order = {known[number.name].index: place for place, number in enumerate(source.numbers)}
    if not order or all(index == place for index, place in order.items()):
        return rows
    elements = [
        pl.col("numbers").list.get(order[index]) if index in order else pl.lit(None, pl.Int64)
        for index in range(max(order) + 1)
    ]
    placed = pl.when(pl.col("numbers").is_not_null()).then(pl.concat_list(elements))
    return rows.with_columns(placed.alias("numbers"))


def _of(number: NumberField) -> str:
    return f"{number.name} in parts"


def _given(number: NumberField, dtype: pl.DataType, layout: CsvLayout) -> tuple[pl.Expr, pl.Expr]:
    """The number as the file has it, and whether it says that there is none."""
    value = pl.col(own(number.column))
    if dtype == pl.String:
        value = value.str.strip_chars(BLANK)
    as_number, is_missing = given_number(value, dtype, ("", *number.missing), layout)
    return as_number, value.is_null() | is_missing


def _value(number: NumberField, dtype: pl.DataType, layout: CsvLayout) -> pl.Expr:
    """The number; null where there is none, NaN where it cannot be read."""
    as_number, says_nothing = _given(number, dtype, layout)
    computed = (as_number * number.scale + number.offset).round(DECIMALS)
    return pl.when(~says_nothing.fill_null(value=False)).then(computed.fill_null(float("nan")))


def _fault_of(number: NumberField, value: pl.Expr) -> pl.Expr:
    is_whole = value == value.round() if number.type is NumberType.INTEGER else pl.lit(value=True)
    return (
        pl.when(value.is_null())
        .then(None)
        .when(~value.is_finite())
        .then(pl.lit(Reason.UNREADABLE_NUMBER.value))
        .when((value * number.type.parts).abs() > PARTS_MAX)
        .then(pl.lit(Reason.NUMBER_OUT_OF_RANGE.value))
        .when(~is_whole)
        .then(pl.lit(Reason.NUMBER_NOT_WHOLE.value))
    )
