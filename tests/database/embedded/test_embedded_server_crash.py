"""Whatever is killed, and whenever: the next one finds a server with everything that was committed."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from fridge_pipeline.database.embedded import postmaster
from fridge_pipeline.database.embedded.layout import ServerStartError
from fridge_pipeline.database.embedded.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.database.embedded.conftest import StartHolder

ENDLESS = "select count(*) from generate_series(1, 1000000000000)"


def server_pid(home: Path) -> int:
    record = postmaster.read_record(home / "data")
    assert record is not None
    return record.pid


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def write_one_row(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("drop table if exists kept")
        connection.execute("create table kept (number int)")
        connection.execute("insert into kept values (41)")


def read_rows(dsn: str) -> list[tuple[int]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("select number from kept").fetchall()


def test_after_a_killed_holder_the_next_to_leave_stops_the_server(home: Path, start_holder: StartHolder) -> None:
    with start_holder(home) as killed:
        answer = killed.answer()
        killed.process.kill()
        killed.process.wait()
    assert EmbeddedServer(home).is_running()
    with EmbeddedServer(home).hold() as address:
        assert (address.port, server_pid(home)) == (answer["port"], answer["postmaster"])
    assert not EmbeddedServer(home).is_running()


def test_a_killed_postmaster_comes_back_on_its_port_with_everything_committed(home: Path) -> None:
    server = EmbeddedServer(home)
    with server.hold() as address:
        write_one_row(address.dsn())
        before = server_pid(home)
        os.kill(before, signal.SIGKILL)
        assert server.ensure_running() == address
        assert server_pid(home) != before
        assert read_rows(address.dsn()) == [(41,)]
    assert not server.is_running()


def test_a_server_whose_backend_crashed_is_waited_for_not_started_twice(home: Path) -> None:
    server = EmbeddedServer(home)
    with server.hold() as address:
        write_one_row(address.dsn())
        before = server_pid(home)
        with psycopg.connect(address.dsn()) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            wait_for(lambda: not psutil.pid_exists(connection.info.backend_pid))
        assert server.ensure_running() == address
        assert server_pid(home) == before
        assert read_rows(address.dsn()) == [(41,)]


def test_a_killed_postmaster_that_nobody_reaps_does_not_block_the_next_start(
    home: Path, start_holder: StartHolder
) -> None:
    with start_holder(home) as parent:
        answer = parent.answer()
        os.kill(parent.process.pid, signal.SIGSTOP)  # the server's parent can no longer take note of its end
        stopped = psutil.Process(parent.process.pid)
        wait_for(lambda: stopped.status() == psutil.STATUS_STOPPED)  # a busy machine takes its time to stop it
        os.kill(answer["postmaster"], signal.SIGKILL)
        zombie = psutil.Process(answer["postmaster"])
        wait_for(lambda: zombie.status() == psutil.STATUS_ZOMBIE)
        with EmbeddedServer(home).hold() as address:
            assert zombie.status() == psutil.STATUS_ZOMBIE
            assert address.port == answer["port"]
            assert server_pid(home) != answer["postmaster"]
        os.kill(parent.process.pid, signal.SIGCONT)


def test_a_backend_deep_in_a_query_does_not_outlive_its_killed_postmaster(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postmaster, "ORPHANS_PATIENCE_S", 0.3)
    server = EmbeddedServer(home)
    with server.hold() as address, psycopg.connect(address.dsn()) as connection:
        backend = psutil.Process(connection.info.backend_pid)

        def ask() -> None:
            with pytest.raises(psycopg.OperationalError):
                connection.execute(ENDLESS)

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: "SELECT" in " ".join(backend.cmdline()))
        os.kill(server_pid(home), signal.SIGKILL)
        assert server.ensure_running() == address
        assert not postmaster.serves(backend, home / "data")
        asking.join(timeout=30)
        assert not asking.is_alive()


@pytest.mark.parametrize("made", ["PG_VERSION", "base/5"])
def test_a_kill_in_the_middle_of_initdb_leaves_nothing_half_made(
    new_home: Path, start_holder: StartHolder, made: str
) -> None:
    with start_holder(new_home) as killed:
        wait_for((new_home / "data.new" / made).exists)
        killed.process.kill()
        killed.process.wait()
        assert not (new_home / "data").exists()
    with EmbeddedServer(new_home).hold() as address:
        write_one_row(address.dsn())
        assert read_rows(address.dsn()) == [(41,)]
    assert not (new_home / "data.new").exists()


def test_a_pid_that_belongs_to_another_program_by_now_is_neither_trusted_nor_signalled(home: Path) -> None:
    with EmbeddedServer(home).hold() as address:
        record = (home / "data" / "postmaster.pid").read_text().splitlines()
    stale = "\n".join([str(os.getpid()), *record[1:]])
    (home / "data" / "postmaster.pid").write_text(stale)
    assert not EmbeddedServer(home).is_running()
    assert EmbeddedServer(home).stop() is False
    (home / "data" / "postmaster.pid").write_text(stale)
    with EmbeddedServer(home).hold() as again:
        assert again == address


def test_a_port_that_another_program_took_is_left_for_a_new_one_that_stays(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedServer(home).hold() as first:
        pass
    with socket.create_server(("127.0.0.1", first.port)):
        with EmbeddedServer(home).hold() as second:
            assert second.port != first.port
        assert f"another program has taken port {first.port}" in caplog.text
    with EmbeddedServer(home).hold() as third:
        assert third.port == second.port


def test_a_server_that_cannot_start_says_why_and_keeps_its_password(home: Path) -> None:
    with EmbeddedServer(home).hold() as address:
        pass
    changed = home / "data" / "postgresql.auto.conf"
    kept = changed.read_text()
    changed.write_text("shared_bufers = 1\n")
    try:
        with pytest.raises(ServerStartError) as caught, EmbeddedServer(home).hold():
            pass
    finally:
        changed.write_text(kept)
    assert str(home / "server.log") in str(caught.value)
    assert "shared_bufers" in str(caught.value)
    assert address.password not in str(caught.value)
    assert not EmbeddedServer(home).is_running()


def test_a_large_log_is_put_aside_when_the_server_starts(home: Path) -> None:
    (home / "server.log").write_bytes(b"x" * (postmaster.LOG_LIMIT_BYTES + 1))
    with EmbeddedServer(home).hold():
        assert (home / "server.log").stat().st_size < 10_000
        assert (home / "server.log.1").stat().st_size == postmaster.LOG_LIMIT_BYTES + 1
