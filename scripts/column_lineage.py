"""Write dbt_like_sql/lineage.json from the SQL: for each column of a model those that it is made of, one step back.

    python scripts/column_lineage.py       # `make lineage`

A test compares the committed file with what this makes. A column that is computed from no column, such as a count of
rows, is not in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import sqlglot
from sqlglot import expressions
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

from fridge_pipeline.database.models import LINEAGE, SCHEMA, SqlModel, read_models
from fridge_pipeline.settings import MODELS_FOLDER


def column_lineage(models: Sequence[SqlModel]) -> str:
    """The file's text: a line for each column."""
    known: dict[str, object] = {SCHEMA: {model.name: dict.fromkeys(model.columns, "text") for model in models}}
    found = {column: sources for model in models for column, sources in _sources(model, known) if sources}
    lines = [f"  {json.dumps(column)}: {json.dumps(found[column])}" for column in sorted(found)]
    return "\n".join(["{", ",\n".join(lines), "}", ""])


def _sources(model: SqlModel, known: dict[str, object]) -> Iterator[tuple[str, list[str]]]:
    parsed = sqlglot.parse_one(model.text, dialect="postgres")
    qualified = qualify(parsed, dialect="postgres", schema=known, validate_qualify_columns=False)
    scope = build_scope(qualified)
    for column in model.columns:
        # Without a copy of the select per column, which is for pictures of it: a seventh of the time.
        node = lineage(column, qualified, dialect="postgres", schema=known, scope=scope, trim_selects=False, copy=False)
        leaves = {
            f"{leaf.expression.name}.{leaf.name.rsplit('.', 1)[-1].strip(chr(34))}"
            for leaf in node.walk()
            if isinstance(leaf.expression, expressions.Table) and leaf.expression.db == SCHEMA
        }
        yield f"{model.name}.{column}", sorted(leaves)


if __name__ == "__main__":
    (MODELS_FOLDER / LINEAGE).write_text(column_lineage(read_models(MODELS_FOLDER)), encoding="utf-8")
