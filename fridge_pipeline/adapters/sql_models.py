"""The SQL models of ``dbt_like_sql/``: one select a file, described in the ``models.yml`` beside it."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import sqlglot
import yaml
from sqlglot import expressions

#: Models and the tables they read live in this schema.
SCHEMA = "fridge"


class SqlModelError(ValueError):
    """A model cannot be used; the text names the file and what to change."""


@dataclass(frozen=True, slots=True)
class SqlModel:
    """One model: a name, a select, what it means, and the tables and models it reads (without the schema)."""

    name: str
    text: str
    description: str
    columns: dict[str, str]
    reads: frozenset[str]


def read_models(folder: Path) -> list[SqlModel]:
    """Every model below a folder, each after those it reads. Raises ``SqlModelError``."""
    described = _descriptions(folder)
    models = {path.stem: _read_model(path, described) for path in sorted(folder.rglob("*.sql"))}
    undescribed = sorted(described.keys() - models.keys())
    if undescribed:
        raise SqlModelError(f"{folder}: models.yml describes {', '.join(undescribed)}, but there is no such .sql file")
    try:
        order = TopologicalSorter({name: model.reads & models.keys() for name, model in models.items()}).static_order()
        return [models[name] for name in order]
    except CycleError as error:
        raise SqlModelError(f"{folder}: models read each other in a circle: {' -> '.join(error.args[1])}") from error


def _descriptions(folder: Path) -> dict[str, dict[str, object]]:
    described = {}
    for path in sorted(folder.rglob("models.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
            described[entry["name"]] = entry
    return described


def _read_model(path: Path, described: dict[str, dict[str, object]]) -> SqlModel:
    entry = described.get(path.stem)
    if entry is None:
        raise SqlModelError(f"{path}: describe the model in the models.yml beside it")
    text = path.read_text(encoding="utf-8")
    columns = entry.get("columns")
    return SqlModel(
        name=path.stem,
        text=text,
        description=str(entry["description"]),
        columns={name: str(meaning) for name, meaning in columns.items()} if isinstance(columns, dict) else {},
        reads=_tables_read(path, text),
    )


def _tables_read(path: Path, text: str) -> frozenset[str]:
    """The tables of our schema that a select names; the names of its own CTEs carry no schema."""
    try:
        parsed = sqlglot.parse_one(text, dialect="postgres")
    except sqlglot.errors.ParseError as error:
        raise SqlModelError(f"{path}: not a single select statement: {error}") from error
    return frozenset(table.name for table in parsed.find_all(expressions.Table) if table.db == SCHEMA)
