"""The schema in words, read from the database itself: what ``docs/schema.md`` holds."""

from __future__ import annotations

from itertools import groupby

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.database.queries import statement

HEADING = """# The schema `fridge`

Printed by `fridge db schema`, from the database; a test compares it with what the migrations make.
"""


def describe_schema(connection: psycopg.Connection) -> str:
    """Every table and view with its columns and what the database enforces, as Markdown."""
    with connection.cursor(row_factory=dict_row) as cursor:
        columns = cursor.execute(statement("describe_columns")).fetchall()
        constraints = cursor.execute(statement("describe_constraints")).fetchall()
    parts = [HEADING]
    for table, rows in groupby(columns, key=lambda row: row["table_name"]):
        first, *rest = rows
        parts.append(f"## {table} ({first['kind']})\n\n{first['table_meaning'] or ''}\n")
        lines = [
            f"| {row['column_name']} | {row['column_type']}{'' if row['is_required'] else ', may be empty'} "
            f"| {row['column_meaning'] or ''} |"
            for row in (first, *rest)
        ]
        parts.append("\n".join(["| column | type | meaning |", "|---|---|---|", *lines]) + "\n")
        enforced = [f"- `{row['name']}`: {row['definition']}" for row in constraints if row["table_name"] == table]
        if enforced:
            parts.append("\n".join(enforced) + "\n")
    return "\n".join(parts)
