"""The services that ``fridge up`` runs: each a process group of its own, watched, and stopped together."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

STOP_SECONDS_MAX = 8.0
PAUSE_SECONDS = 0.1

#: A service that dies as soon as it starts is not started more often than this.
RESTART_SECONDS_MIN = 5.0

#: By which a service is known again as started by us: its number alone could be anybody's.
MARK = "FRIDGE_SERVICE_MARK"

#: As the standard library names it, where a service's own socket has that name.
Listener = socket.socket

#: What services write is for their owner alone, whatever the umask.
UMASK = 0o077


@dataclass(slots=True)
class Service:
    """One process that is kept up; its output goes to ``log`` or to ours. It answers on a port or socket, if any.

    With a ``listener``, which is ours and it inherits, it is started only once somebody has called.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path | None
    port: int | None = None
    socket: Path | None = None
    listener: Listener | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started_at: float = field(default=float("-inf"), init=False)

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    @property
    def is_listening(self) -> bool:
        """Whether it is this very process, or one that it works in, that answers where it should."""
        if self.process is None:
            return False
        if self.socket is not None:  # in a folder that is ours alone, and made anew at each start
            return _answers(self.socket)
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process = psutil.Process(self.process.pid)
            sockets = [each for one in (process, *process.children()) for each in one.net_connections("tcp")]
            return any(each.status == psutil.CONN_LISTEN and each.laddr.port == self.port for each in sockets)
        return False

    @property
    def location(self) -> str:
        """Where it answers, for people."""
        return f"port {self.port}" if self.socket is None else str(self.socket)

    def start(self) -> None:
        """Starts it in a session of its own, so that Ctrl-C reaches us first and we stop it in order."""
        self.started_at = time.monotonic()
        if self.socket is not None:
            self.socket.unlink(missing_ok=True)  # of one that was killed
        with self.log.open("ab") if self.log is not None else nullcontext() as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=UMASK,
                pass_fds=[self.listener.fileno()] if self.listener is not None else [],
            )

    def end(self) -> None:
        """Ends it with everything it started; a supervised service is then started again."""
        if self.process is not None:
            stop_groups([self.process.pid])

    def end_of_log(self) -> str:
        """What it said last."""
        if self.log is None or not self.log.exists():
            return ""
        return self.log.read_text(encoding="utf-8", errors="replace")[-1500:]


class Services:
    """Several services and a record of their processes, so that a later start can end what a kill -9 left over."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._services: list[Service] = []
        self._mark = secrets.token_hex()
        self._folders = ExitStack()

    def temporary_folder(self) -> Path:
        """A folder with a short path and a name that cannot be guessed, for its owner alone, until ``stop``."""
        return Path(self._folders.enter_context(tempfile.TemporaryDirectory(prefix="fridge-")))

    def start(self, service: Service) -> None:
        """Starts a service and remembers its process group."""
        service.environment = {**service.environment, MARK: self._mark}
        service.start()
        self._services.append(service)
        self._remember()

    def start_when_called(self, service: Service) -> None:
        """Has ``start_called`` start it, each time anew when it has ended."""
        service.environment = {**service.environment, MARK: self._mark}
        self._services.append(service)

    def start_called(self, patience: float) -> None:
        """Starts those that somebody calls within so many seconds."""
        soonest = time.monotonic() - RESTART_SECONDS_MIN
        idle = {
            service.listener: service
            for service in self._services
            if service.listener is not None and not service.is_running and service.started_at < soonest
        }
        if idle:
            called, _, _ = select.select(list(idle), [], [], patience)
        else:
            called = []
            time.sleep(patience)
        for listener in called:
            idle[listener].start()
        if called:
            self._remember()

    def named(self, name: str) -> Service:
        """The service of that name."""
        return next(service for service in self._services if service.name == name)

    def end_dead(self) -> list[Service]:
        """The services that have died, rid of what they started; to be started again with ``restart``.

        One that waits to be called is among them once: it is started again by the next call.
        """
        soonest = time.monotonic() - RESTART_SECONDS_MIN
        begun = [each for each in self._services if each.listener is None or each.process is not None]
        dead = [each for each in begun if each.started_at < soonest and not each.is_running]
        stop_groups([each.process.pid for each in dead if each.process is not None], patience=0)
        for service in dead:
            if service.process is not None:
                service.process.wait()
            if service.listener is not None:
                service.process = None
        return dead

    def restart(self, service: Service) -> None:
        """Starts a service again, as one that ``end_dead`` returned."""
        service.start()
        self._remember()

    def stop(self) -> None:
        """Stops all of them with everything they started, the newest first."""
        groups = [service.process.pid for service in reversed(self._services) if service.process is not None]
        stop_groups(groups)
        for service in self._services:
            if service.process is not None:
                service.process.wait()
            if service.socket is not None:
                service.socket.unlink(missing_ok=True)
            if service.listener is not None:
                service.listener.close()
        self._folders.close()
        self._record.unlink(missing_ok=True)

    def stop_left_over(self) -> int:
        """Ends the services of an earlier start whose own end was violent; returns how many groups it found."""
        try:
            recorded = json.loads(self._record.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # none, or half of one, as after a power cut or on a full disk
            return 0
        groups = [entry["pid"] for entry in recorded if _is_same_process(entry)]
        stop_groups(groups)
        self._record.unlink(missing_ok=True)
        return len(groups)

    def _remember(self) -> None:
        entries = [
            {
                "pid": service.process.pid,
                "started": psutil.Process(service.process.pid).create_time(),
                "mark": self._mark,
            }
            for service in self._services
            if service.process is not None and service.is_running
        ]
        self._record.write_text(json.dumps(entries), encoding="utf-8")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(FileNotFoundError, ConnectionRefusedError):
        probe.connect(str(path))
        return True
    return False


def _is_same_process(entry: Mapping[str, Any]) -> bool:
    """Process ids are used again, and a record may be another machine's: only what we started has our mark."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process = psutil.Process(int(entry["pid"]))
        is_as_old = abs(process.create_time() - entry["started"]) < 1
        return is_as_old and process.environ().get(MARK, "") == entry.get("mark")
    return False


def stop_groups(groups: Sequence[int], patience: float = STOP_SECONDS_MAX) -> None:
    """Asks process groups to end, and after so many seconds makes them."""
    for group in groups:
        _signal_group(group, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and any(_group_lives(group) for group in groups):
        time.sleep(PAUSE_SECONDS)
    for group in groups:
        _signal_group(group, signal.SIGKILL)


def kill_group(group: int) -> None:
    """Ends a process group at once."""
    _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _group_lives(group: int) -> bool:
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def free_port(preferred: int, host: str = "127.0.0.1") -> int:
    """The preferred port, or a free one when another program has it."""
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    raise OSError(f"no free port on {host}")
