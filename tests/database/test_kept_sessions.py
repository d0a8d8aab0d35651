"""A session that is used again is as a new one; what nobody uses any more is closed."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident
from typing import Any

import psycopg
import pytest

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.kept_sessions import IDLE_MAX, IDLE_SECONDS_MAX, kept_sessions
from fridge_pipeline.database.schema import PIPELINE
from tests.database.test_database import end_all_connections

LOCK = "select pg_try_advisory_lock(17)"
SESSION = "select pg_backend_pid()"
PREPARED = "select count(*) from pg_prepared_statements"


@pytest.fixture(autouse=True)
def _not_those_that_tests_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psycopg, "connect", psycopg.Connection.connect)


def value(connection: psycopg.Connection, query: str) -> Any:
    """The one value of a query."""
    return connection.execute(query.encode()).fetchall()[0][0]


def asked(database: Database, query: str = SESSION) -> Any:
    """The same, in a block of its own: if nothing else, the process of the server that it worked with."""
    with database.connect() as connection:
        return value(connection, query)


def sessions_open(database: Database) -> set[int]:
    """Those of ours that the server has."""
    time.sleep(0.2)  # one that is closed may need a moment to end
    with psycopg.connect(database.dsn, autocommit=True) as other:
        ours = "select pid from pg_stat_activity where datname = current_database() and application_name = 'fridge'"
        return {pid for (pid,) in other.execute(ours)}


def test_a_session_that_was_left_in_peace_is_used_again_until_the_scope_ends(database: Database) -> None:
    before = sessions_open(database)
    with kept_sessions():
        first = asked(database)
        with kept_sessions():  # as where one command calls another
            assert asked(database) == first
        assert asked(database) == first
        assert sessions_open(database) == before | {first}
    assert sessions_open(database) == before
    assert asked(database) != first
    assert sessions_open(database) == before


@pytest.mark.parametrize(
    ("leave", "see", "new"),
    [
        ("set work_mem = '77MB'", "select current_setting('work_mem') = '77MB'", False),
        ("set timezone = 'Asia/Tokyo'", "show timezone", "UTC"),
        ("set fridge.reason = 'of before'", "select coalesce(current_setting('fridge.reason', true), '')", ""),
        ("set role none", "select current_user::text", PIPELINE),
        ("set default_transaction_read_only = on", "show transaction_read_only", "off"),
        ("set default_transaction_isolation = serializable", "show transaction_isolation", "read committed"),
        ("create temporary table fridges (i int)", "select to_regclass('pg_temp.fridges')::text", None),
        ("prepare of_before as select 1", PREPARED, 0),
        ("declare of_before cursor with hold for select 1", "select count(*) from pg_cursors", 0),
        ("listen of_before", "select count(*) from pg_listening_channels()", 0),
    ],
)
def test_what_a_block_left_in_its_session_the_next_does_not_see(
    database: Database, leave: str, see: str, new: object
) -> None:
    with kept_sessions():
        with database.connect() as connection:
            first = value(connection, SESSION)
            connection.execute(leave.encode())
        with database.connect() as connection:
            assert (value(connection, see), value(connection, SESSION)) == (new, first)


def test_a_lock_ends_with_its_block_and_not_only_when_the_next_begins(database: Database) -> None:
    with kept_sessions(), ThreadPoolExecutor(1) as other:
        assert asked(database, LOCK)
        assert other.submit(asked, database, LOCK).result()


def test_isolation_and_what_psycopg_has_prepared_are_as_new(database: Database) -> None:
    with kept_sessions():
        for _ in range(3):
            with database.connect() as connection:
                assert value(connection, PREPARED) == 0
                assert (connection.isolation_level, connection.read_only, connection.deferrable) == (None, None, None)
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = connection.deferrable = True
                for number in range(8):
                    assert connection.execute("select %s::int", (number,)).fetchall() == [(number,)]
                assert value(connection, PREPARED) == 1


def test_whoever_signs_in_otherwise_or_within_the_block_gets_another_session(database: Database) -> None:
    with kept_sessions():
        for _ in range(2):
            assert asked(database, "select current_user::text") == PIPELINE
            assert asked(database.owned, "select current_user = session_user")
            assert asked(database, "show transaction_read_only") == "off"
            assert asked(database.read_only(), "show transaction_read_only") == "on"
        with database.connect() as outer, database.connect() as inner:
            assert value(outer, SESSION) != value(inner, SESSION)


def test_one_in_whose_block_something_was_raised_is_closed(database: Database) -> None:
    def fail() -> None:
        with database.connect() as connection:
            connection.execute("select 1 / 0")

    with kept_sessions():
        before = sessions_open(database)
        with pytest.raises(psycopg.errors.DivisionByZero):
            fail()
        assert sessions_open(database) == before


def test_one_that_is_left_within_a_transaction_is_closed(database: Database) -> None:
    with kept_sessions():
        with database.connect() as connection:
            first = value(connection, SESSION)
            connection.execute("begin")
        assert asked(database) != first


def test_a_session_that_the_server_has_ended_is_not_noticed_by_the_next_block(database: Database) -> None:
    with kept_sessions():
        first = asked(database)
        end_all_connections(database)
        assert asked(database) != first
        with database.connect() as connection:
            second = value(connection, SESSION)
            end_all_connections(database)  # when its block has nothing left to ask of it
        assert asked(database) != second


def test_one_that_nobody_used_for_a_minute_is_not_trusted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with kept_sessions():
        first = asked(database)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + IDLE_SECONDS_MAX)
        assert asked(database) != first


def test_no_more_than_a_few_stay_idle(database: Database) -> None:
    with kept_sessions():
        before = sessions_open(database)
        opened = [database.connect() for _ in range(IDLE_MAX + 2)]
        for block in opened:
            block.__enter__()
        assert len(sessions_open(database) - before) == len(opened)
        for block in opened:
            block.__exit__(None, None, None)
        assert len(sessions_open(database) - before) == IDLE_MAX


def _in_a_scope_of_its_own(database: Database) -> None:
    with kept_sessions():
        asked(database)


def test_threads_share_nothing(database: Database) -> None:
    with kept_sessions(), ThreadPoolExecutor(1) as other:
        here, before = get_ident(), asked(database)
        assert other.submit(get_ident).result() != here
        there = {other.submit(asked, database).result() for _ in range(2)}
        assert len(there) == 2
        assert before not in there
        block = database.connect()
        assert value(block.__enter__(), SESSION) == before
        other.submit(block.__exit__, None, None, None).result()
        after = asked(database)
        assert after != before  # one that another thread has left is closed
        other.submit(_in_a_scope_of_its_own, database).result()
        assert asked(database) == after


def test_a_forked_process_opens_its_own_and_ends_none_of_its_parents(database: Database) -> None:
    with kept_sessions():
        before = asked(database)
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                with kept_sessions():
                    seen = [asked(database), asked(database)]
                os.write(theirs, f"{before in seen} {len({*seen})}".encode())
            finally:
                os._exit(0)
        os.close(theirs)
        os.waitpid(child, 0)
        assert os.read(ours, 100) == b"False 1"
        os.close(ours)
        assert asked(database) == before


def test_a_forked_process_that_leaves_the_scope_ends_no_session_of_its_parent(database: Database) -> None:
    scope = kept_sessions()
    scope.__enter__()
    before = asked(database)
    child = os.fork()
    if child == 0:
        try:
            scope.__exit__(None, None, None)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert asked(database) == before
    scope.__exit__(None, None, None)
    assert before not in sessions_open(database)
