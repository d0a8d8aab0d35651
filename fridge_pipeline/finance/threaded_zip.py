"""Writes a ZIP file whose entries are packed by several threads: the same entries give the same bytes."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

#: ZIP knows no earlier time.
FIXED_TIME = (1980, 1, 1, 0, 0, 0)

#: So much of an entry is packed by itself, and as many blocks as threads wait to be written.
BLOCK_BYTES = 2**20

#: Packing takes longer than anything else that is done to a file. The next level takes a third longer for a tenth less.
LEVEL = 1

_FILE_MODE = 0o100644 << 16
_UNIX = 3


class ThreadedZip:
    """An archive that is being written; see ``writing_zip``."""

    def __init__(self, archive: zipfile.ZipFile, packers: ThreadPoolExecutor, threads: int) -> None:
        self._archive, self._packers, self._threads = archive, packers, threads

    @contextmanager
    def entry(self, name: str, size: int = 0) -> Iterator[IO[bytes]]:
        """What is written into it becomes the file of that name; one of 2 GiB or more tells its ``size`` before."""
        entry = zipfile.ZipInfo(name, FIXED_TIME)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.create_system = _UNIX
        entry.external_attr = _FILE_MODE
        entry.file_size = size
        with self._archive.open(entry, "w") as packed:
            packed._compressor = _Blocks(self._packers, self._threads)  # type: ignore[attr-defined]  # noqa: SLF001
            yield packed


class _Blocks:
    """Takes the place of zlib's compressor: blocks of an entry, packed one beside the other and put one after another.

    Each ends on a byte, so that together they are one stream of deflate.
    """

    def __init__(self, packers: ThreadPoolExecutor, threads: int) -> None:
        self._packers, self._threads = packers, threads
        self._rest = b""
        self._packed: deque[Future[bytes]] = deque()

    def compress(self, piece: bytes) -> bytes:
        data, at = (self._rest + piece if self._rest else piece), 0
        done = []
        for at in range(BLOCK_BYTES, len(data), BLOCK_BYTES):
            block = bytes(memoryview(data)[at - BLOCK_BYTES : at])
            self._packed.append(self._packers.submit(_packed, block, zlib.Z_SYNC_FLUSH))
            done.append(self._done(self._threads))
        self._rest = bytes(memoryview(data)[at:])
        return b"".join(done)

    def flush(self) -> bytes:
        last = _packed(self._rest, zlib.Z_FINISH)
        return self._done(0) + last

    def _done(self, waiting_max: int) -> bytes:
        """The next ones that are ready; waits while more than so many are under way."""
        done = []
        while self._packed and (len(self._packed) > waiting_max or self._packed[0].done()):
            done.append(self._packed.popleft().result())
        return b"".join(done)


def _packed(block: bytes, ending: int) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(block) + packer.flush(ending)


@contextmanager
def writing_zip(target: Path) -> Iterator[ThreadedZip]:
    """Makes a ZIP file, which is on the disk at the end."""
    threads = min(os.cpu_count() or 1, 4)
    with target.open("wb") as stream:
        with zipfile.ZipFile(stream, "w") as archive, ThreadPoolExecutor(threads, "pack") as packers:
            yield ThreadedZip(archive, packers, threads)
        stream.flush()
        os.fsync(stream.fileno())
