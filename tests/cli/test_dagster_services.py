from __future__ import annotations

import dataclasses
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from fridge_pipeline.cli import up
from fridge_pipeline.cli.dagster_services import HOST, ServiceStartError, listen_for, start_listening
from fridge_pipeline.cli.services import RESTART_SECONDS_MIN, Service, Services, free_port

#: Listens where it is told to, as Dagster's services do.
LISTENS = """
import socket, sys, time
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((sys.argv[2], int(sys.argv[4])))
server.listen()
time.sleep(60)
"""


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(tmp_path / "services.json")
    yield services
    services.stop()


def service(folder: Path, program: str) -> Service:
    return Service("webserver", [sys.executable, "-c", program], {}, folder / "webserver.log")


ANSWERS = """
import socket, sys
listener = socket.socket(fileno=int(sys.argv[2]))
listener.accept()[0].sendall(b"answered")
"""


def test_a_service_that_waits_to_be_called_has_no_process_until_then_and_begins_anew_after_its_end(
    services: Services, tmp_path: Path
) -> None:
    waiting = service(tmp_path, ANSWERS)
    with socket.create_server((HOST, 0)) as other:
        port = listen_for(services, waiting, other.getsockname()[1])
        assert port != other.getsockname()[1]
    services.start_called(0.01)
    assert not waiting.is_running
    for _ in range(2):
        with socket.create_connection((HOST, port)) as caller:
            services.start_called(10)
            assert caller.recv(100) == b"answered"
        assert waiting.process is not None
        waiting.process.wait()
        waiting.started_at -= RESTART_SECONDS_MIN  # as if it had begun before
        assert services.end_dead() == [waiting]
        assert services.end_dead() == []
    services.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port))


def test_a_service_that_works_in_a_child_answers_where_its_child_does(services: Services, tmp_path: Path) -> None:
    """As the code server does, which forks what serves."""
    forks = "import os, sys, time\nif os.fork(): time.sleep(60)\n" + LISTENS
    started = service(tmp_path, forks)
    port = start_listening(services, started, free_port(0))
    assert (started.port, started.is_listening) == (port, True)


@pytest.mark.parametrize("program", [LISTENS, "import time; time.sleep(60)\n" + LISTENS])
def test_a_service_whose_port_another_program_took_meanwhile_gets_another_one_and_says_so(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str], program: str
) -> None:
    """Whether it ends at once, or hangs on without its port."""
    if program is not LISTENS:
        program = LISTENS.replace("server.bind(", "int(sys.argv[4]) == TAKEN and time.sleep(60)\nserver.bind(")
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        started = service(tmp_path, program.replace("TAKEN", str(taken)))
        port = start_listening(services, started, taken)
        assert port != taken
        assert (started.port, started.is_listening) == (port, True)
        assert services.named("webserver") is started
    said = " ".join(capsys.readouterr().err.split())
    assert f"port {taken} was taken before webserver had it; it takes {port}" in said


def test_a_service_that_ends_for_another_reason_is_not_started_again(services: Services, tmp_path: Path) -> None:
    started = service(tmp_path, "print('started'); raise SystemExit('no such workspace')")
    with pytest.raises(ServiceStartError, match="no such workspace"):
        start_listening(services, started, free_port(0))
    assert started.end_of_log().count("no such workspace") == 1


def test_of_a_record_that_somebody_copied_or_wrote_only_what_was_started_by_it_is_ended(tmp_path: Path) -> None:
    record = tmp_path / "services.json"
    left, ours = Services(record), service(tmp_path, "import time; time.sleep(60)")
    left.start(ours)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        (entry,) = json.loads(record.read_text())
        foreign = {**entry, "pid": other.pid, "started": psutil.Process(other.pid).create_time()}
        record.write_text(json.dumps([foreign, entry]))
        assert Services(record).stop_left_over() == 1
        assert ours.process is not None
        assert ours.process.wait(10) == -signal.SIGTERM
        assert other.poll() is None
    finally:
        left.stop()
        other.kill()
        other.wait()


@pytest.mark.parametrize("left", ["", '[{"pid": 4'])
def test_a_record_that_a_power_cut_or_a_full_disk_cut_off_keeps_nobody_from_starting(tmp_path: Path, left: str) -> None:
    record = tmp_path / "services.json"
    record.write_text(left)
    assert Services(record).stop_left_over() == 0


def test_a_lost_run_that_waits_to_be_reported_is_counted_once_however_often_it_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(up, "find_lost_runs", lambda *_, **__: ["a", "b"])
    running: Any = up.Running
    started = running(*[None] * len(dataclasses.fields(running)[:-2]), lost=[])
    for code_server_ended in (True, False):
        started.find_lost(code_server_ended=code_server_ended)
    assert started.lost == ["a", "b"]
