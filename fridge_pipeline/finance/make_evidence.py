"""Make evidence: a month of the books as one file that proves itself, with no database, in seven years.

Everything is read in one snapshot of the books, so the files agree with one another. A pack is verified before it
gets its name; that of a closed month then enters the chain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, groupby
from pathlib import Path, PurePosixPath
from typing import Any

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.database.models import read_models
from fridge_pipeline.finance.evidence_record import (
    alone_with_evidence,
    annex_tables,
    books_beside,
    copy_annex,
    copy_table,
    described_books,
    held_books,
    pack_tables,
    reads_held,
    record_pack,
    sql_texts,
    statement_lines,
)
from fridge_pipeline.finance.pack.checks import write_checks
from fridge_pipeline.finance.pack.one_file import VERIFIER, one_file_verifier
from fridge_pipeline.finance.pack.pack_index import index_on_disk
from fridge_pipeline.finance.pack.sums_on_disk import SumsOnDisk
from fridge_pipeline.finance.pack.writing import files_below, put_in_place, sha256_of, work_folder, write_zip
from fridge_pipeline.finance.rules.evidence_checks import CHECKS
from fridge_pipeline.finance.rules.evidence_figures import Tally
from fridge_pipeline.finance.rules.evidence_format import (
    ANNEX,
    DESCRIPTION,
    DRAFT_NOTE,
    FORMAT,
    MANIFEST,
    README,
    STATEMENTS,
    TABLES,
    PackLink,
    csv_line,
    draft_text,
    folder_of,
    guarded,
    manifest_text,
    statement_path,
    table_path,
)
from fridge_pipeline.finance.signed_month import SignedMonth, signed_month
from fridge_pipeline.finance.stamp_record import Maker, signed_in, stripe_of_month
from fridge_pipeline.finance.verify_evidence import UnexplainedError, is_draft, verify_made
from fridge_pipeline.ingest.object_store.archive import put_unlike_any
from fridge_pipeline.ingest.rules.location import Location

README_TEXT = Path(__file__).parent / "pack" / "readme_of_a_pack.txt"


@dataclass(frozen=True, slots=True)
class EvidencePack:
    """A pack that was made: where it is, what is in it, and what was kept of one that had its name."""

    path: Location
    month: str
    is_final: bool
    manifest_sha256: str
    previous: PackLink | None
    files: int
    rows: int
    held: list[str]
    kept: Path | None


def make_evidence(
    database: Database, month: Month, target: Location, models_folder: Path, maker: Maker, workspace: Path
) -> EvidencePack:
    """Makes the pack of a month; one of a month that is not closed is a draft, says so, and enters no chain.

    A final pack that has the target's name already is kept beside it. In an object store nothing is replaced: a pack
    whose name is taken gets one with its number, and the name of a draft says so; it is made in the ``workspace``.
    There is no pack when this raises ``BooksIncompleteError`` because a table does not exist yet,
    ``DoesNotHoldError`` because the books disagree with themselves, or ``ArchiveError`` because the store refuses it.
    """
    beside = target if isinstance(target, Path) else workspace / target.name
    with work_folder(beside) as work, database.connect() as connection, alone_with_evidence(connection):
        folder, made = work / "pack", work / "pack.zip"
        models = read_models(models_folder)
        with held_books(connection, month, models) as (views, tested):
            books, signed = described_books(connection, month), signed_month(connection, month)
            went, session = stripe_of_month(connection, month), signed_in(connection)
            with _copying_beside(database, views, month, folder, signed):
                views.fill(month.start, month.end)
                tenants = _write_books(views, month, folder, signed)
                write_checks(tested, models, folder / table_path(CHECKS))
        _write_sql(folder, models_folder, signed)
        draft = {} if books["is_final"] else {"draft": draft_text(month.key)}
        described = {"format": FORMAT, "month": month.key, **draft, **books, **_making(maker)}
        described |= {"stripe": [asdict(use) | {"used_since": f"{use.used_since}"} for use in went], **session}
        described |= _contents(folder, tenants)
        files = _describe(folder, described)
        write_zip(folder, folder_of(month.key), made)
        held: list[str] = []
        with suppress(UnexplainedError):  # such a pack is evidence as well: whoever verifies it is told
            held.extend(verify_made(made))
        pack = PackLink(month.key, sha256_of(folder / MANIFEST))
        previous = PackLink(**books["previous"]) if books["previous"] else None
        path, kept = _hand_over(made, target, is_final=books["is_final"])
        if books["is_final"]:
            record_pack(connection, pack, previous, maker.made_at, maker.name, maker.run_id)
    return EvidencePack(
        path=path,
        month=month.key,
        is_final=books["is_final"],
        manifest_sha256=pack.manifest_sha256,
        previous=previous,
        files=files,
        rows=sum(each["rows"] for each in described["files"]),
        held=held,
        kept=kept,
    )


def _hand_over(made: Path, target: Location, *, is_final: bool) -> tuple[Location, Path | None]:
    """Gives a pack its name; returns it, and what is kept of a pack that had it."""
    if isinstance(target, Path):
        return target, put_in_place(made, target, keep=not is_draft(target))
    if is_final:
        return put_unlike_any(made, target), None
    name = PurePosixPath(target.name)  # a draft never takes the name that the month's pack will have
    return put_unlike_any(made, target.parent / f"{name.stem}-draft{name.suffix}"), None


@contextmanager
def _copying_beside(
    database: Database, held: HeldViews, month: Month, folder: Path, signed: SignedMonth | None
) -> Iterator[None]:
    """Copies the tables that are made of nothing that is held, meanwhile, on a connection of its own."""
    for name in (TABLES, STATEMENTS):
        (folder / name).mkdir(parents=True)
    tables = [table for table in pack_tables() if not reads_held(held, table, signed)]
    with books_beside(database, held.connection) as beside, ThreadPoolExecutor(1, "copy") as copier:
        copied = [
            copier.submit(copy_table, beside, table, month, folder / table_path(table), signed) for table in tables
        ]
        try:
            yield
        finally:
            for each in copied:
                each.result()


def _write_books(held: HeldViews, month: Month, folder: Path, signed: SignedMonth | None) -> dict[str, str]:
    """The tables made of what is held, the statements, and the annex; returns path → tenant."""
    for table in pack_tables():
        if reads_held(held, table, signed):
            copy_table(held, table, month, folder / table_path(table), signed)
    if signed is not None and signed.stands:
        (folder / ANNEX).mkdir()
        for table in annex_tables():
            copy_annex(held, table, month, folder / ANNEX / f"{table}.csv", signed)
    lines = statement_lines(held, month, signed)
    columns, tenants = next(lines), {}
    for tenant_id, theirs in groupby(lines, key=lambda line: str(line[0])):
        path = statement_path(tenant_id)
        with (folder / path).open("x", encoding="utf-8", newline="") as out:
            out.writelines(map(csv_line, chain([columns], map(_in_csv, theirs))))
        tenants[path] = tenant_id
    return tenants


def _in_csv(row: tuple[Any, ...]) -> list[Any]:
    return [guarded(value) if isinstance(value, str) else value for value in row]


def _write_sql(folder: Path, models_folder: Path, signed: SignedMonth | None) -> None:
    models = {f"sql/models/{path}": file.read_bytes() for path, file in files_below(models_folder).items()}
    for path, text in {**models, **sql_texts(signed)}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text)


def _making(maker: Maker) -> dict[str, Any]:
    return {
        "created_at": maker.made_at.isoformat().replace("+00:00", "Z"),
        "made_by": maker.name,
        "run_id": maker.run_id or None,
        "program": dict(maker.program),
        "parameters": dict(maker.parameters),
    }


def _contents(folder: Path, tenants: Mapping[str, str]) -> dict[str, Any]:
    """Every CSV file with its number of rows, and the control totals over all of them."""
    with index_on_disk() as index:
        tally, files = Tally(SumsOnDisk(index)), []
        for path, file in files_below(folder).items():
            if path.endswith(".csv"):
                with file.open(encoding="utf-8", newline="") as text:
                    described = {"path": path, "rows": tally.add(path, iter(partial(text.read, 2**17), ""))}
                files.append(described | ({"tenant_id": tenants[path]} if path in tenants else {}))
        tally.require_agreement()
        return {"files": files, "control_totals": tally.control_totals()}


def _describe(folder: Path, described: Mapping[str, Any]) -> int:
    """Writes what the pack says about itself, and at last the manifest of everything else; returns how many files."""
    month, draft = described["month"], described.get("draft", "")
    rows = {each["path"]: each["rows"] for each in described["files"]}
    readme = README_TEXT.read_text(encoding="utf-8").format(
        month=month,
        draft=draft and f"{draft}\n\n",
        folder=folder_of(month),
        manifest=MANIFEST,
        verifier=VERIFIER,
        format=FORMAT,
        statements=sum("tenant_id" in each for each in described["files"]),
        **{name: rows[table_path(name)] for name in (*pack_tables(), CHECKS)},
    )
    texts = {
        README: readme,
        VERIFIER: one_file_verifier(),
        DESCRIPTION: json.dumps(described, indent=2, ensure_ascii=False) + "\n",
    }
    if draft:
        texts[DRAFT_NOTE] = f"{draft}\n"
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    hashes = {path: sha256_of(file) for path, file in files_below(folder).items()}
    (folder / MANIFEST).write_text(manifest_text(hashes), encoding="utf-8")
    return len(hashes) + 1
