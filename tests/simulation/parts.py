"""What all schedules of a process share: one database that is emptied for each of them, one sandbox, one tally."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from fridge_pipeline.database.connection import Database
from tests.sandbox_process import SandboxProcess
from tests.simulation.account import Account

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
    invoices: Counter[str] = field(default_factory=Counter)
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
            "invoices": dict(self.invoices),
        }


@dataclass(frozen=True)
class WatchedDatabase(Database):
    """The same database, and a superuser's connection by which the simulation looks at it and empties it."""

    superuser: psycopg.Connection = field(kw_only=True, compare=False)

    def look(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What the database holds, read only by the simulation."""
        found = self.superuser.execute(query.encode(), parameters or None)
        return found.fetchall() if found.description else []

    def empty(self, tables: Sequence[str]) -> None:
        """Nothing was ever landed or billed."""
        statements = (sql.SQL("delete from fridge.{};").format(sql.Identifier(table)) for table in tables)
        self.superuser.execute(sql.SQL("").join(statements))


class Parts:
    """A database, the sandbox, a folder and the tally."""

    def __init__(
        self,
        database: Database,
        superuser: psycopg.Connection,
        sandbox: SandboxProcess,
        folder: Path,
        tally_file: Path | None,
    ) -> None:
        self.sandbox = sandbox
        self.account = Account(sandbox.url)
        self.folder = folder
        self.tally = Tally()
        self._tally_file = tally_file
        # No trigger fires for it: it empties tables that are append only.
        superuser.execute("set session_replication_role = replica")
        self._database = WatchedDatabase(database.dsn, role=database.role, superuser=superuser)
        # What a migration has filled stays; all else belongs to one schedule.
        tables = [name for (name,) in self._database.look(TABLES)]
        self._tables = [name for name in tables if not self._database.look(f"select 1 from fridge.{name} limit 1")]

    def next_schedule(self) -> WatchedDatabase:
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
        """Ends the superuser's connection."""
        self._database.superuser.close()
