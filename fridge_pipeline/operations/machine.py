"""This machine: room on its disks, who has a port, and which packages are installed."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import socket
from contextlib import suppress
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
