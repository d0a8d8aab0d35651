"""An avro container file block by block, in flat memory: its schema, and the unpacked bytes of its records.

Laid out as in the specification of Avro 1.11, "Object Container Files". A block says how many bytes it has and no more,
so it is unpacked up to a limit.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from fridge_pipeline.ingest.landing.avro_schema import record_bytes_max
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError

#: Most bytes of a block, packed and unpacked; writers make blocks of 16 kB to 1 MB.
BLOCK_BYTES_MAX = 64 * 2**20
#: Most bytes of the header, which holds the schema.
HEADER_BYTES_MAX = 2**20

_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_CHECKSUM_BYTES = 4  # behind a block that is packed with snappy
_VARINT_BYTES_MAX = 10


@dataclass(frozen=True, slots=True)
class AvroBlock:
    """So many records, one after another."""

    records: int
    data: bytes


class AvroFile:
    """A container file that is read from its start."""

    def __init__(self, stream: BinaryIO) -> None:
        """Reads the header. Raises ``UnreadableFileError``."""
        self._stream = stream
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise UnreadableFileError("it is not an avro container file: its first bytes are not those of one")
        entries: dict[str, bytes] = {}
        held = 0
        while count := self._long():
            if count < 0:  # then its bytes are counted too
                count = -count
                self._long()
            for _ in range(count):
                name = self._bytes(HEADER_BYTES_MAX).decode(errors="replace")
                value = self._bytes(HEADER_BYTES_MAX)
                held += len(name) + len(value) + 1
                if held > HEADER_BYTES_MAX:
                    raise UnreadableFileError(f"a header of more than the limit of {HEADER_BYTES_MAX} bytes")
                entries[name] = value
        self._sync = self._exactly(_SYNC_BYTES)
        codec = entries.get("avro.codec", b"null").decode(errors="replace")
        if codec not in _UNPACK:
            raise UnreadableFileError(f"avro packed with {codec[:20]!r}; known are {', '.join(_UNPACK)}")
        self._unpack = _UNPACK[codec]
        try:
            self.schema: Any = json.loads(entries["avro.schema"])
        except (KeyError, ValueError, RecursionError) as error:
            raise UnreadableFileError("avro without a readable schema") from error
        #: So many bytes a record may have.
        self.record_bytes_max = record_bytes_max(self.schema)

    def blocks(self) -> Iterator[AvroBlock]:
        """Block after block. Raises ``UnreadableFileError`` where one is damaged or too large."""
        number = 0
        while first := self._stream.read(1):
            number += 1
            try:
                block = self._block(first)
            except (UnreadableFileError, zlib.error, OSError, ValueError) as error:
                raise UnreadableFileError(f"damaged avro in block {number}: {str(error)[:200]}") from error
            yield block

    def _block(self, first: bytes) -> AvroBlock:
        records = self._long(first)
        data = self._unpack(self._bytes(BLOCK_BYTES_MAX))
        if self._exactly(_SYNC_BYTES) != self._sync:
            raise UnreadableFileError("its end mark is wrong")
        if not 0 <= records <= len(data):
            raise UnreadableFileError(f"it claims {records} records in {len(data)} bytes")
        return AvroBlock(records, data)

    def _long(self, first: bytes = b"") -> int:
        value = 0
        for place in range(_VARINT_BYTES_MAX):
            byte = (first if first and not place else self._exactly(1))[0]
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:  # noqa: PLR2004  # the bit that says that more follow
                return (value >> 1) ^ -(value & 1)
        raise UnreadableFileError("a number has too many bytes")

    def _bytes(self, most: int) -> bytes:
        length = self._long()
        if not 0 <= length <= most:
            raise UnreadableFileError(f"a part of {length} bytes, more than the limit of {most}")
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        found = self._stream.read(count)
        if len(found) < count:
            raise UnreadableFileError("it is cut off")
        return found


def _inflated(packed: bytes) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = stream.decompress(packed, BLOCK_BYTES_MAX + 1)
    if not stream.eof:
        _refuse_large(len(plain))
        raise UnreadableFileError("its packed bytes are cut off")
    return plain


def _unsnapped(packed: bytes) -> bytes:
    import pyarrow as pa  # noqa: PLC0415  # see Database.connect_bulk

    body, size, shift = packed[:-_CHECKSUM_BYTES], 0, 0
    for byte in body[:5]:  # snappy begins with the length of what it holds
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004
            break
    _refuse_large(size)
    plain = bytes(pa.Codec("snappy").decompress(body, decompressed_size=size, asbytes=True))
    if zlib.crc32(plain).to_bytes(_CHECKSUM_BYTES, "big") != packed[-_CHECKSUM_BYTES:]:
        raise UnreadableFileError("its checksum is wrong")
    return plain


def _unzstd(packed: bytes) -> bytes:
    import pyarrow as pa  # noqa: PLC0415  # see Database.connect_bulk

    plain = bytes(pa.CompressedInputStream(pa.BufferReader(packed), "zstd").read(BLOCK_BYTES_MAX + 1))
    _refuse_large(len(plain))
    return plain


def _refuse_large(size: int) -> None:
    if size > BLOCK_BYTES_MAX:
        raise UnreadableFileError(f"it unpacks to {size} bytes or more, over the limit of {BLOCK_BYTES_MAX}")


_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": _inflated,
    "snappy": _unsnapped,
    "zstandard": _unzstd,
}
