"""What a caller is told when PostgreSQL goes away under it."""

from __future__ import annotations

import psycopg
import pytest

from fridge_pipeline.database.connection import Database, DatabaseUnreachableError


def end_all_connections(database: Database) -> None:
    """What a server that is killed does to them."""
    with psycopg.connect(database.dsn, autocommit=True) as other:
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and usename = session_user and pid <> pg_backend_pid()"
        )


def test_a_server_that_goes_away_under_a_connection_is_one_clear_error_that_names_its_place(database: Database) -> None:
    def work() -> None:
        with database.connect() as connection:
            end_all_connections(database)
            connection.execute("select 1")

    with pytest.raises(DatabaseUnreachableError, match=rf"PostgreSQL at {database.location} went away"):
        work()


def test_an_error_of_a_statement_stays_what_it_is(database: Database) -> None:
    def wait_in_vain() -> None:
        with database.connect() as one, database.connect() as other:
            one.execute("select pg_advisory_lock(1)")
            other.execute("set lock_timeout = '10ms'")
            other.execute("select pg_advisory_lock(1)")

    with pytest.raises(psycopg.errors.LockNotAvailable):
        wait_in_vain()
