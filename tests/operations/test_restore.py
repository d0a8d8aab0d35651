"""Books that are restored, by the commands of docs/operations.md: no error is ignored, nothing forgotten silently."""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.binaries import INSTALLATION, PACKAGE
from fridge_pipeline.database.embedded.logins import ServerAddress
from fridge_pipeline.database.schema import PIPELINE
from fridge_pipeline.finance.packs_in_archive import FOLDER
from fridge_pipeline.operations.check_health import check_packs
from fridge_pipeline.operations.prepare_database import prepare_database
from fridge_pipeline.operations.rules.health_check import Grade
from fridge_pipeline.settings import MODELS_FOLDER, REPOSITORY
from tests.conftest import fresh_database
from tests.finance.evidence.books import FEBRUARY, JANUARY, close, fill, made, unpacked
from tests.pipeline import Pipeline

#: What a restore leaves as it is: all but where the books are, and what a preparation makes anew.
MADE_ANEW = {"restores", "sql_models", "sql_models_built"}


def documented(heading: str) -> list[list[str]]:
    """The commands of the first block below a heading of the page, as words."""
    page = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    block = re.search(rf"^#+ {heading}\n.*?```\n(.*?)```", page, re.DOTALL | re.MULTILINE)
    assert block is not None, heading
    return [shlex.split(line, comments=True) for line in block[1].splitlines()]


def run_documented(heading: str, database: Database, folder: Path) -> None:
    """Those of PostgreSQL, as they stand there; whatever one of them says is an error."""
    (package,) = (find_spec(PACKAGE) or pytest.fail("no server")).submodule_search_locations or []
    for program, *words in documented(heading):
        if program not in {"psql", "pg_dump", "pg_restore"}:
            continue
        given = [word.replace("$URL", database.owned.dsn) for word in words]
        output = None
        if ">" in given:
            given, output = given[: given.index(">")], given[-1]
        done = subprocess.run(
            [Path(package) / INSTALLATION / "bin" / program, *given], cwd=folder, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr.decode()) == (0, ""), words
        if output is not None:
            (folder / output).write_bytes(done.stdout)


def all_rows(database: Database) -> dict[str, list[str]]:
    """Every table of the books, row by row."""
    with database.owned.connect() as connection:
        tables = connection.execute(
            "select relname from pg_class where relnamespace = 'fridge'::regnamespace and relkind in ('r', 'p')"
        ).fetchall()
        return {
            name: [
                row[0]
                for row in connection.execute(
                    sql.SQL("select t::text from fridge.{} as t order by 1").format(sql.Identifier(name))
                )
            ]
            for (name,) in tables
            if name not in MADE_ANEW
        }


def prepared(database: Database, pipeline: Pipeline) -> None:
    """What the next command of ours does."""
    prepare_database(database, MODELS_FOLDER, pipeline.clock())


def health(database: Database, archive: Path, pipeline: Pipeline) -> dict[str, list[str]]:
    """What doctor says of packs and restores, by grade."""
    found: dict[str, list[str]] = {}
    for check in check_packs(database, archive, pipeline.clock()):
        found.setdefault(check.grade.value, []).append(str(check))
    return found


def test_restored_into_a_new_home_the_books_are_what_they_were_and_say_that_they_were_restored(
    pipeline: Pipeline, server: ServerAddress, tmp_path: Path
) -> None:
    prepared(pipeline.database, pipeline)
    fill(pipeline)
    close(pipeline, JANUARY)
    (tmp_path / FOLDER).mkdir()
    pack = made(pipeline, JANUARY, tmp_path / FOLDER / "2026-01.zip")
    assert set(health(pipeline.database, tmp_path, pipeline)) == {"ok"}
    run_documented("Backing up", pipeline.database, tmp_path)
    with fresh_database(server) as home:
        prepared(home, pipeline)
        run_documented("Restoring", home, tmp_path)
        prepared(home, pipeline)
        assert all_rows(home) == all_rows(pipeline.database)
        found = health(home, tmp_path, pipeline)
        assert set(found) == {"ok", "warn"}
        (warned,) = found["warn"]
        assert "the books were restored, or moved to another server: noticed 20" in warned
        assert "what was done after the dump is not in them" in warned

        pipeline.database = home.acting_as(PIPELINE)
        again = unpacked(made(pipeline, JANUARY, tmp_path / "again.zip"))
        before = unpacked(pack)
        differing = {path for path in before if before[path] != again[path]}
        assert differing == {"MANIFEST.sha256", "README.txt", "pack.json", "tables/restores.csv"}
        with pytest.raises(psycopg.Error, match=r"append only|permission denied"):
            pipeline.rows("delete from fridge.evidence_packs")


def test_an_older_dump_restored_in_place_forgets_nothing_silently(pipeline: Pipeline, tmp_path: Path) -> None:
    prepared(pipeline.database, pipeline)
    fill(pipeline)
    close(pipeline, JANUARY)
    (tmp_path / FOLDER).mkdir()
    made(pipeline, JANUARY, tmp_path / FOLDER / "2026-01.zip")
    before = all_rows(pipeline.database)
    run_documented("Backing up", pipeline.database, tmp_path)

    close(pipeline, FEBRUARY)
    later = made(pipeline, FEBRUARY, tmp_path / FOLDER / "2026-02.zip")
    assert set(health(pipeline.database, tmp_path, pipeline)) == {"ok"}

    run_documented("Restoring", pipeline.database, tmp_path)
    prepared(pipeline.database, pipeline)
    assert all_rows(pipeline.database) == before
    found = health(pipeline.database, tmp_path, pipeline)
    assert set(found) == {"WRONG", "warn"}
    assert "the books do not know 2026-02.zip, the pack of 2026-02 with the manifest" in found["WRONG"][0]
    assert "as after a restore of an older dump" in found["WRONG"][0]

    later.unlink()
    (tmp_path / FOLDER / "2026-01.zip").write_bytes(b"no pack")
    found = health(pipeline.database, tmp_path, pipeline)
    assert "2026-01.zip is not a readable ZIP file" in found["WRONG"][0]
    assert any(
        "the pack of 2026-01 with the manifest" in line and "is in the books and not in" in line
        for line in found["warn"]
    )
    assert Grade.WRONG.value == "WRONG"
