"""Dagster's database as a copy of one that the first command makes: its tables are not made anew for each command."""

from __future__ import annotations

import psycopg
from dagster_postgres import DagsterPostgresStorage
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fridge_pipeline.database.connection import Database
from fridge_pipeline.orchestration.dagster_storage import session_url

TEMPLATE, HALF_MADE = "prepared_dagster", "half_prepared_dagster"

COPY = sql.SQL("create database {} template {} strategy file_copy")


def copied_beside(books: Database, dagsters: Database) -> None:
    """In place of ``Database.create_beside``, which is tried where this login may not do what it takes."""
    name = str(conninfo_to_dict(dagsters.dsn)["dbname"])
    try:
        with psycopg.connect(make_conninfo(dagsters.dsn, dbname="postgres"), autocommit=True) as connection:
            if _is_there(connection, name):
                return
            connection.execute("select pg_advisory_lock(hashtext(%s))", [TEMPLATE])
            if not _is_there(connection, TEMPLATE):
                _make_template(connection, dagsters.dsn)
            connection.execute(COPY.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
    except psycopg.Error:
        created_beside(books, dagsters)


created_beside = Database.create_beside


def _is_there(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is not None


def _make_template(connection: psycopg.Connection, dsn: str) -> None:
    name = str(conninfo_to_dict(dsn)["dbname"])
    connection.execute(f"drop database if exists {HALF_MADE}")  # of a command that was killed
    connection.execute(f"create database {HALF_MADE}")
    DagsterPostgresStorage(session_url(dsn.replace(f"/{name}", f"/{HALF_MADE}", 1)))
    connection.execute(f"alter database {HALF_MADE} rename to {TEMPLATE}")
