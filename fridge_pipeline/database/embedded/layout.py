"""The files of the embedded server's home, its port, and what can go wrong with it.

::

    EmbeddedServerError
    ├── BinariesError        the PostgreSQL 18 programs are missing, or a copy of them cannot be trusted
    ├── DataDirectoryError   the home or its data directory cannot be used as it is
    ├── ServerStartError     the server did not become ready; carries the end of its log
    └── ServerStopError      the server did not end although it was told to
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from pathlib import Path

HOST = "127.0.0.1"

SETTINGS = {
    "listen_addresses": HOST,  # this machine only
    "unix_socket_directories": "",  # socket paths end at 107 characters, project paths do not
    "password_encryption": "scram-sha-256",
    # Iterations slow down guessing. Nobody guesses 256 random bits, and one instead of the usual 4096 halves the cost
    # of every new connection (3.8 ms instead of 7.2 ms measured).
    "scram_iterations": "1",
    "max_connections": "200",  # Dagster opens one per statement, next to webserver, daemon and runs
    "max_locks_per_transaction": "256",  # a query over years of partitions locks every one of them
    "shared_buffers": "256MB",  # the hot months of a laptop's data, without crowding out polars
    "max_wal_size": "2GB",  # a five-million-row load in one checkpoint, not in several
    "timezone": "UTC",  # hours are UTC hours
    "log_timezone": "UTC",
    "jit": "off",  # queries are short: compiling them costs more than it saves
    "log_min_messages": "warning",
    "log_checkpoints": "off",  # two lines every few minutes would be most of the log
    "fsync": "on",  # said aloud, because billing stands on it: what was committed survives a power cut
    "full_page_writes": "on",
    "synchronous_commit": "on",
}


def as_arguments(values: dict[str, str]) -> list[str]:
    """Settings as arguments of the ``postgres`` program."""
    return [part for name, value in values.items() for part in ("-c", f"{name}={value}")]


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot do what was asked; the text says why and what to do next."""


class BinariesError(EmbeddedServerError):
    """The PostgreSQL 18 programs are missing, or a copy of them cannot be trusted."""


class DataDirectoryError(EmbeddedServerError):
    """The home or its data directory cannot be used as it is."""


class ServerStartError(EmbeddedServerError):
    """The server did not become ready; the text carries the end of its log."""


class ServerStopError(EmbeddedServerError):
    """The server did not end although it was told to."""


PRIVATE = 0o600


class Layout:
    """The paths below one home; see the package's description for what each one holds."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.data = self.home / "data"
        self.unfinished_data = self.home / "data.new"
        self.port = self.home / "port"
        self.log = self.home / "server.log"
        self.previous_log = self.home / "server.log.1"
        self.holders_lock = self.home / "holders.lock"
        self.start_lock = self.home / "start.lock"
        self.pinned = self.home / "pinned"

    def password_file(self, role: str) -> Path:
        """Where the password of a role is kept."""
        return self.home / f"{role}.password"

    def prepare(self) -> None:
        """Make the home if need be. Raises ``DataDirectoryError`` when it belongs to somebody else."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner, me = self.home.stat().st_uid, os.geteuid()
        if me not in {0, owner}:
            raise DataDirectoryError(
                f"{self.home} belongs to user id {owner}, this process runs as {me}: "
                "run as that user, or set FRIDGE_HOME to a folder of your own"
            )


def write_durably(path: Path, text: str) -> None:
    """Replace a small file, mode 0600, whole or not at all, also across a power cut."""
    half = path.with_name(f"{path.name}.half")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  # takes over the descriptor
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a rename lives in the folder, not in the file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Below 30000 no kernel hands out ports to outgoing connections (Linux starts at 32768, macOS at 49152) and
# no Kubernetes node service sits, so the port is most likely still free after a restart.
FIRST_PORT, LAST_PORT = 20000, 29999
ATTEMPTS = 200

logger = logging.getLogger(__name__)


def choose_port(layout: Layout) -> int:
    """The kept port if it is free, else a new one, which is kept from then on; a change is logged."""
    kept = int(layout.port.read_text()) if layout.port.exists() else None
    if kept is not None and is_port_free(kept):
        return kept
    for _ in range(ATTEMPTS):
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT + 1)
        if is_port_free(port):
            break
    else:
        raise ServerStartError(f"none of {ATTEMPTS} ports tried from {FIRST_PORT} to {LAST_PORT} is free on {HOST}")
    write_durably(layout.port, f"{port}\n")
    if kept is not None:
        logger.warning("another program has taken port %d; the embedded PostgreSQL moves to port %d", kept, port)
    return port


def is_port_free(port: int) -> bool:
    """Whether a server could listen on a port of this machine now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
