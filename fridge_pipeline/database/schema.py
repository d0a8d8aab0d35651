"""The schema: migrations, roles, the condition of the database, and its tables in words."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.database.lock_waits import changed_between_readers, wait_shortly
from fridge_pipeline.database.queries import PACKAGE, statement, value_of

#: The features with tables, each after those whose tables it needs: their files ``schema.sql`` make a new database.
FEATURES = (
    *("database", "catalogue", "ingest", "usage", "billing"),
    *("reconciliation", "invoices", "corrections", "finance", "operations"),
)

MIGRATION_FOLDER = Path(__file__).parent / "migrations"
_FILE_NAME = re.compile(r"(?P<number>\d{4})_(?P<title>[a-z0-9_]+)\.sql")

#: Up to this one migrations are squashed into the files ``schema.sql``; a database must have run them all, or none.
LAST_SQUASHED = 29

#: The last version of this program that had them one by one.
LAST_UNSQUASHED_VERSION = "0.1.0"

#: SHA-256 over their hashes, one after the other.
_SQUASHED_SHA256 = "b85abf2e96343ce708cadf7517a7f0b0ce707804b3a9d55390f7b2fbd48baf75"

#: Under this number stands in ``fridge.schema_migrations`` which text of the files ``schema.sql`` a database is like.
SCHEMA_NUMBER = 0


class MigrationChangedError(RuntimeError):
    """A migration that this database has already run, or the schema it is like, is not the text it was."""


class SchemaTooOldError(RuntimeError):
    """The database has run some of the squashed migrations only: an earlier version of this program brings it on."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema; number 0 is the whole schema of a new database."""

    number: int
    title: str
    text: str

    @property
    def name(self) -> str:
        """As people see it."""
        return f"{self.number:04d}_{self.title}" if self.number else self.title

    @property
    def sha256(self) -> str:
        """The hash by which an edit after release is noticed."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def schema() -> Migration:
    """The files ``schema.sql`` of all features: what a database that is up to date is like."""
    texts = [(PACKAGE / feature / "schema.sql").read_text(encoding="utf-8") for feature in FEATURES]
    return Migration(SCHEMA_NUMBER, "schema", "\n".join(texts))


def migrations(folder: Path = MIGRATION_FOLDER) -> list[Migration]:
    """Those since the squash by number, without gaps; ``ValueError`` on a stray name or a gap."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name}: a migration is named 0030_what_it_does.sql")
        found.append(Migration(int(match["number"]), match["title"], path.read_text(encoding="utf-8")))
    numbers, first = [migration.number for migration in found], LAST_SQUASHED + 1
    if numbers != list(range(first, first + len(numbers))):
        raise ValueError(f"migrations are numbered {first}, {first + 1}, … without gaps; found {numbers}")
    return found


def schema_number() -> int:
    """The number of the newest migration: by it people name a state of the schema."""
    return LAST_SQUASHED + len(migrations())


def applied_migrations(connection: psycopg.Connection) -> dict[int, str]:
    """Number and hash of the migrations this database has run; empty on a database without the schema."""
    exists = connection.execute("select to_regclass('fridge.schema_migrations')").fetchone()
    if exists is None or exists[0] is None:
        return {}
    return dict(connection.execute("select number, sha256 from fridge.schema_migrations").fetchall())


def pending_migrations(connection: psycopg.Connection) -> list[Migration]:
    """Those not run yet; of a new database the whole schema.

    Raises ``MigrationChangedError`` when a text was edited since it ran, and ``SchemaTooOldError``.
    """
    applied = applied_migrations(connection)
    if not applied:
        return [schema()]
    _require_squashed(applied)
    known = migrations()
    for migration in known:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise MigrationChangedError(
                f"migration {migration.name} was edited after this database ran it; "
                "restore its text and put the change into a new migration"
            )
    pending = [migration for migration in known if migration.number not in applied]
    # A database of a newer version has other migrations besides, and a schema that is not ours to judge.
    is_ours = not pending and max(applied) <= LAST_SQUASHED + len(known)
    if is_ours and SCHEMA_NUMBER in applied and applied[SCHEMA_NUMBER] != schema().sha256:
        raise MigrationChangedError(
            "a schema.sql was edited after this database was brought up to it, and no migration says how to follow; "
            "restore its text, or put the change into a new migration too"
        )
    return pending


