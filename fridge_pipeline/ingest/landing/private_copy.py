"""A private copy of a landing file: what is hashed is exactly what is parsed, even while it is rewritten."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from fridge_pipeline.ingest.landing.landing_errors import LandingError, UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from fridge_pipeline.ingest.rules.landing_files import FileFormat

#: Most bytes a compressed file may unpack to. An hour of a million sensors with a reading a minute is
#: 4 GB of csv; a file that unpacks to more than this is a gzip bomb or a mistake, and would fill the disk.
PLAIN_BYTES_MAX = 16 * 2**30

#: How often a compressed file may hold its own size. Readings reach 10 to 60; gzip itself can do 1,030, and with it
#: 500 small files loaded at once could fill any disk. Small files may unpack to ``PLAIN_BYTES_FREE`` whatever they are.
PACKING_RATIO_MAX = 250
PLAIN_BYTES_FREE = 16 * 2**20

#: So many first bytes tell what a file is; the mark of a tar archive ends at byte 262.
START_BYTES = 512

_READ_BYTES = 2**18
_UNPACK_BYTES = 2**20  # at most this much plain data is in memory at once, whatever the compression ratio
_GZIP_WINDOW = 31  # zlib: 15 bits of window, plus 16 for a gzip header


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A private copy of a landing file; a context manager that deletes the copy.

    ``path`` is the copy, decompressed. ``content_hash`` (``sha256:<hex>``), ``size``, and ``start``, the first bytes,
    are of what was delivered. ``damage`` says what is wrong with the compression, and the copy then holds what could be
    decompressed up to there; None when nothing is.
    """

    path: Path
    content_hash: str
    size: int
    start: bytes
    damage: str | None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.path.unlink(missing_ok=True)


def take_snapshot(
    source: BinaryIO, directory: Path, file_format: FileFormat | None, plain_bytes_max: int = PLAIN_BYTES_MAX
) -> Snapshot:
    """Copy a file's bytes once into ``directory``, hashing and decompressing on the way, in flat memory.

    Raises ``UnreadableFileError`` when the source stops giving its bytes.
    """
    handle, name = tempfile.mkstemp(prefix="landing-", suffix=".snapshot", dir=directory)
    copy = Path(name)
    unpacker = _Gunzip(plain_bytes_max) if file_format is not None and file_format.is_gzip else None
    digest, size, start = hashlib.sha256(), 0, b""
    try:
        with os.fdopen(handle, "wb") as target:
            for delivered in _chunks(source):
                digest.update(delivered)
                size += len(delivered)
                start += delivered[: START_BYTES - len(start)]
                target.writelines(unpacker.plain(delivered) if unpacker else (delivered,))
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    damage = unpacker.damage_at_end(size) if unpacker else None
    return Snapshot(copy, f"sha256:{digest.hexdigest()}", size, start, damage)


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while True:
        try:
            chunk = source.read(_READ_BYTES)
        except LandingError:  # a store that gives bytes on request says itself what became of its file
            raise
        except OSError as error:
            raise UnreadableFileError(f"cannot read the file's bytes: {error.strerror}") from error
        if not chunk:
            return
        yield chunk


class _Gunzip:
    """Unpacks gzip members one after another and, after damage, remembers it and unpacks no more."""

    def __init__(self, plain_bytes_max: int) -> None:
        self._stream = zlib.decompressobj(_GZIP_WINDOW)
        self._plain_bytes_max = plain_bytes_max
        self._plain_bytes = 0
        self._packed_bytes = 0
        self._damage: str | None = None

    def plain(self, packed: bytes) -> Iterator[bytes]:
        """The plain bytes that this packed piece completes."""
        self._packed_bytes += len(packed)
        while packed and self._damage is None:
            if self._stream.eof:
                packed = packed.lstrip(b"\0")  # tapes and some tools pad the end with zeros, as gzip allows
                if not packed:
                    return
                self._stream = zlib.decompressobj(_GZIP_WINDOW)
            before = self._stream.copy()
            try:
                plain = self._stream.decompress(packed, _UNPACK_BYTES)
            except zlib.error as error:
                plain = _salvaged(before, packed)
                self._damage = f"damaged gzip after {self._plain_bytes + len(plain)} plain bytes: {error}"
            packed = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            yield self._within_limit(plain)

    def damage_at_end(self, packed_bytes: int) -> str | None:
        """What was wrong, now that no more packed bytes come."""
        if self._damage is None and packed_bytes and not self._stream.eof:
            return f"gzip cut off: its end marker is missing after {self._plain_bytes} plain bytes"
        return self._damage

    def _within_limit(self, plain: bytes) -> bytes:
        believable = max(PLAIN_BYTES_FREE, PACKING_RATIO_MAX * self._packed_bytes)
        limit = min(self._plain_bytes_max, believable)
        if len(plain) > limit - self._plain_bytes:
            plain = plain[: limit - self._plain_bytes]
            more = f", {PACKING_RATIO_MAX} times its size" if limit < self._plain_bytes_max else ""
            self._damage = f"gzip unpacks to more than the limit of {limit} bytes{more}"
        self._plain_bytes += len(plain)
        return plain


def _salvaged(stream: zlib._Decompress, packed: bytes) -> bytes:
    """What the stream gives before the byte it stumbles over; zlib itself drops the output of a failed call."""
    plain = bytearray()
    try:
        for at in range(len(packed)):
            plain += stream.decompress(packed[at : at + 1])
    except zlib.error:
        return bytes(plain)
    return bytes(plain)
