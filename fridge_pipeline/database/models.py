"""The SQL models of ``dbt_like_sql/``, one select a file with its description, and the tables that they read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from fridge_pipeline.reason_codes import DIFFERENCE_CAUSES, EXCEPTION_KINDS

#: Models and the tables they read live in this schema.
SCHEMA = "fridge"

#: The layer that shows the books under finance's names; its rows are those of the books.
STAGING = "staging"

#: Below the models' folder; what lies here are tests, not models.
DATA_TESTS = "data_tests"

#: Below the models' folder, written by ``make lineage``: for a column of a model the columns that it is made of.
#: To follow columns through SQL takes seconds, and every process of Dagster reads the models.
LINEAGE = "lineage.json"

#: A CTE is named without a schema. A test compares this with what a parser finds, for every model.
_TABLE_READ = re.compile(rf"\b(?:from|join)\s+{SCHEMA}\.(\w+)")

_MATERIALIZED = re.compile(r"-- materialized: (?:(view|table)|(increment) by hour|(kept) by (?:hour|day))\n")


class SqlModelError(ValueError):
    """A model cannot be used; the text names the file and what to change."""


class Materialized(StrEnum):
    """What a model is in the database."""

    VIEW = "view"  # always as the books are
    TABLE = "table"  # as the books were when it was last run
    INCREMENT = "increment"  # a table of which a run makes only its own hours anew
    KEPT = "kept"  # a table of which only hours, or days, are shown that nothing has changed since they were made


class Severity(StrEnum):
    """What a failing test means."""

    ERROR = "error"  # the books are wrong
    WARN = "warn"  # somebody should look


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds: its type as PostgreSQL abbreviates it, and its meaning in words."""

    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class DataTest:
    """A select that must return no row."""

    name: str
    says: str
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class SqlModel:
    """One model: its select, what it is in the database, what it means, and what must be true of it.

    ``reads`` are the tables and models of our schema that it reads; ``made_of`` names for a column the (table or model,
    column)s that it is made of. ``relationships`` name for a column the one that holds every value of it.
    """

    name: str
    layer: str
    text: str
    materialized: Materialized
    description: str
    example: str
    columns: Mapping[str, Column]
    reads: frozenset[str]
    made_of: Mapping[str, tuple[tuple[str, str], ...]]
    unique: tuple[str, ...]
    not_null: tuple[str, ...]
    accepted_values: Mapping[str, tuple[str, ...]]
    relationships: Mapping[str, tuple[str, str]]
    data_tests: tuple[DataTest, ...]

    @property
    def key(self) -> str:
        """The index of a table by which PostgreSQL keeps its rows unique."""
        return f"{self.name}_key"

    @property
    def time_column(self) -> str | None:
        """By which every row is of an hour, or else of a day or a month; ``None`` where a row may be of none."""
        if "hour" in (*self.unique, *self.not_null):
            return "hour"
        return next((column for column in ("usage_date", "usage_month", "month_billed") if column in self.unique), None)


def files_sha256(folder: Path) -> str:
    """Changes with any file that models are made from, or told about, and with any reason code that they read."""
    whole = hashlib.sha256(repr((DIFFERENCE_CAUSES, EXCEPTION_KINDS)).encode())
    for path in sorted([*folder.rglob("*.sql"), *folder.rglob("*.yml")]):
        whole.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()


def read_models(folder: Path) -> list[SqlModel]:
    """Every model below a folder, each after those it reads; anew if a file is another. Raises ``SqlModelError``."""
    seen = [(path, path.stat()) for kind in ("*.sql", "*.yml", LINEAGE) for path in folder.rglob(kind)]
    return list(_read_models(folder, frozenset((path, of.st_ino, of.st_size, of.st_ctime_ns) for path, of in seen)))


@lru_cache(maxsize=2)
def _read_models(folder: Path, _as_of: frozenset[tuple[object, ...]]) -> tuple[SqlModel, ...]:
    described = _descriptions(folder)
    paths = {path.stem: path for path in sorted(folder.rglob("*.sql")) if path.parent.name != DATA_TESTS}
    tests = {path.stem: path.read_text(encoding="utf-8") for path in (folder / DATA_TESTS).glob("*.sql")}
    _require_named(folder, paths.keys(), described.keys())
    named = {test["name"] for entry in described.values() for test in entry.get("data_tests", ())}
    _require_named(folder / DATA_TESTS, tests.keys(), named)
    lineage = folder / LINEAGE
    made_of = json.loads(lineage.read_text(encoding="utf-8")) if lineage.exists() else {}
    models = {name: _read_model(path, described[name], tests, made_of) for name, path in paths.items()}
    try:
        order = TopologicalSorter({name: model.reads & models.keys() for name, model in models.items()}).static_order()
        return tuple(models[name] for name in order)
    except CycleError as error:
        raise SqlModelError(f"{folder}: models read each other in a circle: {' -> '.join(error.args[1])}") from error


