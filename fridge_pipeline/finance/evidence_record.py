"""What an evidence pack is made of in the books, and the record of the packs that were made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.database.connection import Database, one_snapshot
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.database.models import SqlModel
from fridge_pipeline.database.queries import statement, statements
from fridge_pipeline.database.schema import schema
from fridge_pipeline.finance.month_record import HELD
from fridge_pipeline.finance.rules.evidence_format import PackLink
from fridge_pipeline.finance.signed_month import SignedMonth, signed_select, span_of_month

#: Types whose own form is not for everybody: they stand in the CSV as ``fridge.csv_text`` writes them.
_WRITTEN_OTHERWISE = frozenset({"timestamptz", "bool", "text"})

#: A table of the pack is what the statement of its name behind this prefix selects of a month.
_SELECTS = "evidence_"

#: What belongs into the annex of a closed month's pack: the statements of their names behind this prefix.
_ANNEX = "annex_"

#: What is held for a pack: several of its tests ask for the last one too, and none for other months.
_HELD = (*HELD, "usage_by_service_month")

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


def described_books(connection: psycopg.Connection, month: Month) -> dict[str, Any]:
    """What pack.json says of the books: whether the month is closed, the schema, and the pack of the month before."""

    def found(name: str) -> list[dict[str, Any]]:
        return cursor.execute(statement(name), {"start": month.start, "month": month.first_day}).fetchall()

    with connection.cursor(row_factory=dict_row) as cursor:
        before = next(iter(found("previous_evidence")), None)
        is_first = not found("has_files_before")[0]["has_files"]
        why_none = "the first month" if is_first else "no pack of an earlier month was made"
        return {
            "is_final": found("month_is_closed")[0]["is_closed"],
            "schema_migrations": found("schema_versions"),
            "previous": before and {"month": before["month_key"], "manifest_sha256": before["manifest_sha256"]},
            "previous_reason": None if before else why_none,
        }


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


def _selects() -> list[str]:
    return [name for name in statements() if name.startswith(_SELECTS)]


def pack_tables() -> list[str]:
    """The tables of a pack; README.txt says what a row of each is."""
    return [name.removeprefix(_SELECTS) for name in _selects() if name != "evidence_statements"]


def annex_tables() -> list[str]:
    """What is compared with the signature, and the tables whose records may be later than it."""
    compared = [name.removeprefix(_ANNEX) for name in statements() if name.startswith(_ANNEX)]
    return compared + [name for name in pack_tables() if "until)s" in statement(f"{_SELECTS}{name}")]


@contextmanager
def held_books(
    connection: psycopg.Connection, month: Month, models: Iterable[SqlModel]
) -> Iterator[tuple[HeldViews, HeldViews]]:
    """One snapshot of the books, with those views to be held of a month that most tables and tests of its pack read.

    Second the same for tests: of models that are by the hour, day or month they see the month alone, of which the night
    tests all. Raises ``BooksIncompleteError``.
    """
    with _existing(" and ".join(_HELD)):
        held = tested = HeldViews.prepare(connection, *_HELD)
    for model in models:
        if model.time_column is not None:
            with _existing(model.name):
                tested = tested.of_span(model.name, model.time_column, month.start, month.end)
    with one_snapshot(connection):
        yield held, tested


@contextmanager
def books_beside(database: Database, connection: psycopg.Connection) -> Iterator[HeldViews]:
    """The same snapshot on a connection of its own, for what is made of nothing that is held."""
    (snapshot,) = connection.execute(statement("export_snapshot")).fetchone() or ("",)
    with database.connect() as other:
        beside = HeldViews.prepare(other)
        with one_snapshot(other):
            other.execute(sql.SQL(statement("take_snapshot")).format(snapshot=sql.Literal(snapshot)))
            yield beside


def reads_held(held: HeldViews, name: str, signed: SignedMonth | None) -> bool:
    """Whether a table of the pack is made of what is held."""
    select = _select(name, signed)
    return held.instead(select) != select


def copy_table(held: HeldViews, name: str, month: Month, target: Path, signed: SignedMonth | None = None) -> None:
    """Streams a table of a month into a CSV file: of a closed month as it was signed.

    Times are ISO 8601 in UTC, truth values ``true`` and ``false``. Raises ``BooksIncompleteError``.
    """
    _copy(held, name, _select(name, signed), span_of_month(month, signed), target)


def copy_annex(held: HeldViews, name: str, month: Month, target: Path, signed: SignedMonth) -> None:
    """The same of what came after the signature; there is no file of records when there are none."""
    compared = f"{_ANNEX}{name}" in statements()
    select = statement(f"{_ANNEX if compared else _SELECTS}{name}")
    _copy(held, name, select, span_of_month(month, signed, later=True), target)
    with target.open("rb") as written:
        is_empty = not compared and written.readline() and not written.read(1)
    if is_empty:
        target.unlink()


def _select(name: str, signed: SignedMonth | None) -> str:
    return signed_select(name, signed) or statement(f"{_SELECTS}{name}")


def _copy(held: HeldViews, name: str, text: str, span: dict[str, Any], target: Path) -> None:
    select = sql.SQL(held.instead(text))
    with held.connection.cursor() as cursor, _existing(name):
        cursor.execute(sql.SQL(statement("columns_of_select")).format(select=select), span)
        columns = sql.SQL(", ").join(map(_in_csv, cursor.description or ()))
        copied = sql.SQL(statement("copy_as_csv")).format(columns=columns, select=select)
        with target.open("wb") as out, cursor.copy(copied, span) as copy:
            for piece in copy:
                out.write(piece)


def statement_lines(held: HeldViews, month: Month, signed: SignedMonth | None = None) -> Iterator[tuple[Any, ...]]:
    """The lines of all tenants' statements, tenant by tenant, after a first one with the names of the columns."""
    select = sql.SQL(held.instead(_statements_select(signed).as_string()))
    with held.connection.cursor(name="statement_lines") as cursor, _existing("tie_out"):
        cursor.itersize = _LINES_FETCHED
        cursor.execute(select, span_of_month(month, signed))
        yield tuple(column.name for column in cursor.description or ())
        yield from cursor


def _statements_select(signed: SignedMonth | None) -> sql.Composed:
    """The statements are made of the tie-out that the pack has."""
    return sql.SQL(statement("evidence_statements")).format(select=sql.SQL(_select("tie_out", signed)))


def sql_texts(signed: SignedMonth | None = None) -> dict[str, bytes]:
    """Path in the pack → text in UTF-8: the schema, and the selects that the pack's tables are made by."""
    texts = {name: _select(name.removeprefix(_SELECTS), signed) for name in _selects()}
    texts["evidence_statements"] = _statements_select(signed).as_string()
    selects = {f"sql/tables/{name}.sql": f"{text};\n".encode() for name, text in texts.items()}
    return {"sql/schema.sql": schema().text.encode(), **selects}


def _in_csv(column: psycopg.Column) -> sql.Composable:
    name, kind = sql.Identifier(column.name), psycopg.adapters.types.get(column.type_code)
    return sql.SQL("fridge.csv_text({0}) as {0}").format(name) if kind and kind.name in _WRITTEN_OTHERWISE else name


@contextmanager
def _existing(name: str) -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as error:
        raise BooksIncompleteError(
            f"the pack's table {name} cannot be made yet: {str(error).splitlines()[0]}. "
            "Make the SQL models first: fridge sql run"
        ) from error
