"""What an evidence pack is made of in the books, and the record of the packs that were made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.database.queries import statement, statements
from fridge_pipeline.database.schema import schema
from fridge_pipeline.finance.rules.evidence_format import PackLink

#: Types whose own form is not for everybody: they stand in the CSV as ``fridge.csv_text`` writes them.
_WRITTEN_OTHERWISE = frozenset({"timestamptz", "bool"})

#: So many lines of the statements are fetched together.
_LINES_FETCHED = 10_000


class BooksIncompleteError(LookupError):
    """A table that belongs into a pack does not exist yet; the text says how it comes to be."""


@contextmanager
def alone_with_evidence(connection: psycopg.Connection) -> Iterator[None]:
    """Packs are made one after another, so that each finds the one before it."""
    connection.execute(statement("lock_evidence"))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(statement("release_evidence"))


def month_is_closed(connection: psycopg.Connection, month: Month) -> bool:
    """Whether the month's newest sign-off is an approval."""
    row = connection.execute(statement("month_is_closed"), {"start": month.start}).fetchone()
    return bool(row and row[0])


def schema_versions(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """Number, title and hash of every migration that this database has run."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("schema_versions")).fetchall()


def previous_pack(connection: psycopg.Connection, month: Month) -> PackLink | None:
    """The pack that a month's pack is chained to: the newest one of the latest earlier month that has one."""
    row = connection.execute(statement("previous_evidence"), {"month": month.first_day}).fetchone()
    return PackLink(*row) if row else None


def has_earlier_files(connection: psycopg.Connection, month: Month) -> bool:
    """Whether anything was delivered before the month."""
    row = connection.execute(statement("has_files_before"), {"start": month.start}).fetchone()
    return bool(row and row[0])


def record_pack(
    connection: psycopg.Connection, pack: PackLink, previous: PackLink | None, now: datetime, made_by: str, run_id: str
) -> None:
    """Puts a pack into the chain."""
    connection.execute(
        statement("record_evidence"),
        {
            "month": Month.from_key(pack.month).first_day,
            "manifest_sha256": pack.manifest_sha256,
            "previous_sha256": previous.manifest_sha256 if previous else None,
            "now": now,
            "made_by": made_by,
            "run_id": run_id or None,
        },
    )


def copy_table(connection: psycopg.Connection, name: str, month: Month, target: Path) -> dict[str, str]:
    """Streams what ``evidence_<name>`` selects of a month into a CSV file; returns column → PostgreSQL's type.

    Times are ISO 8601 in UTC, truth values ``true`` and ``false``. Raises ``BooksIncompleteError``.
    """
    span = {"start": month.start, "end": month.end}
    select = sql.SQL(statement(f"evidence_{name}"))
    with connection.cursor() as cursor, _existing(name):
        cursor.execute(sql.SQL(statement("columns_of_select")).format(select=select), span)
        types = {column.name: _type_name(column) for column in cursor.description or ()}
        columns = sql.SQL(", ").join(_in_csv(column, kind) for column, kind in types.items())
        copied = sql.SQL(statement("copy_as_csv")).format(columns=columns, select=select)
        with target.open("wb") as out, cursor.copy(copied, span) as copy:
            for piece in copy:
                out.write(piece)
    return types


def statement_lines(connection: psycopg.Connection, month: Month) -> Iterator[tuple[Any, ...]]:
    """The lines of all tenants' statements, tenant by tenant, after a first one with the names of the columns."""
    with connection.cursor(name="statement_lines") as cursor, _existing("tie_out"):
        cursor.itersize = _LINES_FETCHED
        cursor.execute(statement("evidence_statements"), {"start": month.start, "end": month.end})
        yield tuple(column.name for column in cursor.description or ())
        yield from cursor


def sql_texts() -> dict[str, bytes]:
    """Path in the pack → text in UTF-8: the schema, and the selects that the pack's tables are made by."""
    selects = {
        f"sql/tables/{name}.sql": f"{text};\n".encode()
        for name, text in statements().items()
        if name.startswith("evidence_")
    }
    return {"sql/schema.sql": schema().text.encode(), **selects}


def _in_csv(column: str, kind: str) -> sql.Composable:
    name = sql.Identifier(column)
    return sql.SQL("fridge.csv_text({0}) as {0}").format(name) if kind in _WRITTEN_OTHERWISE else name


def _type_name(column: psycopg.Column) -> str:
    found = psycopg.adapters.types.get(column.type_code)
    return found.name if found else "text"


@contextmanager
def _existing(name: str) -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as error:
        raise BooksIncompleteError(
            f"the pack's table {name} cannot be made yet: {str(error).splitlines()[0]}. "
            "Make the SQL models first: fridge sql run"
        ) from error
