"""Make evidence: a month of the books as one file that proves itself, with no database, in seven years.

Everything is read in one snapshot of the books, so the files agree with one another. A pack is verified before it
gets its name; that of a closed month then enters the chain.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

import psycopg

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.database.connection import Database, one_snapshot
from fridge_pipeline.finance.evidence_record import (
    alone_with_evidence,
    copy_table,
    has_earlier_files,
    month_is_closed,
    previous_pack,
    record_pack,
    schema_versions,
    sql_texts,
    statement_lines,
)
from fridge_pipeline.finance.pack.writing import (
    files_below,
    put_in_place,
    sha256_of,
    work_folder,
    write_parquet,
    write_zip,
)
from fridge_pipeline.finance.rules.evidence_figures import Tally, sum_up
from fridge_pipeline.finance.rules.evidence_format import (
    DESCRIPTION,
    DRAFT_NOTE,
    FORMAT,
    MANIFEST,
    PACK_TABLES,
    README,
    STATEMENTS,
    TABLES,
    PackLink,
    draft_text,
    folder_of,
    manifest_text,
    readme_text,
    statement_path,
)
from fridge_pipeline.finance.verify_evidence import is_draft, table_of, verify_evidence
from fridge_pipeline.ingest.object_store.archive import put_unlike_any
from fridge_pipeline.ingest.rules.location import Place


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a pack, when, with which program and parameters; none of it may be a secret."""

    name: str
    run_id: str
    made_at: datetime
    program: Mapping[str, str]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EvidencePack:
    """A pack that was made: where it is, what is in it, and what was kept of one that had its name."""

    path: Place
    month: str
    is_final: bool
    manifest_sha256: str
    previous: PackLink | None
    files: int
    rows: int
    held: list[str]
    kept: Path | None


def make_evidence(
    database: Database, month: Month, target: Place, models_folder: Path, maker: Maker, workspace: Path
) -> EvidencePack:
    """Makes the pack of a month; one of a month that is not closed is a draft, says so, and enters no chain.

    A final pack that has the target's name already is kept beside it. In an object store nothing is replaced: a pack
    whose name is taken gets one with its number, and the name of a draft says so; it is made in the ``workspace``.
    There is no pack when this raises ``BooksIncompleteError`` because a table does not exist yet,
    ``DoesNotHoldError`` because the books disagree with themselves, or ``ArchiveError`` because the store refuses it.
    """
    beside = target if isinstance(target, Path) else workspace / target.name
    with work_folder(beside) as work, database.connect() as connection, alone_with_evidence(connection):
        folder = work / "pack"
        with one_snapshot(connection):
            books = _write_books(connection, month, folder, models_folder)
        files = _describe(folder, month, books, maker)
        made = work / "pack.zip"
        write_zip(folder, folder_of(month.key), made)
        held = list(verify_evidence(made))
        pack = PackLink(month.key, sha256_of(folder / MANIFEST))
        path, kept = _hand_over(made, target, is_final=books.is_final)
        if books.is_final:
            record_pack(connection, pack, books.previous, maker.made_at, maker.name, maker.run_id)
    return EvidencePack(
        path=path,
        month=month.key,
        is_final=books.is_final,
        manifest_sha256=pack.manifest_sha256,
        previous=books.previous,
        files=files,
        rows=sum(books.rows.values()),
        held=held,
        kept=kept,
    )


def _hand_over(made: Path, target: Place, *, is_final: bool) -> tuple[Place, Path | None]:
    """Gives a pack its name; returns it, and what is kept of a pack that had it."""
    if isinstance(target, Path):
        return target, put_in_place(made, target, keep=not is_draft(target))
    if is_final:
        return put_unlike_any(made, target), None
    name = PurePosixPath(target.name)  # a draft never takes the name that the month's pack will have
    return put_unlike_any(made, target.parent / f"{name.stem}-draft{name.suffix}"), None


@dataclass(frozen=True, slots=True)
class _Books:
    """What was read of the books."""

    is_final: bool
    previous: PackLink | None
    previous_reason: str | None
    schema: list[dict[str, Any]]
    rows: dict[str, int]
    tenants: dict[str, str]
    control_totals: dict[str, dict[str, str]]


