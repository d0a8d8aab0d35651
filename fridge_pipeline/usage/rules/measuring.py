"""Measuring: what polars makes of a measure's definition. SQL makes its own of it (``fridge.measured_of_files``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import polars as pl

from fridge_pipeline.catalogue.condition import HOUR, SENSOR_ID, Combination, Condition
from fridge_pipeline.catalogue.measure import OF_NUMBERS, Aggregate, Measure

#: What a stored reading has of its sensor, and never lacks.
SENSOR_KEY = "sensor_key"

_COMPARED: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "<": pl.Expr.lt,
    "<=": pl.Expr.le,
    ">": pl.Expr.gt,
    ">=": pl.Expr.ge,
    "=": pl.Expr.eq,
    "<>": pl.Expr.ne,
}

#: What stands for what in a pattern of LIKE: an escaped character for itself.
_PATTERN = re.compile(r"\\(?P<itself>.)|(?P<any>%)|(?P<one>_)|(?P<other>[^\\%_]+)", re.DOTALL)


def column(name: str) -> pl.Expr:
    """A column of a reading, in the type that is computed with."""
    if name == HOUR:
        return pl.col("recorded_at").dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.hour().cast(pl.Float64)
    return pl.col(name)


def holds(condition: Condition) -> pl.Expr:
    """Whether a condition is true of a reading; null where it is neither true nor false."""
    if isinstance(condition, Combination):
        parts = [holds(part) for part in condition.parts]
        if condition.operator == "not":
            return parts[0].not_()
        joined = parts[0]
        for part in parts[1:]:
            joined = joined & part if condition.operator == "and" else joined | part
        return joined
    compared, values = column(condition.column), [pl.lit(value) for value in condition.values]
    match condition.operator:
        case "in":
            return compared.is_in(list(condition.values))
        case "between":
            return (compared >= values[0]) & (compared <= values[1])
        case "like":
            return compared.str.contains(like_as_regex(str(condition.values[0])))
    return _COMPARED[condition.operator](compared, values[0])


def like_as_regex(pattern: str) -> str:
    """A regular expression for exactly the texts that a pattern of LIKE is true of."""
    parts = []
    for match in _PATTERN.finditer(pattern):
        words = {"any": ".*", "one": "."}
        parts.append(words.get(match.lastgroup or "") or re.escape(match[match.lastgroup or 0]))
    return rf"(?s)\A{''.join(parts)}\z"


def measured(measure: Measure) -> pl.Expr:
    """What one reading is counted as; null where it is not."""
    counted = pl.lit(value=True) if measure.condition is None else holds(measure.condition)
    if measure.added_up is not None:
        number = pl.col(in_parts(measure.column))
    elif measure.aggregate in OF_NUMBERS:
        number = (column(measure.column) * measure.scale).round(mode="half_to_even")
    else:
        of_column = SENSOR_KEY if measure.column == SENSOR_ID else measure.column
        counted, number = counted & pl.col(of_column).is_not_null(), pl.lit(1)
    return _named(measure, pl.when(counted).then(number))


def in_parts(number: str) -> str:
    """What the column is called that holds a number as it is stored, where no name of ours can be the same."""
    return f"{number} in parts"


def merged_quantity(measure: Measure, quantities: pl.Expr) -> pl.Expr:
    """One quantity of several of the same sensor: of readings, or of batches of them."""
    same = Aggregate.MAX if measure.aggregate is Aggregate.DISTINCT else measure.aggregate
    return _named(measure, _of(same, quantities))


def tenant_quantity(measure: Measure) -> pl.Expr:
    """One quantity of those of a tenant's sensors."""
    same = Aggregate.COUNT if measure.aggregate is Aggregate.DISTINCT else measure.aggregate
    quantity = _of(same, pl.col(measure.name))
    if measure.added_up is not None:  # never below zero, and of more than 64 bits before it is divided
        parts = measure.added_up.type.parts
        quantity = (2 * measure.scale * quantity.cast(pl.Int128) + parts) // (2 * parts)
    return _named(measure, quantity)


def _of(aggregate: Aggregate, numbers: pl.Expr) -> pl.Expr:
    """Null for none: a sum of nothing is not zero."""
    if aggregate is Aggregate.MIN:
        return numbers.min()
    if aggregate is Aggregate.MAX:
        return numbers.max()
    return pl.when(numbers.count() > 0).then(numbers.sum())


def _named(measure: Measure, quantity: pl.Expr) -> pl.Expr:
    return quantity.cast(pl.Int64).alias(measure.name)
