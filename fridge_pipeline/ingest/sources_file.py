"""``FRIDGE_SOURCES``: read the sources from a TOML file, and say by key and line what cannot mean what it says."""

from __future__ import annotations

import re
import tomllib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.functional_validators import AfterValidator
from pydantic_core import ErrorDetails, PydanticCustomError

from fridge_pipeline.ingest.rules.source import (
    Ambiguous,
    ContractMode,
    CsvLayout,
    IdField,
    Source,
    SourceFormat,
    TemperatureField,
    TimeField,
    TimeFormat,
    Unit,
)

#: A source's name stands in tables and in reasons.
_NAME = r"^[a-z0-9][a-z0-9_.-]{0,39}$"

#: A strptime pattern gives an instant only with all of these: year, month and day, and the hour.
_DATE_AND_HOUR = (r"%Y|%y|%F|%D|%c", r"%m|%B|%b|%h|%F|%D|%c|%j", r"%d|%e|%F|%D|%c|%j", r"%H|%I|%k|%l|%T|%R|%r|%X|%c|%s")


class SourcesError(ValueError):
    """A file of sources cannot mean what it says; the text names the source, the key, the line and what to write."""


def _refused(message: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{message}", {"message": message})


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise _refused(f"is no regular expression: {error}") from None
    return text


def _zone(name: str) -> str:
    # Every command reads the settings; few installations have a source with a zone, and nothing else here needs frames.
    import polars as pl  # noqa: PLC0415

    try:
        pl.select(pl.datetime(2000, 1, 1).dt.replace_time_zone(name))  # the zones by which times are computed
    except pl.exceptions.PolarsError:
        raise _refused("is no time zone of the IANA database, such as Europe/Paris") from None
    return name


def _time_format(text: str) -> str:
    if text in set(TimeFormat):
        return text
    if "%" not in text:
        raise _refused(f"is {', '.join(TimeFormat)}, or a strptime pattern such as %d.%m.%Y %H:%M:%S")
    if "%s" not in text and not all(re.search(part, text) for part in _DATE_AND_HOUR):
        raise _refused("gives no instant: a pattern needs year, month, day and hour")
    return text


_Text = Annotated[str, StringConstraints(min_length=1)]
_Pattern = Annotated[_Text, AfterValidator(_pattern)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TenantTable(_Table):
    """``tenant_id``: exactly one of its keys."""

    column: _Text | None = None
    value: _Text | None = None
    path: _Pattern | None = None
    register_: Annotated[Literal[True] | None, Field(alias="register")] = None

    @model_validator(mode="after")
    def _one(self) -> TenantTable:
        _require_one(self, "tenant_id")
        return self


class SensorTable(_Table):
    """``sensor_id``: exactly one of its keys."""

    column: _Text | None = None
    value: _Text | None = None
    path: _Pattern | None = None

    @model_validator(mode="after")
    def _one(self) -> SensorTable:
        _require_one(self, "sensor_id")
        return self


class TimeTable(_Table):
    """``recorded_at``."""

    column: _Text
    format: Annotated[str, AfterValidator(_time_format)] = TimeFormat.ISO.value
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    ambiguous: Ambiguous | None = None

    @model_validator(mode="after")
    def _local(self) -> TimeTable:
        is_absolute = self.format.startswith("epoch_") or re.search("%[:#]?z|%s", self.format)
        if self.timezone and is_absolute:
            raise _refused(f"{self.format} says the instant by itself; leave timezone out")
        if self.ambiguous and not self.timezone:
            raise _refused("ambiguous is about local times; name their timezone, or leave it out")
        return self


class TemperatureTable(_Table):
    """``temperature``; without a column where the source is wide."""

    column: _Text | None = None
    unit: Unit = Unit.CELSIUS
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    offset: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    missing: list[Annotated[float, Field(allow_inf_nan=False)]] = []

    @model_validator(mode="after")
    def _scaled(self) -> TemperatureTable:
        if self.scale == 0:
            raise _refused("scale 0 makes every temperature the same")
        return self


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
    header: list[_Text] = []
    contract: ContractMode = ContractMode.WARN
    tenant_id: TenantTable
    sensor_id: SensorTable | None = None
    recorded_at: TimeTable
    temperature: TemperatureTable = TemperatureTable()
    wide: WideTable | None = None

    @model_validator(mode="after")
    def _whole(self) -> SourceTable:
        if self.wide is None and self.temperature.column is None:
            raise _refused("temperature needs a column, or wide the columns that hold one reading each")
        if self.wide is not None and self.temperature.column is not None:
            raise _refused("temperature.column is left out where wide has the columns")
        if (self.wide is None) is (self.sensor_id is None):
            raise _refused("sensor_id is needed, and left out only where wide has columns named by sensor")
        if self.decimal == self.delimiter:
            raise _refused("delimiter and decimal are the same character")
        if len(set(self.header)) < len(self.header):
            raise _refused("header has a name twice")
        return self


class SourcesTables(_Table):
    """The whole document."""

    source: Annotated[list[SourceTable], Field(min_length=1)]


def read_sources(text: str) -> tuple[Source, ...]:
    """The sources of a TOML document, in its order. Raises ``SourcesError`` for the first thing that is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SourcesError(f"it is no TOML: {error}") from error
    try:
        tables = SourcesTables.model_validate(document).source
    except ValidationError as refused:
        # A key that nobody knows is often one that is missing, misspelled.
        problems = sorted(refused.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
        raise SourcesError(_in_our_words(problems[0], text)) from None
    names = [table.name for table in tables]
    for number, name in enumerate(names):
        if name in names[:number]:
            line = _line_of(text, number, "name")
            raise SourcesError(f"line {line}: source {number + 1} has the name {name!r} of another; names are unique")
    return tuple(_source(table) for table in tables)


def _source(table: SourceTable) -> Source:
    tenant, temperature = table.tenant_id, table.temperature
    return Source(
        name=table.name,
        match=table.match,
        tenant_id=IdField(tenant.column, tenant.value, tenant.path, register=bool(tenant.register_)),
        recorded_at=TimeField(**dict(table.recorded_at)),
        temperature=TemperatureField(**{**dict(temperature), "missing": tuple(temperature.missing)}),
        sensor_id=IdField(**dict(table.sensor_id)) if table.sensor_id else None,
        wide=table.wide.columns if table.wide else None,
        format=table.format,
        records=table.records,
        csv=CsvLayout(table.delimiter, table.skip_lines, table.decimal, tuple(table.header)),
        contract=table.contract,
    )


def _require_one(table: TenantTable | SensorTable, field: str) -> None:
    given = [name for name, value in table if value is not None]
    if len(given) != 1:
        keys = ", ".join(info.alias or name for name, info in type(table).model_fields.items())
        raise _refused(f"takes exactly one of {keys}; got {len(given)}")
    path = table.path
    if path is not None and field not in re.compile(path).groupindex:
        raise _refused(f"path needs a group (?P<{field}>…) that holds the id")


def _in_our_words(problem: ErrorDetails, text: str) -> str:
    place, got = problem["loc"], problem["input"]
    match place:
        case ("source",) if problem["type"] in {"missing", "too_short"}:
            return "it holds no [[source]]; unset FRIDGE_SOURCES where every file has the canonical columns"
        case ("source", int(number), *keys):
            named = ".".join(str(key) for key in keys if isinstance(key, str))
            where = f"line {_line_of(text, number, *map(str, keys))}: source {number + 1}"
        case ("source",):
            return "each source is a table of its own under [[source]], with two brackets on each side"
        case _:
            return f"unknown key {place[0]!r}; a file of sources holds [[source]] tables and nothing else"
    match problem["type"]:
        case "extra_forbidden":
            return f"{where} has the unknown key {named}; there are {', '.join(_keys_beside(place))}"
        case "missing":
            return f"{where} lacks {named}"
        case "refused" if not named:
            return f"{where}: {problem['msg']}"
        case "refused":
            return f"{where}: {named} {problem['msg']}, got {got!r}"
        case _:
            return f"{where}: {named}: {problem['msg'][:1].lower()}{problem['msg'][1:]}, got {got!r}"


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    """The keys that there are where a key is unknown."""
    tables: dict[str, type[BaseModel]] = {
        "tenant_id": TenantTable,
        "sensor_id": SensorTable,
        "recorded_at": TimeTable,
        "temperature": TemperatureTable,
        "wide": WideTable,
    }
    table = tables.get(str(place[-2]), SourceTable)
    return [info.alias or name for name, info in table.model_fields.items()]


def _line_of(text: str, number: int, *keys: str) -> int:
    """The line of a source's key, or, where it has none, of the source; counted from 1."""
    seen, start = -1, 1
    for line_number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"\s*\[\[\s*source\s*\]\]", line):
            seen += 1
            start = line_number if seen == number else start
        elif seen == number and keys and _is_about(line, keys):
            return line_number
    return start


def _is_about(line: str, keys: tuple[str, ...]) -> bool:
    """Whether a line gives a key of a source, as ``key =``, ``key.more =`` or ``[source.key]``."""
    key = re.escape(keys[0])
    return bool(re.match(rf"\s*(\"?{key}\"?\s*[.=]|\[\s*source\.{key}\s*\])", line))