def _write_books(connection: psycopg.Connection, month: Month, folder: Path, models_folder: Path) -> _Books:
    """Everything that comes from the database and the SQL texts, as files; called within a snapshot."""
    for name in (TABLES, STATEMENTS):
        (folder / name).mkdir(parents=True)
    is_final = month_is_closed(connection, month)
    previous = previous_pack(connection, month)
    for table in PACK_TABLES:
        types = copy_table(connection, table.name, month, folder / table.csv_path)
        write_parquet(folder / table.csv_path, folder / table.parquet_path, types)
    tenants = _write_statements(folder, statement_lines(connection, month))
    models = {f"sql/models/{path}": file.read_bytes() for path, file in files_below(models_folder).items()}
    for path, text in {**models, **sql_texts()}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text)
    tally, rows = _sum_up(folder)
    return _Books(
        is_final=is_final,
        previous=previous,
        previous_reason=None if previous else _why_first(connection, month),
        schema=schema_versions(connection),
        rows=rows,
        tenants=tenants,
        control_totals=tally.control_totals(),
    )


def _why_first(connection: psycopg.Connection, month: Month) -> str:
    if has_earlier_files(connection, month):
        return "no pack of an earlier month was made"
    return "the first month"


def _write_statements(folder: Path, lines: Iterable[tuple[Any, ...]]) -> dict[str, str]:
    """One file per tenant, whose lines come together; returns path → tenant."""
    rows = iter(lines)
    columns = next(rows, ())
    tenants = {}
    for tenant_id, theirs in groupby(rows, key=lambda row: str(row[0])):
        path = statement_path(tenant_id)
        with (folder / path).open("x", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(theirs)
        tenants[path] = tenant_id
    return tenants


def _sum_up(folder: Path) -> tuple[Tally, dict[str, int]]:
    """The control figures over all CSV files, and how many rows each has."""
    tally, rows = Tally(), {}
    for path, file in files_below(folder).items():
        if not path.endswith(".csv"):
            continue
        with file.open(encoding="utf-8", newline="") as text:
            summed = sum_up(path, text, table_of(path))
        tally.add(summed)
        rows[path] = summed.rows
    return tally, rows


def _describe(folder: Path, month: Month, books: _Books, maker: Maker) -> int:
    """Writes what the pack says about itself, and at last the manifest of everything else; returns how many files."""
    table_rows = {table.name: books.rows[table.csv_path] for table in PACK_TABLES}
    texts = {
        README: readme_text(month.key, is_final=books.is_final, table_rows=table_rows, statements=len(books.tenants)),
        DESCRIPTION: json.dumps(_description(month, books, maker), indent=2, ensure_ascii=False) + "\n",
    }
    if not books.is_final:
        texts[DRAFT_NOTE] = draft_text(month.key) + "\n"
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    hashes = {path: sha256_of(file) for path, file in files_below(folder).items()}
    (folder / MANIFEST).write_text(manifest_text(hashes), encoding="utf-8")
    return len(hashes) + 1


def _description(month: Month, books: _Books, maker: Maker) -> dict[str, Any]:
    previous = books.previous
    files: list[dict[str, Any]] = [
        {"path": path, "rows": rows, **({"tenant_id": books.tenants[path]} if path in books.tenants else {})}
        for path, rows in books.rows.items()
    ]
    files += [{"path": table.parquet_path, "rows": books.rows[table.csv_path]} for table in PACK_TABLES]
    return {
        "format": FORMAT,
        "month": month.key,
        "is_final": books.is_final,
        **({} if books.is_final else {"draft": draft_text(month.key)}),
        "created_at": maker.made_at.isoformat().replace("+00:00", "Z"),
        "made_by": maker.name,
        "run_id": maker.run_id or None,
        "program": dict(maker.program),
        "schema_migrations": books.schema,
        "parameters": dict(maker.parameters),
        "files": files,
        "control_totals": books.control_totals,
        "previous": ({"month": previous.month, "manifest_sha256": previous.manifest_sha256} if previous else None),
        "previous_reason": books.previous_reason,
    }
