"""Kernel locks on files: they end with the process that has them, however it ends.

``flock`` belongs to the open file, so two openings in one process count as two holders, and a lock that
was handed to a child (``pass_fds``) lasts until the child has ended too.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_PATIENCE_S = 300.0  # longer than one start (120 s) and one stop (75 s) that may be before us
PAUSE_S = 0.01
PRIVATE = 0o600  # lock files tell others who runs; nobody else need open them


class LockTimeoutError(TimeoutError):
    """Another process has kept a lock far longer than its work can take."""


@contextmanager
def shared(path: Path) -> Iterator[int]:
    """A shared lock, waited for; yields the open file so that ``is_alone`` can ask about it."""
    yield from _locked(path, fcntl.LOCK_SH)


@contextmanager
def exclusive(path: Path, patience: float = LOCK_PATIENCE_S) -> Iterator[int]:
    """An exclusive lock, waited for so long; yields the open file. Raises ``LockTimeoutError``."""
    yield from _locked(path, fcntl.LOCK_EX, patience)


def is_alone(descriptor: int) -> bool:
    """Try to turn the lock of an open file into an exclusive one, without waiting.

    True means that nobody else has it, and that nobody can take it until the file is closed. False gives
    up the lock that was there: of several who leave at once, the last to ask is told True.
    """
    return _try(descriptor, fcntl.LOCK_EX)


def is_held(path: Path) -> bool:
    """Whether anyone has a lock on the file just now."""
    descriptor = _open(path)
    try:
        return not _try(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(path: Path, kind: int, patience: float = LOCK_PATIENCE_S) -> Iterator[int]:
    descriptor = _open(path)
    try:
        deadline = time.monotonic() + patience
        while not _try(descriptor, kind):
            if time.monotonic() > deadline:
                raise LockTimeoutError(
                    f"another process has kept {path} locked for more than {patience:.0f} s: "
                    f"find it with 'lsof {path}' and end it, then try again"
                )
            time.sleep(PAUSE_S)
        yield descriptor
    finally:
        os.close(descriptor)
