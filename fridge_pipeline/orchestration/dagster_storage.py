"""Dagster's own storage on the installation's PostgreSQL, so that Dagster's tools work with nothing configured."""

import atexit
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from dagster import DagsterEventType, EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from sqlalchemy import Connection

from fridge_pipeline.database.connection import Database, session_options
from fridge_pipeline.installation import logins
from fridge_pipeline.orchestration.instance import storage_dsn
from fridge_pipeline.orchestration.own_environment import settle_environment
from fridge_pipeline.settings import read_settings


class InstallationEventLog(PostgresEventLogStorage):
    """``dagster_postgres``, with what a run plans written in batches too.

    Dagster plans every hour of every asset before a ranged run starts. It hands these events over in batches, but
    its own storage writes them one by one, each on two new connections: nine tenths of the run's bookkeeping.
    Which tables and columns an upgrade has brought it asks before each event of an asset; those that are there stay.
    """

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url)
        self._present: set[str] = set()

    def has_table(self, table_name: str) -> bool:
        """Asked of PostgreSQL until it is there."""
        return self._is_present(table_name, lambda: super(InstallationEventLog, self).has_table(table_name))

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        name = f"asset_keys.{column_name}"
        return self._is_present(
            name, lambda: super(InstallationEventLog, self)._has_asset_key_col_on_connection(conn, column_name)
        )

    def _is_present(self, name: str, ask: Callable[[], bool]) -> bool:
        if name not in self._present and ask():
            self._present.add(name)
        return name in self._present

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Writes planned materializations as Dagster writes materializations: all rows at once."""
        if {event.dagster_event_type for event in events} != {DagsterEventType.ASSET_MATERIALIZATION_PLANNED}:
            super().store_event_batch(events)
            return
        with self.run_connection() as connection:
            stored = connection.execute(
                self.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)
            ).fetchall()
        # Of each asset only the last one counts: Dagster keeps which run touched an asset last.
        last = {event.get_dagster_event().asset_key: (event, row[0]) for event, row in zip(events, stored, strict=True)}
        for event, event_id in last.values():
            self.store_asset_event(event, event_id)


class InstallationStorage(DagsterPostgresStorage):
    """``dagster_postgres`` in the database ``<name>_dagster`` on the server that the environment names.

    Named in ``dagster.yaml``. Where it is the embedded server, the process holds it until it ends.
    """

    def __init__(self, postgres_url: str, inst_data: Any) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log = InstallationEventLog(postgres_url)

    @property
    def event_log_storage(self) -> InstallationEventLog:
        """Where the events of runs are kept."""
        return self._event_log

    @classmethod
    def config_type(cls) -> Any:
        """Takes no configuration: the environment has it all."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:  # noqa: ARG003 # Dagster's signature
        """The storage of this process's installation. Raises ``DatabaseUnreachableError``."""
        return cls(_storage_url(), inst_data)


@cache
def _storage_url() -> str:
    """Finds, and if need be makes, Dagster's database; once per process.

    The prefix says psycopg 2: SQLAlchemy 2.1 takes a bare ``postgresql://`` to mean psycopg 3, with which Dagster's
    event watcher fails (github.com/dagster-io/dagster/issues/33958).
    """
    settle_environment(os.environ)
    settings = read_settings(os.environ)
    stack = ExitStack()
    atexit.register(stack.close)
    books, _ = logins(settings, stack)
    storage = Database(storage_dsn(books.dsn))
    books.create_beside(storage)
    return session_url(storage.dsn)


def session_url(dsn: str) -> str:
    """The DSN for SQLAlchemy, with sessions as ours: Dagster keeps times of day without their zone, as UTC."""
    parts = urlsplit(dsn)
    given = dict(parse_qsl(parts.query))
    query = urlencode({**given, "options": session_options(given.get("options"))}, quote_via=quote)
    return parts._replace(scheme="postgresql+psycopg2", query=query).geturl()
