"""The ``[[measure]]`` tables of a catalogue of somebody's own: checked, with errors that say what to write."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.condition import (
    SENSOR_ID,
    TEMPERATURE_C,
    Condition,
    ConditionError,
    columns_of,
    least_of,
    read_condition,
)
from fridge_pipeline.catalogue.measure import BUILT_IN, OF_NUMBERS, Aggregate, Measure
from fridge_pipeline.catalogue.reading_number import ReadingNumber

#: The most parts that a unit is counted in: more, and an hour's sum soon has more than Stripe's 15 digits.
SCALE_MAX = 1000

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

#: Names that would be taken for something else.
_TAKEN = frozenset(
    {*(each for measure in BUILT_IN for each in (measure.name, measure.usage_table))}
    | {"tenant_id", "sensor_key", "hour", "readings", "measure", "quantity"}
)

#: What a measure is made of, and what its condition compares, besides the numbers that sources keep.
COLUMNS: Mapping[str, type] = {SENSOR_ID: str, TEMPERATURE_C: float}


class MeasureRefusedError(ValueError):
    """A measure cannot mean what it says; the text names it, and what to write."""


class MeasureTable(BaseModel):
    """``[[measure]]``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    aggregate: Annotated[Aggregate, Field(strict=False)]
    column: str | None = None
    where: str | None = None
    scale: Annotated[int, Field(ge=1, le=SCALE_MAX)] = 1
    counted_from: str | None = Field(None, alias="from")


def read_measures(document: Mapping[str, object], numbers: Sequence[ReadingNumber] = ()) -> tuple[Measure, ...]:
    """The declared measures of a document. Raises ``MeasureRefusedError`` for the first thing that is wrong.

    ``numbers`` are those that the sources keep.
    """
    tables = document.get("measure", [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise MeasureRefusedError("each measure is a table of its own under [[measure]], with two brackets")
    measures = tuple(_measure(f"measure {number}", table, numbers) for number, table in enumerate(tables, start=1))
    for name, times in Counter(measure.name for measure in measures).items():
        if times > 1:
            raise MeasureRefusedError(f"{times} measures have the name {name!r}; each has its own")
    return measures


def _measure(place: str, given: dict[str, Any], numbers: Sequence[ReadingNumber]) -> Measure:
    try:
        table = MeasureTable.model_validate(given)
    except ValidationError as refused:
        raise MeasureRefusedError(f"{place}: {_in_our_words(refused)}") from None
    if not _NAME.fullmatch(table.name) or table.name in _TAKEN:
        raise MeasureRefusedError(
            f"{place}: name is at most 63 small letters, digits and _, begins with a letter, and is none of "
            f"{', '.join(sorted(_TAKEN))}; got {table.name!r}"
        )
    place = f"measure {table.name}"
    columns = {**COLUMNS, **{number.name: float for number in numbers}}
    condition = _condition(place, table.where, columns)
    column = _column(place, table, condition, columns)
    return Measure(
        table.name,
        table.aggregate,
        column,
        condition,
        table.scale,
        counted_from=_hour(place, table.counted_from),
        numbers=tuple(number for number in numbers if number.name in columns_of(condition) | {column}),
    )


def _condition(place: str, where: str | None, columns: Mapping[str, type]) -> Condition | None:
    try:
        return None if where is None else read_condition(where, columns)
    except ConditionError as error:
        raise MeasureRefusedError(f"{place}: where: {error}") from None


def _hour(place: str, key: str | None) -> datetime | None:
    try:
        return None if key is None else Hour.from_key(key).start
    except ValueError as error:
        raise MeasureRefusedError(f"{place}: from: {error}") from None


def _column(place: str, table: MeasureTable, condition: Condition | None, columns: Mapping[str, type]) -> str:
    """The column of a measure, which suits its aggregate and is never below zero where it is counted."""
    column = table.column or (SENSOR_ID if table.aggregate is Aggregate.COUNT else "")
    if column not in columns:
        raise MeasureRefusedError(
            f"{place}: column is {' or '.join(columns)}, got {column!r}; other numbers are those that a source of "
            "FRIDGE_SOURCES keeps"
        )
    if table.aggregate is Aggregate.DISTINCT and column != SENSOR_ID:
        raise MeasureRefusedError(f"{place}: only sensors are counted distinct, column is {SENSOR_ID}, got {column!r}")
    if table.aggregate not in OF_NUMBERS:
        if table.scale != 1:
            raise MeasureRefusedError(f"{place}: a {table.aggregate} has no scale; leave it out")
        return column
    if columns[column] is not float:
        raise MeasureRefusedError(f"{place}: {table.aggregate} is of numbers, and {column} is a text")
    least = least_of(condition, column)
    if least is None or least < 0:
        raise MeasureRefusedError(
            f"{place}: a quantity is never below zero, so where says which readings are counted, for example "
            f'where = "{column} >= 0"' + (f"; now it is {condition}" if condition else "")
        )
    return column


def _in_our_words(refused: ValidationError) -> str:
    # A key that nobody knows is often one that is missing, misspelled.
    first = min(refused.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    kind, key = first["type"], first["loc"][0]
    keys = ", ".join(field.alias or name for name, field in MeasureTable.model_fields.items())
    if kind in {"extra_forbidden", "missing"}:
        return f"{'has the unknown key' if kind == 'extra_forbidden' else 'lacks'} {key}; there are {keys}"
    wanted = {
        "aggregate": " or ".join(Aggregate),
        "scale": f"a whole number from 1 to {SCALE_MAX}",
    }.get(str(key), "a text in quotes")
    return f"{key} is {wanted}, got {first['input']!r}"
