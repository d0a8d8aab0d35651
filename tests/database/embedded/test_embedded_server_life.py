"""The server is up exactly while somebody holds it or it is pinned."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, LiteralString

import psycopg

from fridge_pipeline.database.embedded import postmaster
from fridge_pipeline.database.embedded.server import EmbeddedServer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.database.embedded.conftest import StartHolder

COME_AND_GO = """
import sys
from pathlib import Path
import psycopg
from fridge_pipeline.database.embedded.server import EmbeddedServer
for _ in range(3):
    with EmbeddedServer(Path(sys.argv[1])).hold() as address, psycopg.connect(address.dsn()) as connection:
        connection.execute("insert into visits values (1)")
"""


def ask(dsn: str, question: LiteralString) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def server_pid(home: Path) -> int:
    record = postmaster.read_record(home / "data")
    assert record is not None
    return record.pid


def test_it_starts_from_nothing_with_durable_settings_and_two_databases_of_an_unprivileged_role(
    new_home: Path,
) -> None:
    server = EmbeddedServer(new_home)
    assert not server.is_running()
    with server.hold() as address:
        assert server.is_running()
        assert ask(address.dsn(), "select current_setting('server_version_num')::int / 10000") == 18
        assert ask(address.dsn(), "select current_database() || '/' || current_user") == "fridge/fridge"
        assert ask(address.dsn("fridge_dagster"), "select current_database()") == "fridge_dagster"
        owners = "select string_agg(datdba::regrole::text, ' ' order by datname) from pg_database where datname ~ '^f'"
        assert ask(address.dsn(), owners) == "fridge fridge_app"
        rights = "select (rolsuper, rolcreatedb, rolcreaterole)::text from pg_roles where rolname = 'fridge'"
        assert ask(address.dsn(), rights) == "(f,t,f)"
        durable = """select string_agg(name || '=' || setting, ' ' order by name) from pg_settings
            where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums')"""
        expected = "data_checksums=on fsync=on full_page_writes=on synchronous_commit=on"
        assert ask(address.dsn(), durable) == expected
        assert ask(address.dsn(), "select current_setting('listen_addresses')") == "127.0.0.1"
        assert ask(address.dsn(), "select upper('ä') || pg_encoding_to_char(encoding) from pg_database") == "ÄUTF8"
    assert not server.is_running()
    assert postmaster.read_record(new_home / "data") is None


def test_nobody_signs_in_without_the_password(home: Path) -> None:
    with EmbeddedServer(home).hold() as address:
        for role in ("fridge", "fridge_app", "fridge_finance", "fridge_metrics", "postgres"):
            for password in ("", "x", "postgres"):
                target = f"hostaddr=127.0.0.1 port={address.port} user={role} dbname=fridge"
                try:
                    psycopg.connect(f"{target} password='{password}'")
                except psycopg.OperationalError as error:
                    assert "password" in str(error)  # noqa: PT017  # pytest.raises would hide which role got in
                else:
                    raise AssertionError(f"{role} signed in with {password!r}")
        superuser = (home / "postgres.password").read_text().strip()
        dsn = f"postgresql://postgres:{superuser}@127.0.0.1:{address.port}/postgres"
        assert ask(dsn, "select rolsuper from pg_roles where rolname = current_user") is True
        stored = "select string_agg(substr(rolpassword, 1, 16), ' ') from pg_authid where rolpassword is not null"
        assert ask(dsn, stored) == " ".join(["SCRAM-SHA-256$1:"] * 5)


def test_a_second_process_attaches_to_the_same_server(home: Path, start_holder: StartHolder) -> None:
    with EmbeddedServer(home).hold() as address, start_holder(home) as other:
        assert other.answer() == {"port": address.port, "postmaster": server_pid(home)}
        other.leave()
        assert ask(address.dsn(), "select 1") == 1


def test_the_server_outlives_its_starter_while_another_process_holds_it(home: Path, start_holder: StartHolder) -> None:
    with start_holder(home) as first, ExitStack() as late:
        answer = first.answer()
        late.enter_context(EmbeddedServer(home).hold())
        first.leave()
        assert server_pid(home) == answer["postmaster"]
        assert EmbeddedServer(home).is_running()
        late.close()
        assert not EmbeddedServer(home).is_running()


