"""The machine as another local user sees it: what can be read, entered, connected to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

Addresses = set[tuple[str, int]]

#: What a process says that has ended, or that runs another program from now on.
CHANGED = (psutil.NoSuchProcess, psutil.AccessDenied)


def open_to_others(folder: Path) -> list[str]:
    """What somebody else can reach below the folder by its rights; links are not followed."""
    return [] if _closed(folder) else [str(folder), *_below(folder)]


def _below(folder: Path) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_symlink() or _closed(entry):
            continue
        yield str(entry)
        if entry.is_dir():
            yield from _below(entry)


def _closed(path: Path) -> bool:
    return not path.lstat().st_mode & (stat.S_IRWXO | stat.S_IRWXG)


def listening(processes: Iterable[psutil.Process]) -> Addresses:
    """The addresses at which these processes answer over TCP."""
    found: Addresses = set()
    for process in processes:
        with suppress(*CHANGED):
            sockets = process.net_connections("tcp")
            found |= {(each.laddr.ip, each.laddr.port) for each in sockets if each.status == psutil.CONN_LISTEN}
    return found


def command_lines(processes: Iterable[psutil.Process]) -> list[str]:
    """What everybody may read in /proc of those that still live."""
    found: list[str] = []
    for process in processes:
        with suppress(*CHANGED):
            found.append(" ".join(process.cmdline()))
    return found


def socket_files(processes: Iterable[psutil.Process]) -> set[Path]:
    """The sockets in the file system that these processes listen on."""
    found: set[Path] = set()
    for process in processes:
        with suppress(*CHANGED):
            names = [str(each.laddr) for each in process.net_connections("unix")]
            found |= {Path(name) for name in names if name.startswith(os.sep) and Path(name).is_socket()}
    return found


def may_connect(path: Path) -> bool:
    """Whether the rights of a socket, or of a folder above it, let somebody else connect (unix(7): to write)."""
    enters = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
    return bool(enters and path.stat().st_mode & stat.S_IWOTH)
