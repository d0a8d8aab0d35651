"""Connections that stay open between the steps of a test: to open one takes longer than many a step.

Whoever asks for one gets it as if it were new: no lock, setting or temporary table of the step before. One in whose
block something was raised is closed, as that of a dying process is. Everything else about it is psycopg's own.
"""

from __future__ import annotations

import select
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

#: What the end of a session does; the plans of triggers and functions stay.
AS_NEW = "select pg_advisory_unlock_all(); close all; unlisten *; discard temp; reset all; deallocate all"

Idle = defaultdict[str, list["KeptConnection"]]


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
        return True

    @property
    def is_alive(self) -> bool:
        """Whether the server has said nothing since: it has nothing to say but that it ends the connection."""
        return not self.closed and not select.select([self.fileno()], [], [], 0)[0]


class KeptConnections:
    """In place of ``psycopg.connect``, for databases that are named to it."""

    def __init__(self, connect: Callable[..., psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._idle: dict[str, Idle] = {}

    def __call__(self, conninfo: str = "", **how: Any) -> psycopg.Connection[Any]:
        """A connection of ours that nobody uses, or a new one."""
        name = conninfo_to_dict(conninfo).get("dbname")
        if how.get("application_name") != "fridge" or name not in self._idle:
            return self._connect(conninfo, **how)
        idle = self._idle[str(name)][conninfo]
        while idle:
            kept = idle.pop()
            if kept.is_alive:
                return kept
            kept.close()
        opened = KeptConnection.connect(conninfo, **how)
        opened.left_to = idle
        return opened

    def keep(self, name: str) -> None:
        """From now on those to the database of this name."""
        self._idle[name] = defaultdict(list)

    def end(self, name: str) -> None:
        """Closes them."""
        for idle in self._idle.pop(name).values():
            for kept in idle:
                kept.close()
