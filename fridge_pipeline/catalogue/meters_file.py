"""A catalogue of somebody's own: read from the tables of a TOML document, checked, with errors that say what to write.

[[meter]]
event_name = "temperature_readings"
display_name = "Temperature readings stored"
measure = "inserted_count"
formula = "sum"
window = "hour"

[meter.tolerance]  # may be left out, whole or in part
factor = 10
deviations = 10
hours = 168
hours_min = 24

[[measure]]  # as many as are wanted; none is needed for inserted_count and active_sensors
name = "door_alarms"
aggregate = "count"  # count | distinct | sum | min | max
column = "temperature_c"  # a count may leave it out; also a number that a source keeps
where = "temperature_c > 8"  # may be left out
scale = 10  # of sum, min and max: tenths are counted; 1 when left out
from = "2026-11-24-00:00"  # first hour that is counted; when left out, the hour in which the books first know it
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from fridge_pipeline.catalogue.measure import BUILT_IN, Aggregate, Measure
from fridge_pipeline.catalogue.measures_file import MeasureRefusedError, read_measures
from fridge_pipeline.catalogue.meter import DEFAULT_TOLERANCE, Formula, Meter, Restatement, Tolerance, Window
from fridge_pipeline.catalogue.reading_number import ReadingNumber


class CatalogueError(ValueError):
    """A catalogue cannot mean what it says; the text names the meter and what to write."""


class ToleranceTable(BaseModel):
    """``[meter.tolerance]``; what it leaves out is the default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    factor: float = DEFAULT_TOLERANCE.factor
    deviations: float = DEFAULT_TOLERANCE.deviations
    hours: int = DEFAULT_TOLERANCE.hours
    hours_min: int = DEFAULT_TOLERANCE.hours_min


class MeterTable(BaseModel):
    """``[[meter]]``. Formula and window can never be changed once Stripe has the meter; a tolerance at any time.

    The lengths are Stripe's limits (docs.stripe.com/api/billing/meter/create).
    """

    model_config = ConfigDict(extra="forbid")

    event_name: Annotated[str, StringConstraints(max_length=100, pattern=r"^\S(.*\S)?$")]
    display_name: Annotated[str, StringConstraints(max_length=250, pattern=r"^\S(.*\S)?$")]
    measure: Annotated[str, StringConstraints(pattern=r"^\S+$")]
    formula: Formula
    window: Window
    tolerance: ToleranceTable = ToleranceTable()


class CatalogueTables(BaseModel):
    """The whole document."""

    model_config = ConfigDict(extra="forbid")

    meter: Annotated[list[MeterTable], Field(min_length=1)]
    measure: object = None  # see measures_file.py


def read_catalogue(document: Mapping[str, object], numbers: Sequence[ReadingNumber] = ()) -> tuple[Meter, ...]:
    """The meters of a document. Raises ``CatalogueError`` for the first thing that is wrong with it.

    ``numbers`` are those that the sources keep, for measures.
    """
    try:
        tables = CatalogueTables.model_validate(document).meter
    except ValidationError as refused:
        problems = refused.errors(include_url=False)
        # A key that nobody knows is often one that is missing, misspelled.
        first = min(problems, key=lambda each: each["type"] != "extra_forbidden")
        raise CatalogueError(_in_our_words(first)) from None
    try:
        measures = {measure.name: measure for measure in (*BUILT_IN, *read_measures(document, numbers))}
    except MeasureRefusedError as error:
        raise CatalogueError(str(error)) from None
    catalogue = tuple(_meter(f"meter {number}", table, measures) for number, table in enumerate(tables, start=1))
    _refuse_repeated("event name", [meter.event_name for meter in catalogue])
    # Usage has one quantity per measure, and which meter states it must be certain.
    _refuse_repeated("measure", [meter.measure.name for meter in catalogue])
    return catalogue


def _meter(place: str, table: MeterTable, measures: Mapping[str, Measure]) -> Meter:
    measure = measures.get(table.measure)
    if measure is None:
        raise CatalogueError(f"{place}: measure is {' or '.join(measures)}, got {table.measure!r}")
    try:
        meter = Meter(**{**dict(table), "measure": measure, "tolerance": Tolerance(**dict(table.tolerance))})
    except ValueError as error:
        raise CatalogueError(f"{place}: {error}") from error
    if measure.aggregate in {Aggregate.MIN, Aggregate.MAX} and meter.restatement is Restatement.DIFFERENCE:
        raise CatalogueError(
            f'{place}: {measure.name} is a {measure.aggregate}, and a meter with formula "sum" and window "none" is '
            f'restated by differences, which of a {measure.aggregate} mean nothing: write window = "hour", or '
            'formula = "last"'
        )
    return meter


def _in_our_words(problem: ErrorDetails) -> str:
    kind, got = problem["type"], problem["input"]
    table: type[BaseModel] = MeterTable
    match problem["loc"]:
        case ("meter",) if kind in {"missing", "too_short"}:
            return "it holds no [[meter]]; unset FRIDGE_METERS for the default catalogue"
        case ("meter",) | ("meter", int()):
            return "each meter is a table of its own under [[meter]], with two brackets on each side"
        case ("meter", int(index), "tolerance", str(key)):
            place, table = f"meter {index + 1}: tolerance", ToleranceTable
        case ("meter", int(index), str(key)):
            place = f"meter {index + 1}"
        case (*_, key):
            return f"unknown key {key!r}; a catalogue holds [[meter]] and [[measure]] tables and nothing else"
    if kind in {"extra_forbidden", "missing"}:
        has = "has the unknown key" if kind == "extra_forbidden" else "lacks"
        return f"{place} {has} {key}; there are {', '.join(table.model_fields)}"
    if kind == "string_too_long":
        most = problem["ctx"]["max_length"]
        return f"{place}: Stripe takes at most {most} characters for {key}, got {len(got)}: {got[:40]}…"
    wanted = {
        "enum": problem.get("ctx", {}).get("expected", "").replace("'", ""),
        "float_type": "a number",
        "int_type": "a whole number",
        "model_type": f"a table of its own, [meter.{key}]",
    }.get(kind, "a text in quotes without blanks around it")
    return f"{place}: {key} is {wanted}, got {got!r}"


def _refuse_repeated(what: str, values: list[str]) -> None:
    for value, times in Counter(values).items():
        if times > 1:
            raise CatalogueError(f"{times} meters have the {what} {value!r}; each {what} belongs to one meter")
