"""Unpack a landing file that is compressed, in flat memory, and say what is wrong with its compression."""

from __future__ import annotations

import re
import zlib
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: How often a compressed file may hold its own size. Readings reach 10 to 60; gzip itself can do 1,030, and with it
#: 500 small files loaded at once could fill any disk. Small files may unpack to ``PLAIN_BYTES_FREE`` whatever they are.
PACKING_RATIO_MAX = 250
PLAIN_BYTES_FREE = 16 * 2**20

_UNPACK_BYTES = 2**20  # at most this much plain data is in memory at once, whatever the compression ratio
#: A frame of data, or one to be skipped, with which pzstd and seekable files begin (RFC 8878, 3.1).
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
_GZIP_WINDOW = 31  # zlib: 15 bits of window, plus 16 for a gzip header


class Packing(StrEnum):
    """How a landing file is compressed as a whole."""

    NONE = "not compressed"
    GZIP = "gzip"
    ZSTD = "zstd"

    @classmethod
    def of(cls, start: bytes) -> Packing:
        """What the first bytes of a file say (RFC 1952, RFC 8878)."""
        if start.startswith(b"\x1f\x8b"):
            return cls.GZIP
        return cls.ZSTD if _ZSTD.match(start) else cls.NONE


class _Unpacked:
    """The plain bytes of a compressed file, piece by piece; afterwards, in ``damage``, what is wrong with it.

    What could be unpacked before the damage comes; what the file holds behind it stays unread.
    """

    packing: Packing

    def __init__(self, packed: Iterator[bytes], plain_bytes_max: int) -> None:
        self._packed = packed
        self._plain_bytes_max = plain_bytes_max
        self._plain_bytes = 0
        self._packed_bytes = 0
        self.damage: str | None = None

    def __iter__(self) -> Iterator[bytes]:
        """The plain bytes, until the end or the damage."""
        raise NotImplementedError

    def _counted(self) -> Iterator[bytes]:
        for packed in self._packed:
            self._packed_bytes += len(packed)
            yield packed

    def _within_limit(self, plain: bytes) -> bytes:
        believable = max(PLAIN_BYTES_FREE, PACKING_RATIO_MAX * self._packed_bytes)
        limit = min(self._plain_bytes_max, believable)
        if len(plain) > limit - self._plain_bytes:
            plain = plain[: limit - self._plain_bytes]
            more = f", {PACKING_RATIO_MAX} times its size" if limit < self._plain_bytes_max else ""
            self.damage = f"{self.packing} unpacks to more than the limit of {limit} bytes{more}"
        self._plain_bytes += len(plain)
        return plain


class Gunzipped(_Unpacked):
    """Gzip members, one after another."""

    packing = Packing.GZIP

    def __iter__(self) -> Iterator[bytes]:
        """The plain bytes, until the end or the damage."""
        stream = zlib.decompressobj(_GZIP_WINDOW)
        for chunk in self._counted():
            packed = chunk
            while packed and self.damage is None:
                if stream.eof:
                    packed = packed.lstrip(b"\0")  # tapes and some tools pad the end with zeros, as gzip allows
                    if not packed:
                        break
                    stream = zlib.decompressobj(_GZIP_WINDOW)
                before = stream.copy()
                try:
                    plain = stream.decompress(packed, _UNPACK_BYTES)
                except zlib.error as error:
                    plain = _salvaged(before, packed)
                    self.damage = f"damaged gzip after {self._plain_bytes + len(plain)} plain bytes: {error}"
                packed = stream.unused_data if stream.eof else stream.unconsumed_tail
                yield self._within_limit(plain)
            if self.damage is not None:
                return
        if self._packed_bytes and not stream.eof:
            self.damage = f"gzip cut off: its end marker is missing after {self._plain_bytes} plain bytes"


class Unzstd(_Unpacked):
    """Zstandard frames, one after another."""

    packing = Packing.ZSTD

    def __iter__(self) -> Iterator[bytes]:
        """The plain bytes, until the end or the damage."""
        # Not before such a file is there: it brings pyarrow (see Database.connect_bulk), whose reader gives as much at
        # a time as it is asked for, however much a few bytes unpack to.
        import pyarrow as pa  # noqa: PLC0415

        stream = pa.CompressedInputStream(pa.PythonFile(_Reader(self._counted()), mode="r"), "zstd")
        while self.damage is None:
            try:
                plain = stream.read(_UNPACK_BYTES)
            except OSError as error:
                self.damage = f"damaged zstd after {self._plain_bytes} plain bytes or a little more: {error}"
                return
            if not plain:
                return
            yield self._within_limit(plain)


class _Reader:
    """Chunks as a file that is read from its start to its end."""

    closed = False

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes; none at the end."""
        if not self._rest:
            self._rest = next(self._chunks, b"")
        given, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return given

    def close(self) -> None:
        """Whoever made the chunks closes what they come from."""


#: How each is unpacked.
UNPACKED: dict[Packing, Callable[[Iterator[bytes], int], _Unpacked]] = {
    Packing.GZIP: Gunzipped,
    Packing.ZSTD: Unzstd,
}


def starting_with(size: int, chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """At least so many first bytes, where there are so many, and the chunks with these again."""
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= size:
            break
    return start, chain([start], chunks)


def _salvaged(stream: zlib._Decompress, packed: bytes) -> bytes:
    """What the stream gives before the byte it stumbles over; zlib itself drops the output of a failed call."""
    plain = bytearray()
    try:
        for at in range(len(packed)):
            plain += stream.decompress(packed[at : at + 1])
    except zlib.error:
        return bytes(plain)
    return bytes(plain)
