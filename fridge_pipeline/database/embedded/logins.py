"""The roles beside the owner of the schema: what the pipeline runs as, and what daily work and finance sign in with."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from fridge_pipeline.database.embedded import passwords
from fridge_pipeline.database.embedded.address import ServerAddress

if TYPE_CHECKING:
    from fridge_pipeline.database.embedded.layout import Layout

DAGSTER_DATABASE = "fridge_dagster"


def ensure(layout: Layout, host: str, port: int) -> None:
    """Makes them where they are missing, as in a data directory of an earlier version, with Dagster's database."""
    superuser = passwords.read(layout, passwords.SUPERUSER)
    address = ServerAddress(host, port, passwords.SUPERUSER, superuser, "postgres")
    verifiers = {
        name: sql.Literal(passwords.verifier(passwords.read_or_create(layout, role)))
        for name, role in (
            ("application_verifier", passwords.APPLICATION),
            ("finance_verifier", passwords.FINANCE),
        )
    }
    with psycopg.connect(address.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL(_statements("more_roles.sql")).format(**verifiers))
    with psycopg.connect(address.dsn(DAGSTER_DATABASE), autocommit=True) as connection:
        connection.execute(_statements("dagster_database.sql").encode())


def _statements(name: str) -> str:
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
