"""The tables of a file of sources, key by key: what each may hold, and what cannot be meant."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.functional_validators import AfterValidator, PlainValidator
from pydantic_core import PydanticCustomError

from fridge_pipeline.catalogue.reading_number import NumberType, is_name
from fridge_pipeline.ingest.rules.patterns import refusal_of
from fridge_pipeline.ingest.rules.source import Ambiguous, ContractMode, SourceFormat, TimeFormat, Unit
from fridge_pipeline.ingest.rules.time_format import refusal_of_format

#: A source's name stands in tables and in reasons.
_NAME = r"^[a-z0-9][a-z0-9_.-]{0,39}$"


def _refused(message: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{message}", {"message": message})


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise _refused(f"is not a regular expression: {error}") from None
    if (reason := refusal_of(text)) is not None:
        raise _refused(f"cannot be searched for in linear time, so without look-around and back-references: {reason}")
    return text


def _zone(name: str) -> str:
    # Every command reads the settings; few installations have a source with a zone, and nothing else here needs frames.
    import polars as pl  # noqa: PLC0415

    try:
        pl.select(pl.datetime(2000, 1, 1).dt.replace_time_zone(name))  # the zones by which times are computed
    except pl.exceptions.PolarsError:
        raise _refused("is not a time zone of the IANA database, such as Europe/Paris") from None
    return name


def _time_format(text: str) -> str:
    if (reason := refusal_of_format(text)) is not None:
        raise _refused(reason)
    return text


_Text = Annotated[str, StringConstraints(min_length=1)]
_Pattern = Annotated[_Text, AfterValidator(_pattern)]

#: So many columns may be one together: a date and a time of day have six, with an offset seven.
_TOGETHER = range(2, 8)


def _column(given: object) -> object:
    are_several = isinstance(given, list) and len(given) in _TOGETHER and all(isinstance(name, str) for name in given)
    if not are_several and not isinstance(given, str):
        raise _refused("is the name of a column, or a list of 2 to 7 names")
    return given


_Column = Annotated[str | list[str], PlainValidator(_column)]


def _encoding(name: str) -> str:
    try:
        b"".decode(name)  # as text: LookupError also for what encodes no text
        return codecs.lookup(name).name
    except LookupError:
        raise _refused("is not an encoding of text, such as windows-1252 or utf-16") from None


#: Of a column that says what a row is about.
_Value = str | bool | int
_Said = _Value | list[_Value] | dict[str, str]


def _said(said: object) -> object:
    match said:
        case {"pattern": str(pattern), **more} if pattern and not more:
            return {"pattern": _pattern(pattern)}
        case dict() | [] | "":
            pass
        case _ if all(isinstance(one, _Value) for one in (said if isinstance(said, list) else [said])):
            return said
    raise _refused('is a text, a whole number, true, false, a list of these, or { pattern = "…" }')


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SensorTable(_Table):
    """``sensor_id``: exactly one of its keys."""

    column: _Column | None = None
    value: _Text | None = None
    path: _Pattern | None = None
    group: ClassVar = "sensor_id"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (given := sum(value is not None for _, value in self)) != 1:
            keys = (info.alias or name for name, info in type(self).model_fields.items())
            raise _refused(f"takes exactly one of {', '.join(keys)}; got {given}")
        _require_group(self.path, self.group)
        return self


class TenantTable(SensorTable):
    """``tenant_id``: the same, or the register."""

    register_: Annotated[Literal[True] | None, Field(alias="register")] = None
    group: ClassVar = "tenant_id"


class StepTable(_Table):
    """``step``, and ``later``: one of a column and a value."""

    column: _Text | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0

    @model_validator(mode="after")
    def _one(self) -> StepTable:
        if (self.column is None) is (self.value is None):
            raise _refused("takes one of column and value")
        return self


class TimeTable(_Table):
    """``recorded_at``."""

    column: _Column | None = None
    path: _Pattern | None = None
    step: StepTable | None = None
    later: StepTable | None = None
    format: Annotated[str, AfterValidator(_time_format)] = TimeFormat.ISO.value
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    ambiguous: Ambiguous | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> TimeTable:
        if self.column is None and self.path is None:
            raise _refused("needs a column, or a path")
        _require_group(self.path, "recorded_at")
        return self

    @model_validator(mode="after")
    def _local(self) -> TimeTable:
        is_absolute = self.format.startswith("epoch_") or re.search("%[:#]?z|%s", self.format)
        if self.timezone and is_absolute:
            raise _refused(f"{self.format} says the instant by itself; leave timezone out")
        if self.ambiguous and not self.timezone:
            raise _refused("ambiguous is about local times; name their timezone, or leave it out")
        return self


class _NumberTable(_Table):
    """What to make of a number in the file."""

    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    offset: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    missing: list[Annotated[float, Field(allow_inf_nan=False)] | _Text] = []

    @model_validator(mode="after")
    def _scaled(self) -> Self:
        if self.scale == 0:
            raise _refused("scale 0 makes every number the same")
        return self


class TemperatureTable(_NumberTable):
    """``temperature``; without a column where the source is wide."""

    column: _Text | None = None
    unit: Unit = Unit.CELSIUS
    unit_column: _Text | None = None

    @model_validator(mode="after")
    def _in_one_unit(self) -> Self:
        if self.unit_column and "unit" in self.model_fields_set:
            raise _refused("takes unit or unit_column, and not both")
        return self


class NumberTable(_NumberTable):
    """One of ``numbers``."""

    column: _Text
    type: NumberType


class WideTable(_Table):
    """``wide``: one reading per matching column."""

    columns: _Pattern


class SourceTable(_Table):
    """``[[source]]``."""

    name: Annotated[str, StringConstraints(pattern=_NAME)]
    match: _Text
    format: SourceFormat | None = None
    records: str = ""
    delimiter: Annotated[str, StringConstraints(pattern=r'^[^"\r\n]$')] = ","
    skip_lines: Annotated[int, Field(ge=0, le=1_000)] = 0
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", "'", " "] = ""
    short_rows: bool = False
    header: list[_Text] = []
    contract: ContractMode = ContractMode.WARN
    where: dict[_Text, Annotated[_Said, PlainValidator(_said)]] = {}
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    embedded: list[_Text] = []
    tenant_id: TenantTable
    sensor_id: SensorTable | None = None
    recorded_at: TimeTable
    temperature: TemperatureTable = TemperatureTable()
    wide: WideTable | None = None
    numbers: dict[str, NumberTable] = {}

    @model_validator(mode="after")
    def _numbers(self) -> SourceTable:
        """Refuses what would count a number once for each of several readings that it stands beside."""
        if self.numbers and self.wide is not None:
            raise _refused("numbers stand once in a row, and a wide row is several readings: each would count them")
        has_lists = any(map(_is_list, (self.temperature.column, *_listed(self.recorded_at.column))))
        for name, number in self.numbers.items():
            if not is_name(name):
                raise _refused(
                    f"numbers.{name}: a name is of small letters, digits and _, begins with a letter, and is no other "
                    "column of a reading and no word of SQL"
                )
            if number.column.startswith(("/", "../")) or (has_lists and not _is_list(number.column)):
                raise _refused(f"numbers.{name}: {number.column} stands beside several readings: each would count it")
        return self

    @model_validator(mode="after")
    def _whole(self) -> SourceTable:
        if self.wide is None and self.temperature.column is None:
            raise _refused("temperature needs a column, or wide the columns that hold one reading each")
        if self.wide is not None and self.temperature.column is not None:
            raise _refused("temperature.column is left out where wide has the columns")
        if self.wide is None and self.sensor_id is None:
            raise _refused("sensor_id is needed, and left out only where wide has columns named by sensor")
        if self.records and self.format in (SourceFormat.CSV, SourceFormat.PARQUET):
            raise _refused("records is for json, ndjson and avro")
        if self.recorded_at.step and self.format in (SourceFormat.CSV, SourceFormat.PARQUET, SourceFormat.SENML):
            raise _refused("recorded_at.step is for json, ndjson and avro")
        if self.thousands == self.decimal:
            raise _refused("thousands and decimal are the same sign")
        if len(set(self.header)) < len(self.header):
            raise _refused("header has a name twice")
        return self


class SourcesTables(_Table):
    """The whole document."""

    source: Annotated[list[SourceTable], Field(min_length=1)]


def _listed(column: str | list[str] | None) -> list[str]:
    return column if isinstance(column, list) else [column] if column else []


def _is_list(column: str | None) -> bool:
    return column is not None and column.endswith(".*")


def _require_group(path: str | None, field: str) -> None:
    if path is not None and field not in re.compile(path).groupindex:
        raise _refused(f"path needs a group (?P<{field}>…) that holds the {'id' if field.endswith('_id') else 'time'}")
