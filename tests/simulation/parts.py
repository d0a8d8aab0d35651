"""What all schedules of a process share: one database that is emptied for each of them, one sandbox, one tally."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from adbc_driver_manager import dbapi as adbc_dbapi
from adbc_driver_postgresql import dbapi as adbc_postgresql
from psycopg import sql

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.logins import ServerAddress
from fridge_pipeline.database.schema import PIPELINE
from tests.sandbox_process import SandboxProcess
from tests.simulation.account import Account

#: What the end of a session does to locks, temporary tables and settings.
AS_NEW = "select pg_advisory_unlock_all(); discard temp; reset all"

TABLES = "select tablename from pg_tables where schemaname = 'fridge' order by tablename"

#: Dead rows of that many schedules are cleared away at once.
SCHEDULES_PER_VACUUM = 100


@dataclass
class Tally:
    """What a simulation has been through."""

    schedules: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    excepted: Counter[str] = field(default_factory=Counter)
    delivered: int = 0

    def as_json(self) -> dict[str, Any]:
        """For the summary."""
        return {
            "schedules": self.schedules,
            "delivered": self.delivered,
            "steps": dict(self.steps),
            "crashes": dict(self.crashes),
            "faults": dict(self.faults),
            "excepted": dict(self.excepted),
        }


@dataclass(frozen=True)
class KeptOpen(Database):
    """The same database, its connections kept open between steps: to open one takes longer than a step.

    What a dying step had not committed is rolled back, as it is when its connection ends.
    """

    superuser: psycopg.Connection = field(kw_only=True, compare=False)
    bulk: dict[bool, adbc_dbapi.Connection] = field(default_factory=dict, compare=False)
    idle: list[psycopg.Connection] = field(default_factory=list, compare=False)

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """As ``Database.connect``; a connection left in peace is handed out again as if it were new.

        One in whose block something was raised is closed, as a dying process closes it.
        """
        opened = self.idle.pop() if self.idle else psycopg.connect(self._conninfo, autocommit=True)
        try:
            yield opened
        except BaseException:
            opened.close()
            raise
        opened.execute(AS_NEW)
        self.idle.append(opened)

    @contextmanager
    def connect_bulk(self, *, autocommit: bool = False) -> Iterator[adbc_dbapi.Connection]:
        """As ``Database.connect_bulk``."""
        if autocommit not in self.bulk:
            self.bulk[autocommit] = adbc_postgresql.connect(self._conninfo, autocommit=autocommit)
        try:
            yield self.bulk[autocommit]
        finally:
            if not autocommit:
                self.bulk[autocommit].rollback()

    def look(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What the books hold, for the simulation's own eyes."""
        found = self.superuser.execute(query.encode(), parameters or None)
        return found.fetchall() if found.description else []

    def empty(self, tables: Sequence[str]) -> None:
        """Nothing was ever landed or billed."""
        statements = (sql.SQL("delete from fridge.{};").format(sql.Identifier(table)) for table in tables)
        self.superuser.execute(sql.SQL("").join(statements))

    def close(self) -> None:
        """Ends what was kept open."""
        for bulk in self.bulk.values():
            bulk.close()
        for connection in (self.superuser, *self.idle):
            connection.close()
        self.bulk.clear()
        self.idle.clear()


class Parts:
    """A database, the sandbox, a folder and the tally."""

    def __init__(
        self,
        server: ServerAddress,
        superuser: ServerAddress,
        sandbox: SandboxProcess,
        folder: Path,
        tally_file: Path | None,
    ) -> None:
        self.sandbox = sandbox
        self.account = Account(sandbox.url)
        self.folder = folder
        self.tally = Tally()
        self._tally_file = tally_file
        self._database = _new_database(server, superuser)
        # What a migration has filled stays; all else belongs to one schedule.
        tables = [name for (name,) in self._database.look(TABLES)]
        self._tables = [name for name in tables if not self._database.look(f"select 1 from fridge.{name} limit 1")]

    def next_schedule(self) -> KeptOpen:
        """The database, as if nothing had ever happened in it."""
        self._database.empty(self._tables)
        self._database.look("update fridge.swept_catalogue set event_names = '{}'")
        if self.tally.schedules % SCHEDULES_PER_VACUUM == SCHEDULES_PER_VACUUM - 1:
            self._database.look("vacuum")
        self.tally.schedules += 1
        return self._database

    def keep_tally(self) -> None:
        """For whoever watches."""
        if self._tally_file is not None:
            self._tally_file.write_text(json.dumps(self.tally.as_json()), encoding="utf-8")

    def close(self) -> None:
        """Ends the connections."""
        self._database.close()


def _new_database(server: ServerAddress, superuser: ServerAddress) -> KeptOpen:
    name = f"simulation_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {} template prepared").format(sql.Identifier(name)))
    # No trigger fires for it: it empties tables that are append only.
    eyes = psycopg.connect(superuser.dsn(name), autocommit=True, options="-c session_replication_role=replica")
    return KeptOpen(server.dsn(name), role=PIPELINE, superuser=eyes)
