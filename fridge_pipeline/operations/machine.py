"""This machine: room on its disks, who has a port, which packages are there, and a limit to memory."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+) *(;.*?)?\\?$")
_ANSWER_SECONDS = 2.0


def free_bytes(folder: Path) -> int:
    """Room on the disk of a folder, or of the nearest one above it that exists."""
    return shutil.disk_usage(_nearest_existing(folder)).free


def may_write(folder: Path) -> bool:
    """Whether we may put files into a folder, or make it."""
    existing = _nearest_existing(folder)
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _nearest_existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def port_holder(host: str, port: int) -> str | None:
    """Who answers on a port, as far as it can be told; ``None`` when nobody does."""
    with socket.socket() as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return None
    import requests  # noqa: PLC0415 # only asked where somebody answers

    with requests.Session() as session, suppress(requests.RequestException, ValueError, KeyError, TypeError):
        session.trust_env = False  # no proxy stands between us and ourselves
        told = session.get(f"http://{host}:{port}/server_info", timeout=_ANSWER_SECONDS).json()
        return f"Dagster's UI {told['dagster_webserver_version']}"
    return "another program"


def pinned_versions(requirements: Path) -> dict[str, str]:
    """Package → version in a file of pinned requirements; those for some machines only are left out."""
    found = {}
    for line in requirements.read_text(encoding="utf-8").splitlines():
        match = _PINNED.match(line)
        if match and not match[3]:
            found[match[1]] = match[2]
    return found


def installed_versions(names: list[str]) -> dict[str, str]:
    """Package → version of those that are installed here."""
    found = {}
    for name in names:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


_STATUS = Path("/proc/self/status")


@contextmanager
def memory_bounded(more_bytes: int) -> Iterator[None]:
    """Lets the process take so much memory more than it has, and not a byte beyond: that raises ``MemoryError``.

    By the kernel, so whatever library takes it; where the kernel is not Linux there is no limit. RLIMIT_DATA counts all
    private writable memory since Linux 4.7: https://man7.org/linux/man-pages/man2/getrlimit.2.html
    """
    if not _STATUS.exists():
        yield
        return
    import resource  # noqa: PLC0415 # not on every system

    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _data_bytes() + more_bytes
    bounds = [each for each in (before, most, wanted) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))


def _data_bytes() -> int:
    """Private writable memory of this process now."""
    fields = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="ascii").splitlines())
    return int(fields["VmData"].split()[0]) * 1024
