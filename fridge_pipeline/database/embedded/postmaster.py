"""The server process: found, started, awaited and ended, whatever state a crash left it in.

Not by PostgreSQL's own ``pg_ctl``: whatever process has the pid of a stale ``postmaster.pid`` by now it takes for the
server, and signals it; it waits for a zombie in vain; it starts by way of a shell, and looks ten times a second only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from psycopg import pq

from fridge_pipeline.database.embedded.cluster import ENVIRONMENT, as_argument
from fridge_pipeline.database.embedded.layout import (
    HOST,
    PRIVATE,
    SETTINGS,
    ServerStartError,
    ServerStopError,
    as_arguments,
)
from fridge_pipeline.database.embedded.logins import OWNER

if TYPE_CHECKING:
    from fridge_pipeline.database.embedded.cluster import Account
    from fridge_pipeline.database.embedded.layout import Layout

START_DEADLINE_S = 120.0  # crash recovery replays up to max_wal_size first
FAST_STOP_DEADLINE_S = 60.0  # writes every dirty page
IMMEDIATE_STOP_DEADLINE_S = 15.0
ORPHANS_PATIENCE_S = 5.0  # orphaned server processes notice within a moment, unless deep in a query
PAUSE_S = 0.01
PING_TIMEOUT_S = 2  # libpq's shortest
LOG_LIMIT_BYTES = 4_000_000
LOG_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class Record:
    """What ``postmaster.pid`` says: https://www.postgresql.org/docs/18/storage-file-layout.html."""

    pid: int
    port: int
    status: str

    @property
    def ready(self) -> bool:
        """Whether start-up and recovery are over."""
        return self.status == "ready"


def read_record(data: Path) -> Record | None:
    """The record of the server of a data directory; None when there is none, or not a whole one yet."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8 or not lines[0].strip().isdigit():  # noqa: PLR2004  # the status is line 8
        return Record(int(lines[0]), 0, "") if lines and lines[0].strip().isdigit() else None
    return Record(int(lines[0]), int(lines[3]), lines[7].strip())


def cluster_name(data: Path) -> str:
    """A name only this data directory has. Every process of its server shows it in its title.

    The working folder would tell as well, but in a container root may not read that of another user.
    """
    status = data.stat()
    return f"fridge-{status.st_dev:08x}-{status.st_ino:016x}"


def find(data: Path) -> psutil.Process | None:
    """The live server process of a data directory: a pid alone proves nothing, pids are used again."""
    record = read_record(data)
    if record is None:
        return None
    try:
        process = psutil.Process(record.pid)
    except psutil.NoSuchProcess:
        return None
    return process if serves(process, data) else None


def serves(process: psutil.Process, data: Path) -> bool:
    """Whether a process is alive (a zombie is not) and belongs to the server of a data directory."""
    try:
        with process.oneshot():
            if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
                return False
            if cluster_name(data) in " ".join(process.cmdline()):
                return True
            return Path(process.cwd()) == data.resolve()  # started by hand, without our name
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def start(layout: Layout, programs: Path, account: Account, port: int) -> None:
    """Start the server and wait until it answers. Raises ``ServerStartError`` with the end of its log."""
    own = {**SETTINGS, "port": str(port), "cluster_name": cluster_name(layout.data)}
    command = [str(programs / "postgres"), "-D", as_argument(account, layout.data)]
    log = _open_log(layout)
    try:
        log_start = os.fstat(log).st_size
        server = subprocess.Popen(
            [*command, *as_arguments(own)],
            cwd=layout.data,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C and the end of our terminal are not for the server
            **account.run_as(),
        )
    finally:
        os.close(log)
    process = psutil.Process(server.pid)
    # Somebody must take note of the server's end, or it stays as a zombie for as long as we live.
    threading.Thread(target=server.wait, name="embedded-server-reaper", daemon=True).start()
    if not wait_until_ready(layout, process, log_start):
        raise ServerStartError(f"PostgreSQL ended while starting on port {port}; {_log_end(layout, log_start)}")


def wait_until_ready(layout: Layout, process: psutil.Process, log_start: int = 0) -> bool:
    """Wait until the server accepts connections, through crash recovery too; False when it ends instead.

    Raises ``ServerStartError`` after ``START_DEADLINE_S``.
    """
    deadline = time.monotonic() + START_DEADLINE_S
    while serves(process, layout.data):
        record = read_record(layout.data)
        if record is not None and record.pid == process.pid and record.ready and _answers(record.port):
            return True
        if time.monotonic() > deadline:
            raise ServerStartError(
                f"PostgreSQL (pid {process.pid}) has not accepted connections for {START_DEADLINE_S:.0f} s; "
                + _log_end(layout, log_start)
            )
        time.sleep(PAUSE_S)
    return False


def stop(layout: Layout) -> bool:
    """End the server, if it runs, and whatever is left of it; says whether it ran.

    Open connections are cut and their transactions rolled back. Raises ``ServerStopError`` when a process
    does not end.
    """
    process = find(layout.data) if layout.data.exists() else None
    if process is not None:
        _signal([process], signal.SIGINT)  # "fast": https://www.postgresql.org/docs/18/server-shutdown.html
        if not _wait_for_end(layout.data, [process], FAST_STOP_DEADLINE_S):
            _signal([process], signal.SIGQUIT)  # "immediate": the next start recovers from the log
    clear_remains(layout.data)
    return process is not None


def clear_remains(data: Path) -> None:
    """Wait for the processes a dead server left behind, then remove its stale ``postmaster.pid``.

    PostgreSQL itself refuses to start while that file names a pid that exists, even when it is a zombie
    nobody reaps, or belongs to another program by now. Call it only when ``find`` finds no server. Raises
    ``ServerStopError`` when a process does not end.
    """
    if not data.exists():
        return
    remains = [process for process in psutil.process_iter() if serves(process, data)]
    if not _wait_for_end(data, remains, ORPHANS_PATIENCE_S):
        _signal([process for process in remains if serves(process, data)], signal.SIGQUIT)
        if not _wait_for_end(data, remains, IMMEDIATE_STOP_DEADLINE_S):
            pids = ", ".join(str(process.pid) for process in remains if serves(process, data))
            raise ServerStopError(f"PostgreSQL processes of {data} do not end: kill -9 {pids}, then try again")
    (data / "postmaster.pid").unlink(missing_ok=True)


def _answers(port: int) -> bool:
    """Whether a server lets clients in: PQping tells "still starting up" from "sign in, please"."""
    target = f"hostaddr={HOST} port={port} user={OWNER} dbname={OWNER}"
    options = f"sslmode=disable gssencmode=disable connect_timeout={PING_TIMEOUT_S}"
    return pq.PGconn.ping(f"{target} {options}".encode()) == pq.Ping.OK


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)  # checks that the pid is still the same process
        except psutil.NoSuchProcess:
            continue  # ended by itself meanwhile, which is what we want


def _wait_for_end(data: Path, processes: list[psutil.Process], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while any(serves(process, data) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_S)
    return True


def _open_log(layout: Layout) -> int:
    if layout.log.exists() and layout.log.stat().st_size > LOG_LIMIT_BYTES:
        layout.log.replace(layout.previous_log)
    return os.open(layout.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE)


def _log_end(layout: Layout, log_start: int) -> str:
    with layout.log.open("rb") as file:
        file.seek(log_start)
        lines = file.read().decode(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return f"its log {layout.log} ends with:\n" + "\n".join(lines)
