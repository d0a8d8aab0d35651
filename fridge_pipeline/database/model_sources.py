"""The tables that models read and do not make, described in ``dbt_like_sql/sources.yml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from fridge_pipeline.database.models import Column, SqlModelError, read_columns


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
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
        columns = read_columns(path, entry["columns"])
        made_of = {column: tuple(_source(path, each) for each in of) for column, of in entry.get("from", {}).items()}
        if unknown := sorted(made_of.keys() - columns.keys()):
            raise SqlModelError(f"{path}: {entry['asset']} says where {', '.join(unknown)} comes from, no column of it")
        found[entry["asset"]] = SourceTable(entry["asset"], entry["table"], str(entry["example"]), columns, made_of)
    return found


def _source(path: Path, text: str) -> tuple[str, str]:
    asset, dot, column = text.partition(".")
    if not dot:
        raise SqlModelError(f"{path}: write where a column comes from as asset.column, not {text!r}")
    return asset, column
