"""The roles beside the owner of the schema: what the pipeline runs as, and what finance signs in with."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from fridge_pipeline.adapters.embedded_server import passwords
from fridge_pipeline.adapters.embedded_server.address import ServerAddress

if TYPE_CHECKING:
    from fridge_pipeline.adapters.embedded_server.layout import Layout


def ensure(layout: Layout, host: str, port: int) -> None:
    """Makes them where they are missing, as in a data directory of an earlier version; changes nothing else."""
    superuser = passwords.read(layout, passwords.SUPERUSER)
    address = ServerAddress(host, port, passwords.SUPERUSER, superuser, "postgres")
    finance = passwords.verifier(passwords.read_or_create(layout, passwords.FINANCE))
    statements = importlib.resources.files(__package__).joinpath("more_roles.sql").read_text(encoding="utf-8")
    with psycopg.connect(address.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL(statements).format(finance_verifier=sql.Literal(finance)))
