"""Prepare: the database as this code needs it, before anything works on it; the task of the schema's owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.make_models import are_superseded, built_from, make_models
from fridge_pipeline.database.models import STAGING, files_sha256, read_models
from fridge_pipeline.database.people_record import restrict_readers
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.schema import (
    PIPELINE,
    Migration,
    acts_as,
    create_roles,
    grant_rights,
    migrate,
    pending_migrations,
    unsuitable_defaults,
)
from fridge_pipeline.operations.rules.health_check import POSTGRES_MIN

#: What people have decided, and what was made of it: finance reads it beside the marts.
DECISIONS = (
    "month_signoffs",
    "releases",
    "withdrawals",
    "evidence_packs",
    "billing_starts",
    "decisions",
    "people_changes",
    "people",
    *("settlements", "settlement_decisions", "settlement_approvals", "tenant_changes"),
    *("corrections", "correction_proposals", "correction_approvals", "correction_documents"),
    *("correction_losses", "correction_arrivals", "correction_edits", "settlement_outcomes"),
)


class ServerTooOldError(RuntimeError):
    """The server lacks what the schema needs."""


class UnsuitableDefaultError(RuntimeError):
    """The server gives sessions a parameter that we cannot work with, and that not every role may set for itself."""


class NotTheOwnerError(RuntimeError):
    """The schema is behind this code, and whoever is signed in may not change it."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """The database with the rights that work needs, and what was done to it."""

    database: Database
    migrations: list[Migration]
    has_roles: bool


def prepare_database(
    database: Database,
    models: Path,
    now: datetime,
    *,
    owner: Database | None = None,
    anew: bool = False,
    leave_newer: bool = False,
) -> Preparation:
    """Brings schema, SQL models, roles and rights up to this code; costs a few queries when they are.

    ``owner`` signs in where something is to be changed, and only then; without one, whoever signs in is taken to be it.
    ``leave_newer`` leaves models that were made after ours were, by newer code: during a rolling upgrade both work on
    one database. ``anew`` makes ours all the same, and grants the rights once more, for roles that were made since.
    What comes back acts as ``fridge_pipeline`` where whoever signs in may, else as whoever signs in.
    Raises ``ServerTooOldError``, ``UnsuitableDefaultError`` and ``NotTheOwnerError``.
    """
    signed_in, files = database.owned, files_sha256(models)
    with signed_in.connect() as connection:
        _require_defaults(connection, signed_in.location)
        is_behind = anew or _is_behind(connection, files, leave_newer=leave_newer)
        done = _change(owner or signed_in, models, now) if is_behind else []
        connection.execute(statement("note_place"))
        has_roles = acts_as(connection, PIPELINE)
    return Preparation(signed_in.acting_as(PIPELINE) if has_roles else signed_in, done, has_roles)


def _is_behind(connection: psycopg.Connection, files: str, *, leave_newer: bool) -> bool:
    """Whether the database is not as this code makes it, or was made with other rights than it gives."""
    try:
        return bool(pending_migrations(connection)) or (
            built_from(connection) != files and not (leave_newer and are_superseded(connection, files))
        )
    except psycopg.errors.InsufficientPrivilege:
        return True  # as after a restore without rights


def _change(owner: Database, models: Path, now: datetime) -> list[Migration]:
    with owner.connect() as connection:
        _require_defaults(connection, owner.location)
        _require_version(connection, owner.location)
        try:
            done = migrate(connection)
            make_models(owner, models, now)
            create_roles(connection)
            restrict_readers(connection)
            grant_rights(connection, [*_marts(models), *DECISIONS])
        except psycopg.errors.InsufficientPrivilege as error:
            raise NotTheOwnerError(
                f"the schema at {owner.location} is older than this code, and the role that signs in may not change "
                f"it ({str(error).splitlines()[0]}); run fridge migrate with the DSN of its owner"
            ) from error
    return done


def _require_version(connection: psycopg.Connection, place: str) -> None:
    major = connection.info.server_version // 10_000
    if major < POSTGRES_MIN:
        raise ServerTooOldError(
            f"PostgreSQL at {place} is version {major}, and the schema needs {POSTGRES_MIN} or newer; nothing was "
            "changed. Upgrade it, or unset FRIDGE_DATABASE_URL to use the embedded server"
        )


def _require_defaults(connection: psycopg.Connection, place: str) -> None:
    found = unsuitable_defaults(connection)
    if found:
        told = ", ".join(f"{name} = {setting}" for name, setting in found.items())
        raise UnsuitableDefaultError(
            f"PostgreSQL at {place} gives our sessions {told}; nothing was done. Have it reset by "
            f"alter database NAME reset {', '.join(found)}, or of the role or the server, where it stands"
        )


def _marts(folder: Path) -> list[str]:
    return [model.name for model in read_models(folder) if model.layer != STAGING]
