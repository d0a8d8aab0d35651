"""Schema migrations: numbered, forward only, plain SQL, each run once in a transaction of its own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg

from fridge_pipeline.database.queries import statement

MIGRATION_FOLDER = Path(__file__).parent / "migrations"
_FILE_NAME = re.compile(r"(?P<number>\d{4})_(?P<title>[a-z0-9_]+)\.sql")


class MigrationChangedError(RuntimeError):
    """A migration that this database has already run is not the text it ran."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    number: int
    title: str
    text: str

    @property
    def sha256(self) -> str:
        """The hash by which an edit after release is noticed."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations(folder: Path = MIGRATION_FOLDER) -> list[Migration]:
    """All migrations by number, without gaps; ``ValueError`` on a stray name or a gap."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name}: a migration is named 0001_what_it_does.sql")
        found.append(Migration(int(match["number"]), match["title"], path.read_text(encoding="utf-8")))
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"migrations are numbered 1, 2, 3, … without gaps; found {numbers}")
    return found


def applied_migrations(connection: psycopg.Connection) -> dict[int, str]:
    """Number and hash of the migrations this database has run; empty on a database without the schema."""
    exists = connection.execute("select to_regclass('fridge.schema_migrations')").fetchone()
    if exists is None or exists[0] is None:
        return {}
    return dict(connection.execute("select number, sha256 from fridge.schema_migrations").fetchall())


def pending_migrations(connection: psycopg.Connection) -> list[Migration]:
    """Those not run yet. Raises ``MigrationChangedError`` when one that has run was edited since."""
    applied, known = applied_migrations(connection), migrations()
    for migration in known:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise MigrationChangedError(
                f"migration {migration.number:04d}_{migration.title} was edited after this database ran it; "
                "restore its text and put the change into a new migration"
            )
    return [migration for migration in known if migration.number not in applied]


def migrate(connection: psycopg.Connection) -> list[Migration]:
    """Brings the schema up to date and returns what was run; safe when several processes do it at once."""
    with connection.transaction():
        connection.execute(statement("create_schema_migrations"))
    done = []
    for migration in migrations():
        with connection.transaction():
            connection.execute(statement("lock_migrations"))
            if not any(m.number == migration.number for m in pending_migrations(connection)):
                continue
            connection.execute(migration.text)
            connection.execute(
                statement("record_migration"),
                {"number": migration.number, "title": migration.title, "sha256": migration.sha256},
            )
        done.append(migration)
    return done
