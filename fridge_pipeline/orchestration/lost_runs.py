"""Runs whose process has ended before they have, looked up without Dagster: who keeps services up looks all the time.

Dagster's default launcher cannot tell (it gives such a run up after ``max_runtime_seconds``, six hours). Until
then the run would keep a place in the queue and block its hours. Told that it failed, Dagster retries it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress
from typing import NamedTuple

import psutil
import psycopg

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.queries import statement
from fridge_pipeline.orchestration.instance import storage_dsn

#: The process that a run works in, when that is not one of the services of ``fridge up``.
PROCESS_TAG = "fridge/process"

#: Dagster takes two seconds to import, and up to ten to answer.
DAGSTER_SECONDS_MAX = 120


class DagsterCallError(RuntimeError):
    """Dagster could not do what it was asked to; the text is its own."""


class UnderWay(NamedTuple):
    """A run that has begun and not ended; the process that it says to work in, and whether it repeats another one."""

    run_id: str
    process: str | None
    is_repetition: bool


def this_process() -> str:
    """This process as a tag's value: machine, process id and start time, for process ids are used again."""
    return _describe(psutil.Process())


def make_storage(books: Database) -> Database:
    """Dagster's database; has Dagster make its tables where they are missing, before several services begin to."""
    storage = Database(storage_dsn(books.dsn))
    books.create_beside(storage)
    try:
        runs_under_way(storage)
    except psycopg.errors.UndefinedTable:
        ask_dagster("storage")
    with storage.connect() as connection:
        connection.execute(statement("grant_metrics"))
    return storage


def runs_under_way(storage: Database) -> list[UnderWay]:
    """By Dagster's own tables."""
    with storage.read_only().connect() as connection:
        found = connection.execute(statement("runs_under_way"), {"process": PROCESS_TAG}).fetchall()
    return [UnderWay(*row) for row in found]


def find_lost_runs(storage: Database, *, code_server_ended: bool) -> list[str]:
    """The ids of the runs under way whose process has ended.

    Runs of ``fridge bill`` carry their process. All others work below the code server: they are lost when it,
    with everything it started, has ended (``code_server_ended``), and alive otherwise.
    """
    return [run.run_id for run in runs_under_way(storage) if _has_ended(run, code_server_ended=code_server_ended)]


def ask_dagster(*words: str) -> None:
    """Has a short-lived process ask Dagster, which would else stay in ours. Raises ``DagsterCallError``."""
    command = [sys.executable, "-W", "ignore", "-m", "fridge_pipeline.orchestration.runs", *words]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=DAGSTER_SECONDS_MAX, check=False)
    if asked.returncode:
        raise DagsterCallError(f"Dagster could not be asked ({words[0]}): {' '.join(asked.stderr.split())[-300:]}")


def _has_ended(run: UnderWay, *, code_server_ended: bool) -> bool:
    if run.process is None or run.is_repetition:  # a repetition has the tags of the run that it repeats
        return code_server_ended
    host, pid, _ = run.process.split("/")
    if host != socket.gethostname():
        return False  # another machine's: we cannot look
    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(int(pid))
        return found.status() == psutil.STATUS_ZOMBIE or _describe(found) != run.process
    return True


def _describe(process: psutil.Process) -> str:
    return f"{socket.gethostname()}/{process.pid}/{process.create_time():.0f}"
