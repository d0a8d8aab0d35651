"""``FRIDGE_SOURCES``: read the sources from a TOML file, and say by key and line what cannot mean what it says."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fridge_pipeline.catalogue.reading_number import NumberType
from fridge_pipeline.ingest.rules.csv_layout import CsvLayout
from fridge_pipeline.ingest.rules.source import (
    IdField,
    NumberField,
    Source,
    StepField,
    TemperatureField,
    TimeField,
)
from fridge_pipeline.ingest.source_tables import (
    NumberTable,
    SensorTable,
    SourcesTables,
    SourceTable,
    StepTable,
    TemperatureTable,
    TenantTable,
    TimeTable,
    WideTable,
)


class SourcesError(ValueError):
    """A file of sources cannot mean what it says; the text names the source, the key, the line and what to write."""


def read_sources(text: str) -> tuple[Source, ...]:
    """The sources of a TOML document, in its order. Raises ``SourcesError`` for the first thing that is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SourcesError(f"it is not TOML: {error}") from error
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
    _require_one_type(tables, text)
    return tuple(_source(table) for table in tables)


def _require_one_type(tables: list[SourceTable], text: str) -> None:
    """A number has one type in all sources."""
    types: dict[str, NumberType] = {}
    for place, table in enumerate(tables):
        for name, number in table.numbers.items():
            if types.setdefault(name, number.type) is not number.type:
                line = _line_of(text, place, "numbers", name)
                raise SourcesError(
                    f"line {line}: source {place + 1}: numbers.{name}.type is {number.type}, and {types[name]} in "
                    "another source; a number has one type"
                )


def _source(table: SourceTable) -> Source:
    tenant, sensor, temperature, time = table.tenant_id, table.sensor_id, table.temperature, table.recorded_at
    seconds = {key: table and StepField(**dict(table)) for key, table in (("step", time.step), ("later", time.later))}
    return Source(
        name=table.name,
        match=table.match,
        tenant_id=IdField(_column(tenant.column), tenant.value, tenant.path, register=bool(tenant.register_)),
        recorded_at=TimeField(**{**dict(time), "column": _column(time.column), **seconds}),
        temperature=TemperatureField(**{**dict(temperature), "missing": tuple(temperature.missing)}),
        sensor_id=IdField(_column(sensor.column), sensor.value, sensor.path) if sensor else None,
        wide=table.wide.columns if table.wide else None,
        format=table.format,
        records=table.records,
        csv=CsvLayout(
            table.delimiter, table.skip_lines, table.decimal, tuple(table.header), table.short_rows, table.thousands
        ),
        contract=table.contract,
        where=tuple((column, _texts(said)) for column, said in table.where.items() if not isinstance(said, dict)),
        encoding=table.encoding,
        numbers=tuple(
            NumberField(**{"name": name, **dict(number), "missing": tuple(number.missing)})
            for name, number in table.numbers.items()
        ),
        embedded=tuple(table.embedded),
        where_like=tuple((column, said["pattern"]) for column, said in table.where.items() if isinstance(said, dict)),
    )


def _column(given: str | list[str] | None) -> Any:
    return tuple(given) if isinstance(given, list) else given


def _texts(values: object) -> tuple[str, ...]:
    """As a file shows them."""
    return tuple(
        str(value).lower() if isinstance(value, bool) else str(value)
        for value in (values if isinstance(values, list) else [values])
    )


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
        case "model_type" | "dict_type":
            return f"{where}: {named} is a table of keys, {{ … }}, got {got!r}"
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
        "step": StepTable,
        "later": StepTable,
        "temperature": TemperatureTable,
        "wide": WideTable,
    }
    table = NumberTable if "numbers" in place[2:-1] else tables.get(str(place[-2]), SourceTable)
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
    if key == "numbers" and len(keys) > 1 and not re.match(rf"\s*{key}\s*=", line):
        key += rf"\s*\.\s*{re.escape(keys[1])}"
    return bool(re.match(rf"\s*(\"?{key}\"?\s*[.=]|\[\s*source\.{key}\s*\])", line))
