"""The sensor register in the database: what it says, and new entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from fridge_pipeline.catalogue.table_file import TableRefusedError
from fridge_pipeline.database.connection import Database, refused_text
from fridge_pipeline.database.queries import statement, value_of


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """From ``valid_from`` on the sensor belongs to the tenant, until its next entry. ``line`` is where it was read."""

    sensor_id: str
    tenant_id: str
    valid_from: datetime
    line: int | None = None


@dataclass(frozen=True, slots=True)
class RegisterImport:
    """How many entries were new, how many were there already, and how many landing files are read again for them.

    ``settled_rows`` of ``settled_files`` waited for them too, until a person settled that nobody is billed for them.
    """

    added: int
    unchanged: int
    files: int
    settled_files: int = 0
    settled_rows: int = 0


def newest_entry(connection: psycopg.Connection) -> int:
    """The number of the newest entry, 0 while there is none."""
    return int(value_of(connection, "newest_register_entry"))


def read_register(connection: psycopg.Connection) -> list[tuple[str, datetime, str]]:
    """Sensor, from when, tenant; by time."""
    return connection.execute(statement("sensor_register")).fetchall()


def import_register(
    database: Database, entries: Sequence[RegisterEntry], reason: str, *, dry_run: bool = False
) -> RegisterImport:
    """Adds the entries, all or none; an entry that stands there already is left as it is.

    Raises ``TableRefusedError`` for a sensor that another tenant has from the same moment on, and for an entry that
    would change the past: readings of the sensor are stored for another tenant from that time on.
    """
    with database.connect() as connection:
        before = newest_entry(connection)
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(statement("create_imported_register"))
            with cursor.copy(statement("copy_imported_register")) as copy:
                for each in entries:
                    copy.write_row((each.line, each.sensor_id, each.tenant_id, each.valid_from))
            problems = [
                f"line {line}: {problem}" if line else problem
                for line, problem in cursor.execute(statement("register_problems")).fetchall()
            ]
            if problems:
                raise TableRefusedError(problems)
            new = cursor.execute(statement("new_register_entries")).fetchall()
            if new and not dry_run:
                sensor_ids, tenant_ids, valid_froms = (list(column) for column in zip(*new, strict=True))
                parameters = {"sensor_ids": sensor_ids, "tenant_ids": tenant_ids, "valid_froms": valid_froms}
                try:
                    with database.acting(connection) as own:
                        own.execute(statement("add_to_register"), {**parameters, "reason": reason})
                except (psycopg.errors.RestrictViolation, psycopg.errors.UniqueViolation) as error:
                    raise TableRefusedError([refused_text(error)]) from error  # what was committed meanwhile
        files = int(value_of(connection, "count_files_to_read_again"))
        settled = connection.execute(statement("count_settled_rows"), {"before": before}).fetchone()
    return RegisterImport(len(new), len(entries) - len(new), files, *(settled or ()))
