"""Processes forked on demand, as Dagster's code server uses them: in real processes, which are killed for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.live.running_fridge import wait_until

#: Serves once what its argument names, and says what came of it.
PROGRAM = """
import json, os, queue, signal, sys, threading, time
import fridge_pipeline.orchestration.forked_runs as forked_runs

def said(heard, process):
    while True:
        may_say_more = process.is_alive()
        try:
            return heard.get_nowait()
        except queue.Empty:
            if not may_say_more:
                raise
            time.sleep(0.01)

def work(word, heard, end):
    heard.put([word, os.environ.get("SET_BY_THE_SERVER"), threading.active_count(), os.getpid()])
    if word == "waits":
        end.wait()
        sys.exit(3)

def fails(heard, end):
    raise ValueError("no")

def run(forks, target, *args):
    heard, end = forks.Queue(), forks.Event()
    process = forks.Process(target=target, args=[*args, heard, end])
    process.start()
    return process, heard, end

def ended(process):
    while process.is_alive():
        time.sleep(0.01)
    return process.exitcode

def serve_none(forks):
    try:
        run(forks, work, "never")
    except OSError as error:
        print(error, flush=True)

def serve(forks):
    if sys.argv[1] == "ends":
        os._exit(5)
    os.environ["SET_BY_THE_SERVER"] = "yes"
    if sys.argv[1] == "runs":
        quick, heard, _ = run(forks, work, "quick")
        words = said(heard, quick)
        waits, heard, end = run(forks, work, "waits")
        said(heard, waits)
        assert not end.is_set()
        end.set()
        killed, heard, _ = run(forks, work, "waits")
        assert said(heard, killed)[3] == killed.pid
        os.kill(killed.pid, signal.SIGKILL)
        failed, _, _ = run(forks, fails)
        codes = [ended(each) for each in (quick, waits, killed, failed)]
        print(json.dumps([*words[:2], *codes]), flush=True)
        sys.exit(7)
    waits, heard, end = run(forks, work, "waits")
    said(heard, waits)
    print(json.dumps([os.getpid(), waits.pid]), flush=True)
    time.sleep(60)

def no_memory():
    raise OSError(12, "as the kernel says it")

if __name__ == "__main__":
    if sys.argv[1] == "no memory":
        fork = os.fork
        os.fork = lambda: setattr(os, "fork", no_memory) or fork()
        sys.exit(forked_runs.fork_server(serve_none))
    sys.exit(forked_runs.fork_server(serve))
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return [sys.executable, str(path)]


def test_each_run_says_how_it_ended_in_its_own_process_with_the_servers_environment(program: list[str]) -> None:
    done = subprocess.run([*program, "runs"], capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout) == ["quick", "yes", 0, 3, -signal.SIGKILL, 1]
    assert done.returncode == 7, "the server's own exit code"
    assert "ValueError: no" in done.stderr


def test_a_server_that_ends_at_once_ends_what_forks(program: list[str]) -> None:
    done = subprocess.run([*program, "ends"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 5


def test_without_memory_for_another_process_a_run_is_refused_and_the_server_lives_on(program: list[str]) -> None:
    done = subprocess.run([*program, "no memory"], capture_output=True, text=True, timeout=60, check=False)
    assert "no process for a run: Cannot allocate memory" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_when_the_server_ends_its_runs_are_told_to_end_and_so_does_what_forks(
    program: list[str], number: signal.Signals
) -> None:
    with subprocess.Popen([*program, "server"], stdout=subprocess.PIPE, text=True) as forks:
        assert forks.stdout is not None
        server, run = json.loads(forks.stdout.readline())
        os.kill(server, number)
        assert forks.wait(30) in {-number, 256 - number}
        wait_until("the run has ended", lambda: not psutil.pid_exists(run))


def test_what_forks_runs_has_one_thread_and_everything_imported() -> None:
    """A run would import for two seconds else; and a fork of a process with threads may hang."""
    asked = """
import sys, threading
from fridge_pipeline.orchestration import warm_code_server
before = set(sys.modules)
from dagster._core.execution.api import execute_run_iterator
from dagster._core.events.log import construct_event_logger
from fridge_pipeline.orchestration.dagster_storage import InstallationStorage
print(threading.active_count(), len([name for name in set(sys.modules) - before if name.startswith("fridge")]))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]


def test_a_run_puts_on_record_the_code_that_works_and_not_what_lies_on_the_disk_by_then() -> None:
    """After a pull without a restart a run was on record with a commit of which it had not a line in it."""
    asked = """
from fridge_pipeline.orchestration import warm_code_server
from fridge_pipeline.database import program, queries
from fridge_pipeline.settings import MODELS_FOLDER
program.source_sha256 = lambda *folders: "another source"
program.commit = lambda: "another commit"
queries.statements_in = lambda path: [("another", "select 1")]
made = program.program_identity(MODELS_FOLDER)
print(len(made["source_sha256"]), len(made["commit"]) > 20, len(queries.statements()) > 100)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["64", "True", "True"]
