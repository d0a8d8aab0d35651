"""Connections that stay open between the steps of a test: to open one takes longer than many a step.

Whoever asks for one gets it as if it were new: no lock, setting or temporary table of the step before. One in whose
block something was raised is closed, as that of a dying process is. Everything else about it is psycopg's own.
"""

from __future__ import annotations

import select
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import Any, Self

import adbc_driver_manager
import adbc_driver_postgresql
import psycopg
from adbc_driver_manager import dbapi
from psycopg import sql
from psycopg.abc import Params, Query
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

#: To plan a statement over views takes longer than to run it for the few rows of a test. So that is done once for any
#: rows, of those that are worth it.
FOR_ANY_ROWS, LENGTH_MIN, STATEMENTS_MAX = "set plan_cache_mode = force_generic_plan", 300, 400

#: What the end of a session does; plans stay.
AS_NEW = f"select pg_advisory_unlock_all(); close all; unlisten *; discard temp; reset all; {FOR_ANY_ROWS}"

#: What another test may not find either.
OF_ANOTHER_TEST = "discard sequences"

#: Of one address and kind, from test to test: the server has room for two hundred of all workers.
KEPT_MAX = 3

#: By address and kind of connection.
Idle = defaultdict[tuple[str, str], list[Any]]


@cache
def database_of(conninfo: str) -> str:
    """The name of the database that an address says."""
    return str(conninfo_to_dict(conninfo).get("dbname"))


class PreparingCursor(psycopg.Cursor[Any]):
    """Prepares a long statement the first time, where psycopg does so the sixth time."""

    def execute(
        self, query: Query, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Self:
        """As psycopg's."""
        text = query.as_bytes(self) if isinstance(query, sql.Composable) else query
        if prepare is None and params is not None and isinstance(text, str | bytes) and len(text) > LENGTH_MIN:
            prepare = True
        asked: Any = query  # psycopg's own overloads part the kinds of queries
        return super().execute(asked, params, prepare=prepare, binary=binary)


class KeptConnection(psycopg.Connection[Any]):
    """Goes back to where it was taken from when its block ends in peace."""

    left_to: list[KeptConnection]

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Kept, or closed as psycopg does."""
        if exc_type is None and not self.closed and self._is_as_new():
            self.left_to.append(self)
        else:
            super().__exit__(exc_type, exc_val, exc_tb)

    def _is_as_new(self) -> bool:
        if not self.autocommit or self.info.transaction_status is not TransactionStatus.IDLE:
            return False
        try:
            self.execute(AS_NEW)
        except psycopg.Error:
            return False
        self.isolation_level = self.read_only = self.deferrable = None
        self.row_factory = tuple_row
        return True

    @property
    def is_alive(self) -> bool:
        """Whether the server has said nothing since: it has nothing to say but that it ends the connection."""
        return not self.closed and not select.select([self.fileno()], [], [], 0)[0]


class KeptBulkConnection(dbapi.Connection):
    """The same of Arrow's driver, which takes no statement of ours but those of loads and counts."""

    left_to: list[KeptBulkConnection]

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Kept, or closed as the driver does."""
        if exc_type is not None:
            super().__exit__(exc_type, exc_val, exc_tb)
            return
        if not self._autocommit:
            self.rollback()
        self.left_to.append(self)


class KeptConnections:
    """In place of the drivers' ``connect``, for databases that are named to it."""

    def __init__(
        self, connect: Callable[..., psycopg.Connection[Any]], connect_bulk: Callable[..., dbapi.Connection]
    ) -> None:
        self._connect = connect
        self._connect_bulk = connect_bulk
        self._idle: dict[str, Idle] = {}

    def bulk(self, uri: str, *, autocommit: bool = False) -> dbapi.Connection:
        """A connection of Arrow's driver that nobody uses, or a new one."""
        name = database_of(uri)
        if name not in self._idle:
            return self._connect_bulk(uri, autocommit=autocommit)
        idle = self._idle[name][uri, f"bulk, {autocommit}"]
        if idle:
            kept: dbapi.Connection = idle.pop()
            return kept
        types = adbc_driver_postgresql.connect(uri)
        opened = KeptBulkConnection(types, adbc_driver_manager.AdbcConnection(types), autocommit=autocommit)
        opened.left_to = idle
        return opened

    def single(self, conninfo: str = "", **how: Any) -> psycopg.Connection[Any]:
        """A connection of ours that nobody uses, or a new one."""
        name = database_of(conninfo)
        if how.get("application_name") != "fridge" or name not in self._idle:
            return self._connect(conninfo, **how)
        idle: list[KeptConnection] = self._idle[name][conninfo, "single"]
        while idle:
            kept = idle.pop()
            if kept.is_alive:
                return kept
            kept.close()
        opened = KeptConnection.connect(conninfo, **how)
        if opened.autocommit:
            opened.execute(FOR_ANY_ROWS)
        opened.left_to = idle
        opened.cursor_factory, opened.prepared_max = PreparingCursor, STATEMENTS_MAX
        return opened

    def keep(self, name: str) -> None:
        """From now on those to the database of this name."""
        self._idle[name] = defaultdict(list)

    def forget(self, name: str) -> int:
        """Nothing of a test is left in them, and a few are kept; how many."""
        for (_, kind), idle in self._idle[name].items():
            alive = [kept for kept in idle if kind != "single" or kept.is_alive]
            for kept in {*idle}.difference(alive[:KEPT_MAX]):
                kept.close()
            idle[:] = alive[:KEPT_MAX]
            if kind == "single":
                for kept in idle:
                    kept.execute(OF_ANOTHER_TEST)
        return sum(map(len, self._idle[name].values()))

    def end(self, name: str) -> None:
        """Closes them."""
        for idle in self._idle.pop(name).values():
            for kept in idle:
                kept.close()
