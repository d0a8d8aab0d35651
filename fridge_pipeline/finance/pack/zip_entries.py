"""The table of contents of a ZIP file, entry by entry, and the bytes of an entry: in as much memory for any number.

Python's own ``zipfile`` keeps a kilobyte for each entry, and a pack has a file for every tenant. The format is that of
APPNOTE.TXT 6.3 (PKWARE), of which packs use: stored and deflated entries, and the large form (ZIP64). Standard library
only.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_END, _END_64, _LOCATOR_64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_ENTRY, _LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
_COMMENT_MAX = 0xFFFF
_CHUNK = 2**18

#: Stand in the small form for what the large one says.
_LARGE_16, _LARGE_32 = 0xFFFF, 0xFFFFFFFF
_LARGE_FORM = 1

#: Bits of an entry's flags.
ENCRYPTED, _UTF8 = 0x1, 0x800

STORED, DEFLATED = 0, 8


class ZipDamageError(ValueError):
    """The bytes are no such file, or are not what its table of contents says."""


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """An entry as the table of contents has it; ``offset`` is where its local header begins."""

    name: str
    method: int
    flags: int
    crc: int
    packed_bytes: int
    unpacked_bytes: int
    offset: int


def zip_entries(stream: BinaryIO, size: int) -> tuple[int, Iterator[ZipEntry]]:
    """How many entries there are said to be, and each in order. Raises ``ZipDamageError``, also later on."""
    count, start, length = _table_of_contents(stream, size)
    return count, _entries(stream, count, start, length)


def _table_of_contents(stream: BinaryIO, size: int) -> tuple[int, int, int]:
    """Number of entries, and where their table begins and how long it is: it ends where the end record begins."""
    tail = min(size, _END.size + _COMMENT_MAX)
    stream.seek(size - tail)
    last = stream.read(tail)
    at = last.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(last):
        raise ZipDamageError("it has no end record")
    _, disk, first, here, count, length, start, comment = _END.unpack_from(last, at)
    if at + _END.size + comment != len(last):
        raise ZipDamageError("something follows its end")
    if (disk, first) != (0, 0) or here != count:
        raise ZipDamageError("it is one of several parts")
    end = size - tail + at
    if count == _LARGE_16 or _LARGE_32 in {length, start}:
        end, count, length, start = _large_end(stream, end)
    if start + length != end:
        raise ZipDamageError("its table of contents is not where its end says")
    return count, start, length


def _large_end(stream: BinaryIO, end: int) -> tuple[int, int, int, int]:
    stream.seek(max(end - _LOCATOR_64.size, 0))
    locator = stream.read(_LOCATOR_64.size)
    if len(locator) < _LOCATOR_64.size or locator[:4] != b"PK\x06\x07":
        raise ZipDamageError("it lacks the record of its large form")
    _, _, where, _ = _LOCATOR_64.unpack(locator)
    if where + _END_64.size + _LOCATOR_64.size > end:
        raise ZipDamageError("the record of its large form is not there")
    stream.seek(where)
    signature, _, _, _, _, _, _, count, length, start = _END_64.unpack(stream.read(_END_64.size))
    if signature != b"PK\x06\x06":
        raise ZipDamageError("the record of its large form is not there")
    return where, count, length, start


def _entries(stream: BinaryIO, count: int, start: int, length: int) -> Iterator[ZipEntry]:
    table, position = b"", start
    end, number = start + length, 0
    while position < end or table:
        if len(table) < _ENTRY.size + 3 * _COMMENT_MAX and position < end:
            stream.seek(position)  # others read between two entries
            more = stream.read(min(_CHUNK, end - position))
            if not more:
                raise ZipDamageError("it ends within its table of contents")
            table, position = table + more, position + len(more)
            continue
        entry, taken = _entry(table)
        if entry.offset + entry.packed_bytes > start:
            raise ZipDamageError("an entry of it is said to lie beyond them all")
        table, number = table[taken:], number + 1
        yield entry
    if number != count:
        raise ZipDamageError(f"its table of contents has {number} entries, its end says {count}")


def _entry(table: bytes) -> tuple[ZipEntry, int]:
    if len(table) < _ENTRY.size or table[:4] != b"PK\x01\x02":
        raise ZipDamageError("its table of contents is damaged")
    (_, _, _, flags, method, _, _, crc, packed, unpacked, names, extras, comments, _, _, _, offset) = (
        _ENTRY.unpack_from(table)
    )
    taken = _ENTRY.size + names + extras + comments
    if len(table) < taken:
        raise ZipDamageError("its table of contents is damaged")
    raw = table[_ENTRY.size : _ENTRY.size + names]
    extra = table[_ENTRY.size + names : _ENTRY.size + names + extras]
    unpacked, packed, offset = _large_numbers(extra, unpacked, packed, offset)
    return ZipEntry(_name(raw, flags), method, flags, crc, packed, unpacked, offset), taken


def _name(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError as error:
        raise ZipDamageError(f"a name in it is no UTF-8: {error}") from None


def _large_numbers(extra: bytes, *numbers: int) -> tuple[int, int, int]:
    """Sizes and offset: those that the small form cannot hold stand in a field of their own, in this order."""
    found = list(numbers)
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + length]
        at += 4 + length
        if kind != _LARGE_FORM:
            continue
        for place, number in enumerate(found):
            if number == _LARGE_32:
                if len(field) < 8:  # noqa: PLR2004 # bytes of a number of the large form
                    raise ZipDamageError("the large form of an entry is damaged")
                found[place], field = struct.unpack_from("<Q", field)[0], field[8:]
    return found[0], found[1], found[2]


class ZipEntryStream(io.RawIOBase):
    """The unpacked bytes of an entry, in pieces; at their end it is known whether they are what the table says."""

    def __init__(self, stream: BinaryIO, entry: ZipEntry) -> None:
        super().__init__()
        self._stream, self._entry = stream, entry
        self._at = _data_of(stream, entry)
        self._left = entry.packed_bytes
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS) if entry.method == DEFLATED else None
        self._waiting = b""
        self._crc, self._given = 0, 0

    def readable(self) -> bool:
        """For the reader around it."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # any buffer, says the base class
        """Fills the buffer as far as there is something. Raises ``ZipDamageError``."""
        piece = self._piece(len(buffer))
        self._given += len(piece)
        self._crc = zlib.crc32(piece, self._crc)
        if self._given > self._entry.unpacked_bytes:
            raise ZipDamageError(f"it is longer than the {self._entry.unpacked_bytes} bytes that are said")
        if not piece and (self._given, self._crc) != (self._entry.unpacked_bytes, self._entry.crc):
            raise ZipDamageError("its checksum or its length is another one")
        buffer[: len(piece)] = piece
        return len(piece)

    def _piece(self, most: int) -> bytes:
        """At most so many bytes; none at the end."""
        if self._inflate is None:
            return self._packed(most)
        while not self._inflate.eof:
            try:
                piece = self._inflate.decompress(self._waiting, most)
            except zlib.error as error:
                raise ZipDamageError(f"{error}") from None
            self._waiting = self._inflate.unconsumed_tail
            if piece or self._inflate.eof:
                return piece
            self._waiting = self._waiting or self._packed(_CHUNK)
            if not self._waiting:
                raise ZipDamageError("it ends before it is unpacked")
        return b""

    def _packed(self, most: int) -> bytes:
        self._stream.seek(self._at)
        piece = self._stream.read(min(most, self._left))
        self._at, self._left = self._at + len(piece), self._left - len(piece)
        return piece


def _data_of(stream: BinaryIO, entry: ZipEntry) -> int:
    """Where an entry's bytes begin. Its local header must have the name that the table of contents has."""
    stream.seek(entry.offset)
    header = stream.read(_LOCAL.size)
    if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
        raise ZipDamageError("its local header is not where the table of contents says")
    flags, names, extras = header[6] | header[7] << 8, *struct.unpack_from("<HH", header, 26)
    if _name(stream.read(names), flags) != entry.name:
        raise ZipDamageError("its local header has another name than the table of contents")
    return entry.offset + _LOCAL.size + int(names) + int(extras)
