"""Dagster's own storage on the installation's PostgreSQL, so that Dagster's tools work with nothing configured."""

import atexit
import os
from contextlib import ExitStack
from functools import cache
from typing import Any, Self

from dagster_postgres import DagsterPostgresStorage

from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.orchestration.installation import embedded_dsn
from fridge_pipeline.orchestration.instance import storage_dsn
from fridge_pipeline.orchestration.settings import read_settings


class InstallationStorage(DagsterPostgresStorage):
    """``dagster_postgres`` in the database ``<name>_dagster`` on the server that the environment names.

    Named in ``dagster.yaml``. Where it is the embedded server, the process holds it until it ends.
    """

    @classmethod
    def config_type(cls) -> Any:
        """Takes no configuration: the environment has it all."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:  # noqa: ARG003 # Dagster's signature
        """The storage of this process's installation. Raises ``DatabaseUnreachableError``."""
        return cls(postgres_url=_storage_url(), inst_data=inst_data)


@cache
def _storage_url() -> str:
    """Finds, and if need be makes, Dagster's database; once per process.

    The prefix says psycopg 2: SQLAlchemy 2.1 takes a bare ``postgresql://`` to mean psycopg 3, with which Dagster's
    event watcher fails (github.com/dagster-io/dagster/issues/33958).
    """
    settings = read_settings(os.environ)
    stack = ExitStack()
    atexit.register(stack.close)
    books = Database(settings.database_url or embedded_dsn(settings, stack))
    storage = Database(storage_dsn(books.dsn))
    books.create_beside(storage)
    return storage.dsn.replace("postgresql://", "postgresql+psycopg2://", 1)