def _require_named(folder: Path, files: AbstractSet[str], named: AbstractSet[str]) -> None:
    if wrong := sorted(files ^ named):
        raise SqlModelError(
            f"{folder}: {', '.join(wrong)}: each .sql file is named in a models.yml, and each name is a file"
        )


def read_columns(path: Path, described: Mapping[str, str]) -> dict[str, Column]:
    """Columns as ``name type: meaning``. Raises ``SqlModelError``, with the file that says otherwise."""
    columns = {}
    for key, meaning in described.items():
        name, space, kind = key.partition(" ")
        if not space:
            raise SqlModelError(
                f"{path}: write a column as 'name type: meaning', for example 'hour timestamptz: …', not {key!r}"
            )
        columns[name] = Column(kind.strip(), str(meaning))
    return columns


def _yaml(path: Path) -> Any:
    """What a file describes; most commands find the models made, and never ask."""
    import yaml  # noqa: PLC0415

    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def _descriptions(folder: Path) -> dict[str, dict[str, Any]]:
    described: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("models.yml")):
        for entry in _yaml(path)["models"]:
            described[entry["name"]] = entry
    return described


def _read_model(
    path: Path, entry: dict[str, Any], tests: Mapping[str, str], made_of: Mapping[str, list[str]]
) -> SqlModel:
    text, yml = path.read_text(encoding="utf-8"), path.parent / "models.yml"
    columns, unique = read_columns(yml, entry["columns"]), tuple(entry.get("unique", ()))
    keys = [column for column in unique if column not in entry.get("nullable", ())]
    model = SqlModel(
        name=path.stem,
        layer=path.parent.name,
        text=text,
        materialized=_materialized(path, text),
        description=str(entry["description"]),
        example=str(entry["example"]),
        columns=columns,
        reads=frozenset(_TABLE_READ.findall(text)),
        made_of={name: _dotted(path, made_of.get(f"{path.stem}.{name}", ())) for name in columns},
        unique=unique,
        not_null=tuple(dict.fromkeys([*keys, *entry.get("not_null", ())])),
        accepted_values={name: tuple(map(str, values)) for name, values in entry.get("accepted_values", {}).items()},
        relationships={name: _dotted(yml, [there])[0] for name, there in entry.get("relationships", {}).items()},
        data_tests=tuple(
            DataTest(each["name"], str(each["says"]), Severity(each.get("severity", "error")), tests[each["name"]])
            for each in entry.get("data_tests", ())
        ),
    )
    tested = {*model.unique, *model.not_null, *model.accepted_values, *model.relationships}
    if unknown := sorted(tested - columns.keys()):
        raise SqlModelError(f"{yml}: {model.name} tests {', '.join(unknown)}, no column of it")
    if model.materialized is Materialized.INCREMENT and "hour" not in columns:
        raise SqlModelError(f"{path}: an increment is made by the hour, so it needs a column hour")
    if model.materialized is Materialized.KEPT and not columns.keys() & {"hour", "usage_date"}:
        raise SqlModelError(f"{path}: what is kept by hour or day needs a column hour or usage_date")
    return model


def _materialized(path: Path, text: str) -> Materialized:
    match = _MATERIALIZED.match(text)
    if match is None:
        raise SqlModelError(
            f"{path}: the first line says what the model is in the database: '-- materialized: view', "
            "'-- materialized: table', '-- materialized: increment by hour' or '-- materialized: kept by hour' (or day)"
        )
    return Materialized(match[1] or match[2] or match[3])


def _dotted(path: Path, texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Columns elsewhere, written as ``table.column``."""
    pairs = [text.partition(".") for text in texts]
    if wrong := [table for table, dot, _ in pairs if not dot]:
        raise SqlModelError(f"{path}: write a column elsewhere as table.column, not {wrong[0]!r}")
    return tuple((table, column) for table, _, column in pairs)


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table that an asset fills; ``made_of`` names for a column the (asset, column)s that it is made of."""

    asset: str
    table: str
    example: str
    columns: Mapping[str, Column]
    made_of: Mapping[str, tuple[tuple[str, str], ...]]


def read_sources(folder: Path) -> dict[str, SourceTable]:
    """Every table that is described, by its asset. Raises ``SqlModelError``."""
    path = folder / "sources.yml"
    if not path.exists():
        return {}
    found: dict[str, SourceTable] = {}
    for entry in _yaml(path)["sources"]:
        columns = read_columns(path, entry["columns"])
        made_of = {column: _dotted(path, of) for column, of in entry.get("from", {}).items()}
        if unknown := sorted(made_of.keys() - columns.keys()):
            raise SqlModelError(f"{path}: {entry['asset']} says where {', '.join(unknown)} comes from, no column of it")
        found[entry["asset"]] = SourceTable(entry["asset"], entry["table"], str(entry["example"]), columns, made_of)
    return found
