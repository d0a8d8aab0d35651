"""The files of the embedded server's home, and the one way in which small files are written there."""

from __future__ import annotations

import os
from pathlib import Path

from fridge_pipeline.database.embedded.server_errors import DataDirectoryError

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