def _require_squashed(applied: dict[int, str]) -> None:
    """A database that was not made by the schema has run exactly the migrations that were squashed into it."""
    if SCHEMA_NUMBER in applied:
        return
    squashed = [applied[number] for number in range(1, LAST_SQUASHED + 1) if number in applied]
    if len(squashed) < LAST_SQUASHED:
        raise SchemaTooOldError(
            f"this database has run {len(squashed)} of the {LAST_SQUASHED} migrations that are one schema now: first "
            f"run fridge migrate of version {LAST_UNSQUASHED_VERSION}, then that of this version"
        )
    if hashlib.sha256("".join(squashed).encode()).hexdigest() != _SQUASHED_SHA256:
        raise MigrationChangedError(
            f"migrations 0001 to {LAST_SQUASHED:04d} of this database are not those of version "
            f"{LAST_UNSQUASHED_VERSION}: what they made may not be the schema that this version goes on from"
        )


def migrate(connection: psycopg.Connection) -> list[Migration]:
    """Brings the schema up to date and returns what was run; safe when several processes do it at once.

    A new database is made by the schema, which holds what the migrations do; one that is there runs the migrations.
    Raises ``SchemaInUseError``.
    """
    with connection.transaction():
        connection.execute(statement("create_schema_migrations"))
        if not applied_migrations(connection):
            connection.execute(schema().text)
            for contained in (schema(), *migrations()):
                _record(connection, contained)
            return [schema()]
        pending_migrations(connection)  # refuses a database that none of them may touch
    return [
        migration
        for migration in migrations()
        if changed_between_readers(connection, partial(_run_migration, connection, migration))
    ]


def _run_migration(connection: psycopg.Connection, migration: Migration) -> bool:
    """Runs it unless another process has; call it in a transaction."""
    connection.execute(statement("lock_migrations"))
    if not any(m.number == migration.number for m in pending_migrations(connection)):
        return False
    wait_shortly(connection)
    connection.execute(migration.text)
    _record(connection, migration)
    if migration.number == schema_number():
        _record(connection, schema())
    return True


def _record(connection: psycopg.Connection, migration: Migration) -> None:
    connection.execute(
        statement("record_migration"),
        {"number": migration.number, "title": migration.title, "sha256": migration.sha256},
    )


#: Loads, counts, states and signs; changes no schema, and nothing that is append only.
PIPELINE = "fridge_pipeline"


def create_roles(connection: psycopg.Connection) -> bool:
    """Makes the roles where they are missing; says whether whoever is signed in may do that, or they exist."""
    try:
        with connection.transaction():
            connection.execute(statement("create_roles"))
    except psycopg.errors.InsufficientPrivilege:
        return acts_as(connection, PIPELINE)
    return True


def grant_rights(connection: psycopg.Connection, marts: Sequence[str]) -> None:
    """Brings the rights of the roles that there are up to the tables that there are; the owner's task.

    ``marts`` are the relations that finance reads.
    """
    with connection.transaction():
        connection.execute(statement("grant_rights"), {"marts": list(marts)})


def owns_schema(connection: psycopg.Connection) -> bool:
    """Whether whoever is signed in owns the schema."""
    return bool(value_of(connection, "owns_schema"))


def acts_as(connection: psycopg.Connection, role: str) -> bool:
    """Whether whoever is signed in may take a role's place."""
    return bool(value_of(connection, "acts_as", {"role": role}))


def unsuitable_defaults(connection: psycopg.Connection) -> dict[str, str]:
    """Parameters of this session that we cannot work with and cannot set, with what they are."""
    return dict(connection.execute(statement("unsuitable_defaults")).fetchall())


def server_clock(connection: psycopg.Connection) -> datetime:
    """What time it is for the server."""
    moment: datetime = value_of(connection, "server_clock")
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
