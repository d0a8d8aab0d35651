"""A database that one test leaves to the next as if it were new: to copy, fill caches of and drop one takes long.

What a test wrote is deleted, sequences count from where they stood, months of readings are dropped. One whose tables,
views, functions, triggers or rights are others afterwards, or that somebody still uses, is not given on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from fridge_pipeline.database.connection import Database
from tests.kept_connections import KeptConnections, database_of

#: Rows that were deleted stay in the files.
TESTS_MAX = 30

SECONDS_TO_LEAVE = 0.2

OURS = "oid >= 16384 and relpersistence <> 't' and relnamespace <> 'pg_toast'::regnamespace"

#: What is no row of a table of ours: the same in a database that is given on as in a new one.
CATALOGUE: LiteralString = f"""
select
    (
        select jsonb_agg(jsonb_build_array(
            oid, relname, relkind, relowner, relacl::text, reloptions, reltuples, relrowsecurity, relpersistence
        ) order by oid) from pg_class where {OURS}
    ),
    (select count(*) from pg_statistic where starelid >= 16384),
    (select array[datacl::text, datallowconn::text, datconnlimit::text] from pg_database
        where datname = current_database()),
    (select count(*) from pg_db_role_setting),
    (select count(*) from pg_database where starts_with(datname, current_database()))
"""

#: Of these, how many rows there are, and the sum of the transactions that wrote them.
ROWS_OF = {
    "pg_attribute": f"attrelid in (select oid from pg_class where {OURS})",
    "pg_attrdef": "true",
    "pg_constraint": "true",
    "pg_default_acl": "true",
    "pg_event_trigger": "true",
    "pg_extension": "true",
    "pg_index": f"indrelid in (select oid from pg_class where {OURS})",
    "pg_inherits": "true",
    "pg_largeobject_metadata": "true",
    "pg_namespace": "nspname !~ '^pg_(toast_)?temp_'",
    "pg_policy": "true",
    "pg_proc": "true",
    "pg_publication": "true",
    "pg_rewrite": f"ev_class in (select oid from pg_class where {OURS})",
    "pg_sequence": "true",
    "pg_trigger": "true",
}

TABLES = f"""
select oid::regclass::text, pg_relation_size(oid) > 0 from pg_class
where relkind = 'r' and not relispartition and {OURS} order by oid
"""

SEQUENCES = """
select array_agg(seqrelid::regclass::text), array_agg(coalesce(pg_sequence_last_value(seqrelid), seqstart)),
    array_agg(pg_sequence_last_value(seqrelid) is not null)
from pg_sequence
"""

COUNT_FROM = """
select setval(name::regclass, value, called)
from unnest(%s::text[], %s::bigint[], %s::boolean[]) as sequences (name, value, called)
"""

MONTHS = "select inhrelid::regclass::text from pg_inherits join pg_class on oid = inhrelid where relkind = 'r'"

SESSIONS = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"


def _written(tables: dict[str, str]) -> str:
    """How many rows each of these has, and by which transactions."""
    return " union all ".join(
        f"select '{name}', count(*), coalesce(sum(xmin::text::bigint), 0) from {name} where {which}"
        for name, which in tables.items()
    )


@dataclass
class _Kept:
    """One database, seen by the superuser, as it was when it was new."""

    made: AbstractContextManager[Database]
    database: Database
    superuser: psycopg.Connection
    tests: int = 0

    def __post_init__(self) -> None:
        # Triggers and foreign keys are not asked.
        self.superuser.execute("set session_replication_role = replica; set synchronous_commit = off")
        rows = self.superuser.execute(TABLES.encode()).fetchall()
        full = [name for name, holds in rows if holds]
        self.first_rows = {name: self._copy(name) for name in full}
        self.sequences = self.superuser.execute(SEQUENCES).fetchone()
        self.catalogue = self._catalogue()
        self.written = self._rows_written()

    def _copy(self, table: str) -> bytes:
        with self.superuser.cursor().copy(f"copy {table} to stdout".encode()) as copy:
            return b"".join(bytes(part) for part in copy)

    def _catalogue(self) -> list[Any]:
        return [
            self.superuser.execute(CATALOGUE).fetchall(),
            self.superuser.execute(_written(ROWS_OF).encode()).fetchall(),
        ]

    def _rows_written(self) -> dict[str, Any]:
        if not self.first_rows:
            return {}
        counted = self.superuser.execute(_written(dict.fromkeys(self.first_rows, "true")).encode())
        return {name: rest for name, *rest in counted}

    def made_new(self, connections: int) -> bool:
        """Takes back what a test did; whether that was all."""
        until = time.monotonic() + SECONDS_TO_LEAVE
        while self.superuser.execute(SESSIONS).fetchall() != [(connections,)]:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        with self.superuser.transaction():
            months = [name for (name,) in self.superuser.execute(MONTHS)]
            if months:
                self.superuser.execute(f"drop table {', '.join(months)}".encode())
            if self._catalogue() != self.catalogue:
                return False
            self._put_rows_back()
            self.superuser.execute(COUNT_FROM, self.sequences)
        self.written = self._rows_written()
        return True

    def _put_rows_back(self) -> None:
        written = self._rows_written()
        same = {name for name in self.first_rows if written[name] == self.written[name]}
        filled = [name for name, holds in self.superuser.execute(TABLES.encode()) if holds and name not in same]
        self.superuser.execute("; ".join(f"delete from {name}" for name in filled).encode())
        for name in filled:
            if self.first_rows.get(name):
                with self.superuser.cursor().copy(f"copy {name} from stdin".encode()) as copy:
                    copy.write(self.first_rows[name])


class KeptDatabases:
    """One database after the other, each for as many tests as it stays as it was."""

    def __init__(
        self,
        make: Callable[[], AbstractContextManager[Database]],
        as_superuser: Callable[[str], psycopg.Connection],
        connections: KeptConnections,
    ) -> None:
        self._make, self._as_superuser, self._connections = make, as_superuser, connections
        self._kept: _Kept | None = None

    def take(self) -> Database:
        """One that is as new."""
        if self._kept is None:
            made = self._make()
            database = made.__enter__()
            self._kept = _Kept(made, database, self._as_superuser(database.dsn))
        return self._kept.database

    def give_back(self) -> None:
        """For the next test, where it can be made as new."""
        kept = self._kept
        assert kept is not None
        kept.tests += 1
        try:
            is_new = kept.tests < TESTS_MAX and kept.made_new(self._connections.forget(database_of(kept.database.dsn)))
        except psycopg.Error:
            is_new = False
        if not is_new:
            self.end()

    def end(self) -> None:
        """Drops it."""
        if self._kept is not None:
            self._kept.superuser.close()
            self._kept.made.__exit__(None, None, None)
            self._kept = None
