"""The services that ``fridge up`` runs: each a process group of its own, watched, and stopped together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

STOP_SECONDS_MAX = 8.0
PAUSE_SECONDS = 0.1


@dataclass(slots=True)
class Service:
    """One process that is kept up; its output goes to ``log``."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Starts it in a session of its own, so that Ctrl-C reaches us first and we stop it in order."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end_of_log(self) -> str:
        """What it said last."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-1500:] if self.log.exists() else ""


class Services:
    """Several services and a record of their processes, so that a later start can end what a kill -9 left over."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._services: list[Service] = []

    def start(self, service: Service) -> None:
        """Starts a service and remembers its process group."""
        service.start()
        self._services.append(service)
        self._remember()

    def restart_dead(self) -> list[str]:
        """Starts again what has died; returns the names."""
        dead = [service for service in self._services if not service.is_running]
        for service in dead:
            service.start()
        if dead:
            self._remember()
        return [service.name for service in dead]

    def stop(self) -> None:
        """Stops all of them with everything they started, the newest first."""
        groups = [service.process.pid for service in reversed(self._services) if service.process is not None]
        stop_groups(groups)
        for service in self._services:
            if service.process is not None:
                service.process.wait()
        self._record.unlink(missing_ok=True)

    def stop_left_over(self) -> int:
        """Ends the services of an earlier start whose own end was violent; returns how many groups it found."""
        try:
            recorded = json.loads(self._record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return 0
        groups = [entry["pid"] for entry in recorded if _is_same_process(entry)]
        stop_groups(groups)
        self._record.unlink(missing_ok=True)
        return len(groups)

    def _remember(self) -> None:
        entries = [
            {"pid": service.process.pid, "started": psutil.Process(service.process.pid).create_time()}
            for service in self._services
            if service.process is not None and service.is_running
        ]
        self._record.write_text(json.dumps(entries), encoding="utf-8")


def _is_same_process(entry: Mapping[str, float]) -> bool:
    """Process ids are used again; a start time is not."""
    with suppress(psutil.NoSuchProcess):
        return abs(psutil.Process(int(entry["pid"])).create_time() - entry["started"]) < 1
    return False


def stop_groups(groups: Sequence[int]) -> None:
    """Asks process groups to end, and after a while makes them."""
    for group in groups:
        _signal_group(group, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while time.monotonic() < deadline and any(_group_lives(group) for group in groups):
        time.sleep(PAUSE_SECONDS)
    for group in groups:
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
