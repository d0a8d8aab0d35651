"""The world of a run: one embedded PostgreSQL as an installation has it, databases cloned from templates, a folder."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.measuring.contest import run_candidate
from benchmarks.measuring.sample import Sample
from benchmarks.statements import statement
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.logins import SUPERUSER, ServerAddress
from fridge_pipeline.database.embedded.server import EmbeddedServer
from fridge_pipeline.database.schema import migrate

#: The name under which the server's CPU seconds are reported.
POSTGRESQL = "PostgreSQL"

#: A database with the schema and nothing in it.
EMPTY = "empty"


@dataclass(frozen=True)
class World:
    """The server, its templates, and a folder for landing files; see ``open_world``."""

    address: ServerAddress
    home: Path
    postmaster: int
    templates: set[str] = field(default_factory=set)

    def folder(self, name: str) -> Path:
        """A folder of that name for data."""
        path = self.home / "data" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def fresh_folder(self, name: str) -> Path:
        """A folder that nobody else has."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.home))

    def template(self, name: str, fill: Callable[[str], None], of: str = EMPTY) -> str:
        """A database to clone, filled once through its DSN."""
        if name not in self.templates:
            self._administer("create_database_like", name=name, template=of)
            fill(self.address.dsn(name))
            self._settle(name)
            self.templates.add(name)
        return name

    def forget(self, name: str) -> None:
        """Drops a template, to make room."""
        if name in self.templates:
            self._administer("drop_database", name=name)
            self.templates.discard(name)

    @contextmanager
    def database(self, template: str = EMPTY) -> Iterator[str]:
        """The DSN of a fresh clone, dropped at the end with the database that Dagster may have put beside it."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        self._administer("create_database_like", name=name, template=template)
        try:
            yield self.address.dsn(name)
        finally:
            for each in (name, f"{name}_dagster"):
                # Not while autovacuum looks at it: then it stays, and goes with the server's folder.
                with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse):
                    self._administer("drop_database", name=each)

    def run(
        self,
        act: str,
        watched: Mapping[str, int] | None = None,
        environment: Mapping[str, str] | None = None,
        **arguments: object,
    ) -> Sample:
        """One sample of a candidate; it starts with nothing left to write by the server of what was before."""
        self.checkpoint()
        return run_candidate(act, arguments, {POSTGRESQL: self.postmaster, **(watched or {})}, environment or {})

    def checkpoint(self) -> None:
        """Has the server write everything it still holds in memory only."""
        with psycopg.connect(self.signed_in(SUPERUSER).dsn("postgres"), autocommit=True) as connection:
            connection.execute("checkpoint")

    def signed_in(self, role: str) -> ServerAddress:
        """The server for another of its logins than the owner, such as its administrator's."""
        return EmbeddedServer(self.home / "postgres").signed_in(self.address, role)

    def _settle(self, name: str) -> None:
        """With fresh statistics, so that autovacuum finds nothing to do in the clones while they are measured."""
        with psycopg.connect(self.address.dsn(name), autocommit=True) as connection:
            connection.execute("vacuum analyze")

    def _administer(self, which: str, /, **names: str) -> None:
        query = sql.SQL(statement(which)).format(**{key: sql.Identifier(value) for key, value in names.items()})
        with psycopg.connect(self.address.dsn("postgres"), autocommit=True) as connection:
            connection.execute(query)


@contextmanager
def open_world() -> Iterator[World]:
    """A server in a temporary folder, with the settings of every installation: what it commits is on the disk."""
    with tempfile.TemporaryDirectory(prefix="fridge-bench-") as folder:
        home = Path(folder)
        with EmbeddedServer(home / "postgres").hold() as address:
            record = (home / "postgres" / "data" / "postmaster.pid").read_text(encoding="ascii")
            world = World(address, home, int(record.splitlines()[0]))
            with psycopg.connect(address.dsn("postgres"), autocommit=True) as connection:
                connection.execute(sql.SQL(statement("create_database")).format(name=sql.Identifier(EMPTY)))
            with Database(address.dsn(EMPTY)).connect() as connection:
                migrate(connection)
                connection.execute(statement("create_rival_table"))
            yield world
