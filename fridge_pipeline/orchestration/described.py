"""What the UI says of a table: meaning, example, columns with types, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from fridge_pipeline.database.model_sources import SourceTable
from fridge_pipeline.database.models import Column


def described(meaning: str, example: str) -> str:
    """The text of an asset: what a row is, and what one looks like."""
    return f"{meaning.strip()}\n\nFor example: {example}"


def column_schema(columns: Mapping[str, Column]) -> dg.TableSchema:
    """The columns with their types and meanings."""
    return dg.TableSchema([dg.TableColumn(name, each.type, each.meaning) for name, each in columns.items()])


def table_metadata(source: SourceTable) -> dict[str, Any]:
    """Name, columns and lineage of a table that an asset fills."""
    lineage = {
        column: [dg.TableColumnDep(dg.AssetKey(asset), name) for asset, name in sources]
        for column, sources in source.made_of.items()
    }
    return {
        "dagster/table_name": f"fridge.{source.table}",
        "dagster/column_schema": column_schema(source.columns),
        **({"dagster/column_lineage": dg.TableColumnLineage(lineage)} if lineage else {}),
    }
