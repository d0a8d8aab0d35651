"""The schema: migrations, roles, the condition of the database, and its tables in words."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

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


#: Loads, counts, states and signs; changes no schema, and nothing that is append only.
PIPELINE = "fridge_pipeline"

#: Reads the marts and nothing else.
FINANCE = "fridge_finance"


def create_roles(connection: psycopg.Connection) -> bool:
    """Makes both roles where they are missing; says whether whoever is signed in may do that, or they exist."""
    try:
        with connection.transaction():
            connection.execute(statement("create_roles"))
    except psycopg.errors.InsufficientPrivilege:
        return acts_as(connection, PIPELINE)
    return True


def grant_rights(connection: psycopg.Connection, marts: Sequence[str]) -> None:
    """Brings the rights of the roles that there are up to the tables that there are; the owner's task."""
    with connection.transaction():
        connection.execute(statement("grant_rights"), {"marts": list(marts)})


def owns_schema(connection: psycopg.Connection) -> bool:
    """Whether whoever is signed in owns the schema."""
    row = connection.execute(statement("owns_schema")).fetchone()
    return bool(row and row[0])


def acts_as(connection: psycopg.Connection, role: str) -> bool:
    """Whether whoever is signed in may take a role's place."""
    row = connection.execute(statement("acts_as"), {"role": role}).fetchone()
    return bool(row and row[0])


def server_version(connection: psycopg.Connection) -> int:
    """As the server counts it: 180001 for 18.1."""
    return connection.info.server_version


def unsuitable_defaults(connection: psycopg.Connection) -> dict[str, str]:
    """Parameters of this session that we cannot work with and cannot set, with what they are."""
    return dict(connection.execute(statement("unsuitable_defaults")).fetchall())


def server_clock(connection: psycopg.Connection) -> datetime:
    """What time it is for the server."""
    row = connection.execute(statement("server_clock")).fetchone()
    if row is None:
        raise LookupError("the server did not tell its time")
    moment: datetime = row[0]
    return moment


def is_private(connection: psycopg.Connection) -> bool:
    """Whether nobody on the way can read along: encrypted, or on this machine."""
    host = connection.info.host
    if connection.pgconn.ssl_in_use or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


HEADING = """# The schema `fridge`

Printed by `fridge db schema`, from the database.
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
