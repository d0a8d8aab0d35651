from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from fridge_pipeline.database import schema as migration
from fridge_pipeline.database.connection import Database, DatabaseUnreachableError
from fridge_pipeline.database.embedded.logins import ServerAddress
from fridge_pipeline.database.make_models import make_models
from fridge_pipeline.database.models import read_models
from fridge_pipeline.database.schema import (
    MIGRATION_FOLDER,
    Migration,
    MigrationChangedError,
    describe_schema,
    migrate,
    migrations,
    pending_migrations,
    schema,
    schema_number,
)
from fridge_pipeline.operations import prepare_database
from fridge_pipeline.orchestration.instance import storage_dsn
from fridge_pipeline.settings import MODELS_FOLDER
from tests.database.test_way_up import UNSQUASHED


@pytest.fixture
def empty_database(server: ServerAddress) -> Database:
    name = f"empty_{id(object())}"
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"drop database if exists {name} with (force)")
        connection.execute(f"create database {name}")
    return Database(server.dsn(name))


def test_migrating_from_empty_makes_a_schema_whose_every_table_and_column_is_described(
    empty_database: Database,
) -> None:
    with empty_database.connect() as connection:
        done = migrate(connection)
        assert [each.name for each in done] == ["schema"]
        make_models(empty_database, MODELS_FOLDER, datetime.now(UTC))  # which say what columns mean
        sections = dict(part.split(" (", 1) for part in describe_schema(connection).split("\n## ")[1:])
        there = connection.execute(
            """select relname, attname from pg_class join pg_attribute on attrelid = pg_class.oid and attnum > 0
            where relnamespace = 'fridge'::regnamespace and relkind in ('r', 'p', 'v', 'm') and not relispartition
                and not attisdropped"""
        ).fetchall()
    models = {model.name for model in read_models(MODELS_FOLDER)}  # described in their own models.yml
    assert sections.keys() | models == {table for table, _ in there}
    described = [(table, column) for table, column in there if table not in models]
    assert [each for each in described if f"\n| {each[1]} | " not in sections[each[0]]] == []
    without_words = [table for table, text in sections.items() if text.split(")\n", 1)[1].strip().startswith("|")]
    assert without_words == ["schema_migrations"], "which is the migrations' own"


def test_migrating_again_runs_nothing(database: Database) -> None:
    with database.owned.connect() as connection:
        assert migrate(connection) == []


def test_of_eight_processes_that_migrate_at_once_one_makes_the_schema(empty_database: Database) -> None:
    def run(_: int) -> int:
        with empty_database.connect() as connection:
            return len(migrate(connection))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(run, range(8))) == 1


@pytest.fixture
def with_one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A migration after all others; the file can be edited."""
    for each in migrations():
        (tmp_path / f"{each.name}.sql").write_text(each.text)
    more = tmp_path / f"{schema_number() + 1:04d}_more.sql"
    more.write_text("create table fridge.more (); create table fridge.once ()")
    monkeypatch.setattr(migration, "migrations", lambda: migrations(tmp_path))
    return more


def test_eight_processes_that_migrate_at_once_run_each_migration_once(database: Database, with_one_more: Path) -> None:
    def run(_: int) -> list[str]:
        with database.owned.connect() as connection:
            return [each.name for each in migrate(connection)]

    with ThreadPoolExecutor(8) as pool:
        assert [name for done in pool.map(run, range(8)) for name in done] == [with_one_more.stem]


def test_a_migration_that_was_edited_after_it_ran_is_refused(database: Database, with_one_more: Path) -> None:
    with database.owned.connect() as connection:
        migrate(connection)
        with_one_more.write_text("-- edited")
        with pytest.raises(MigrationChangedError, match="more was edited"):
            migrate(connection)


def test_a_schema_that_was_edited_without_a_migration_is_refused_by_who_has_it_and_not_by_who_is_older(
    database: Database, with_one_more: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = Migration(0, "schema", schema().text + "-- edited")
    monkeypatch.setattr(migration, "schema", lambda: edited)
    with database.owned.connect() as connection:
        assert [each.name for each in pending_migrations(connection)] == [with_one_more.stem]
        migrate(connection)
        assert pending_migrations(connection) == []
        monkeypatch.setattr(migration, "schema", schema)
        with pytest.raises(MigrationChangedError, match=r"a schema\.sql was edited"):
            pending_migrations(connection)
        with_one_more.unlink()
        assert pending_migrations(connection) == []


def test_migrations_have_the_text_that_installations_have_run() -> None:
    """An edited one, a comment of it even, is refused by every installation there is. Add the sums of new ones."""
    kept = (Path(__file__).parent / "migrations.sha256").read_text(encoding="utf-8")
    found = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in (*sorted(MIGRATION_FOLDER.glob("*")), UNSQUASHED)
    )
    assert found == kept


@pytest.mark.parametrize("name", ["1_no_number.sql", "0030_UPPER.sql", "0032_gap.sql"])
def test_a_migration_with_a_stray_name_or_a_gap_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("select 1")
    with pytest.raises(ValueError, match="migration"):
        migrations(tmp_path)


def test_a_server_that_is_too_old_is_refused_before_anything_is_made(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_database, "POSTGRES_MIN", 99)
    with pytest.raises(prepare_database.ServerTooOldError, match=r"is version \d+, and the schema needs 99 or newer"):
        prepare_database.prepare_database(empty_database, MODELS_FOLDER, datetime.now(UTC))
    with empty_database.connect() as connection:
        assert connection.execute("select to_regnamespace('fridge')").fetchall() == [(None,)]


def test_an_unreachable_database_names_its_place_and_not_its_password() -> None:
    database = Database("postgresql://fridge:hidden@127.0.0.1:9/books")
    for connect in (database.connect, database.connect_bulk):
        with pytest.raises(DatabaseUnreachableError) as unreachable, connect():
            pass
        assert "127.0.0.1:9/books" in str(unreachable.value)
        assert "hidden" not in str(unreachable.value)


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://u:p%40ss@h:5433/books", "postgresql://u:p%40ss@h:5433/books_dagster"),
        ("postgresql://u@h/books?sslmode=require", "postgresql://u:@h:5432/books_dagster?sslmode=require"),
        ("host=h dbname=books user=u password=p", "postgresql://u:p@h:5432/books_dagster"),
    ],
)
def test_dagster_stores_beside_the_books_in_a_database_of_its_own(dsn: str, expected: str) -> None:
    assert storage_dsn(dsn) == expected