def test_a_hold_inside_a_hold_stops_nothing_when_it_ends(home: Path) -> None:
    server = EmbeddedServer(home)
    with server.hold() as outer:
        with server.hold() as inner:
            assert inner == outer
        assert ask(outer.dsn(), "select 1") == 1
    assert not server.is_running()


def test_six_processes_that_start_at_once_end_with_one_server(new_home: Path, start_holder: StartHolder) -> None:
    with ExitStack() as stack:
        holders = [stack.enter_context(start_holder(new_home)) for _ in range(6)]
        answers = [holder.answer() for holder in holders]
        assert answers == [answers[0]] * 6
        for holder in holders[:-1]:
            holder.leave()
        assert server_pid(new_home) == answers[0]["postmaster"]
        holders[-1].leave()
    assert not EmbeddedServer(new_home).is_running()


def test_nobody_is_left_without_a_server_while_others_come_and_go(home: Path) -> None:
    with EmbeddedServer(home).hold() as address, psycopg.connect(address.dsn()) as connection:
        connection.execute("drop table if exists visits")
        connection.execute("create table visits (number int)")
    command = [sys.executable, "-c", COME_AND_GO, str(home)]
    visitors = [subprocess.Popen(command) for _ in range(4)]
    assert [visitor.wait(timeout=60) for visitor in visitors] == [0] * 4
    assert not EmbeddedServer(home).is_running()
    with EmbeddedServer(home).hold() as address:
        assert ask(address.dsn(), "select count(*) from visits") == 4 * 3


def test_a_pinned_server_survives_its_leavers_until_it_is_stopped(home: Path) -> None:
    server = EmbeddedServer(home)
    pinned = server.pin()
    with EmbeddedServer(home).hold() as address:
        assert address == pinned
    assert ask(pinned.dsn(), "select 1") == 1
    assert server.stop() is True
    assert not server.is_running()
    assert server.stop() is False
    with server.hold() as again:
        assert again.port == pinned.port
    assert not server.is_running()  # stop took the pin away


def test_an_explicit_stop_stops_a_held_server_and_says_so(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = EmbeddedServer(home)
    with server.hold() as address:
        assert EmbeddedServer(home).stop() is True
        assert "stopped while others held it" in caplog.text
        assert not server.is_running()
        assert server.ensure_running() == address
        assert ask(address.dsn(), "select 1") == 1


def test_a_server_that_is_unpinned_again_stops_with_its_last_holder(home: Path) -> None:
    server = EmbeddedServer(home)
    with server.hold():
        server.pin()
        assert server.is_pinned()
        server.unpin()
        assert not server.is_pinned()
        assert server.is_running()
    assert not server.is_running()


def test_a_home_of_a_version_without_a_login_for_daily_work_gets_one_that_owns_nothing_but_dagsters_database(
    new_home: Path,
) -> None:
    """Also while its server runs: `fridge db url` of that version keeps it up."""
    server = EmbeddedServer(new_home)
    with server.hold() as address:
        superuser = server.signed_in(address, "postgres")
        with psycopg.connect(superuser.dsn("fridge_dagster"), autocommit=True) as connection:  # back to that version
            connection.execute("alter database fridge_dagster owner to fridge")
            connection.execute("drop owned by fridge_app")
            connection.execute("drop role fridge_app")
        (new_home / "fridge_app.password").unlink()
        with psycopg.connect(address.dsn("fridge_dagster"), autocommit=True) as connection:
            connection.execute("create table runs (run_id serial primary key)")
        with server.hold() as again:
            daily = server.signed_in(again, "fridge_app")
        with psycopg.connect(daily.dsn("fridge_dagster")) as connection:
            connection.execute("alter table runs add column status text")
            connection.execute("insert into runs (status) values ('SUCCESS')")
        assert ask(daily.dsn(), "select count(*)::int from pg_class where relowner = 'fridge_app'::regrole") == 0
        is_member_of = """select string_agg(roleid::regrole::text, ' ') from pg_auth_members
            where member = 'fridge_app'::regrole"""
        assert ask(daily.dsn(), is_member_of) == "fridge_pipeline"
