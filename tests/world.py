"""The world of tests, fuzzing, chaos, scale-out and benchmarks: a folder, a PostgreSQL, a Stripe sandbox."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from fridge_pipeline.database import process_lock
from fridge_pipeline.database.embedded.logins import SUPERUSER, ServerAddress
from fridge_pipeline.database.embedded.server import EmbeddedServer
from tests.kept_connections import database_of
from tests.own_environment import own_environment
from tests.sandbox_process import SandboxProcess, start_sandbox

#: The template of most databases.
PREPARED = "prepared"

UNFINISHED = "unfinished_template"
KNOWN = "select 1 from pg_database where datname = %s"
RENAME = sql.SQL("alter database {} rename to {}")
DROP = sql.SQL("drop database if exists {} with (force)")

#: As files: by the log, row by row, it takes twice as long, and a template may hold gigabytes.
CREATE = sql.SQL("create database {} template {} strategy file_copy")


class World:
    """The servers are processes, as an installation in this folder has them; either may fall and be put up again.

    Several processes may share a folder: whoever leaves last stops PostgreSQL.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.server = EmbeddedServer(home / "postgres")
        self.address: ServerAddress
        self._holding = ExitStack()
        self._sandbox: SandboxProcess | None = None

    def __enter__(self) -> Self:
        self.hold_postgres()
        return self

    def __exit__(self, *_: object) -> None:
        if self._sandbox is not None:
            self._sandbox.kill()
        self.let_go_of_postgres()

    def environment(self, **further: str) -> dict[str, str]:
        """The variables of whatever works here."""
        return {
            **own_environment(),
            "FRIDGE_HOME": str(self.home),
            "STRIPE_API_BASE": self.sandbox.url,
            **further,
        }

    # PostgreSQL and its databases.

    def hold_postgres(self) -> None:
        """Keeps PostgreSQL up (starting it if need be), as ``fridge up`` would."""
        held, self._holding = self._holding, ExitStack()
        self.address = self._holding.enter_context(self.server.hold())
        held.close()  # only now: whoever leaves last stops it

    def let_go_of_postgres(self) -> None:
        """From now on the last process that needs it stops it."""
        self._holding.close()

    def kill_postgres(self) -> bool:
        """SIGKILL for its first process; whether it ran."""
        pid = self.server.process_id()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        return pid is not None

    def signed_in(self, role: str) -> ServerAddress:
        """The server for another of its logins than the owner."""
        return self.server.signed_in(self.address, role)

    def as_superuser(self, dsn: str) -> psycopg.Connection:
        """A connection to the database of an address, as the server's administrator."""
        return psycopg.connect(self.signed_in(SUPERUSER).dsn(database_of(dsn)), autocommit=True)

    def template(self, name: str, fill: Callable[[str], object], of: str = "template1") -> str:
        """A database to copy, filled once through its DSN, by whoever is the first to ask for it."""
        with process_lock.exclusive(self.home / "templates.lock"), self._administrator() as connection:
            if not connection.execute(KNOWN, [name]).fetchone():
                connection.execute(DROP.format(sql.Identifier(UNFINISHED)))
                connection.execute(CREATE.format(sql.Identifier(UNFINISHED), sql.Identifier(of)))
                fill(self.address.dsn(UNFINISHED))
                connection.execute(RENAME.format(sql.Identifier(UNFINISHED), sql.Identifier(name)))
        return name

    @contextmanager
    def database(self, template: str = PREPARED) -> Iterator[str]:
        """The DSN of a fresh copy, dropped at the end with the database that Dagster may have put beside it."""
        name = f"copy_{uuid.uuid4().hex[:12]}"
        with self._administrator() as connection:
            connection.execute(CREATE.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield self.address.dsn(name)
        finally:
            # Not while autovacuum looks at it: then it stays, and goes with the folder.
            with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse):
                self.drop(name, f"{name}_dagster")

    def drop(self, *names: str) -> None:
        """Databases that are there no longer."""
        with self._administrator() as connection:
            for name in names:
                connection.execute(DROP.format(sql.Identifier(name)))

    def _administrator(self) -> psycopg.Connection:
        return psycopg.connect(self.address.dsn("postgres"), autocommit=True)

    # Stripe.

    @property
    def sandbox(self) -> SandboxProcess:
        """The Stripe sandbox, started when it is asked for first; it keeps its account on disk."""
        if self._sandbox is None:
            self._sandbox = start_sandbox(self.home / "sandbox.sqlite")
        return self._sandbox

    def cut_stripe(self) -> bool:
        """SIGKILL for the sandbox; whether it ran."""
        return self.sandbox.kill() == -signal.SIGKILL

    def restore_stripe(self) -> None:
        """Starts the sandbox with the account and at the address that it had."""
        port = urlsplit(self.sandbox.url).port or 0
        self._sandbox = start_sandbox(self.home / "sandbox.sqlite", "--exact-port", port=port)
