#!/usr/bin/env python3
"""Check evidence packs of usage billing: python3 verify.py PACK.zip (--help says more).

Needs Python 3.11 or newer and nothing else; ssh-keygen for signatures, openssl for time stamps. Nobody edits this file:
it is made of the modules that `fridge verify` runs, whose text is below, one after the other:

    fridge_pipeline.finance.rules.evidence_format
        The format of an evidence pack: folder, manifest, tables, and what it says about itself.
    fridge_pipeline.finance.rules.evidence_chain
        The chain of all packs of a folder: none is missing, and each follows the one that it names.
    fridge_pipeline.finance.pack.description
        Reads what a pack says of itself, pack.json, in pieces: it has an entry for the file of every tenant.
    fridge_pipeline.finance.pack.zip_entries
        The table of contents of a ZIP file, entry by entry, and the bytes of an entry: in as much memory for any number.
    fridge_pipeline.finance.pack.pack_index
        What a pack has, lists and states, on the disk instead of in memory: a pack may be of any number of tenants.
    fridge_pipeline.finance.rules.evidence_rows
        The rows of a pack's CSV files: every row as wide as the first, none endless, and no field a spreadsheet would run.
    fridge_pipeline.finance.rules.evidence_figures
        The control figures of an evidence pack: sums over its CSV files that must agree with one another.
    fridge_pipeline.finance.pack.sums_on_disk
        The sums over a pack's tables, on the disk: there are as many as tenants and meters. Standard library only.
    fridge_pipeline.finance.pack.opening
        Opens a pack that anybody may have made: bounded in size, and nothing of it is unpacked by its own names.
    fridge_pipeline.finance.rules.evidence_signoffs
        Who signed the month of an evidence pack: the two people of the closing, as its table of sign-offs names them.
    fridge_pipeline.finance.pack.signature
        Signatures of packs by people's own keys: what ``ssh-keygen -Y`` makes and checks, over the manifest.
    fridge_pipeline.finance.pack.time_stamp
        Time stamps of packs (RFC 3161): an authority outside says since when a manifest has been what it is.
    fridge_pipeline.finance.rules.evidence_checks
        The results of the data tests in an evidence pack: what must be true of the books, and whether it was.
    fridge_pipeline.finance.rules.evidence_invoices
        The invoices and corrections of an evidence pack: every difference has its cause, every correction two people.
    fridge_pipeline.finance.rules.evidence_signed
        The signed figures of an evidence pack: its sums are what two people signed, and what came later says why.
    fridge_pipeline.finance.rules.evidence_sums
        Stripe's sums in an evidence pack: every hour of the tie-out shows exactly what Stripe answered.
    fridge_pipeline.finance.verify_evidence
        Verify: whether everything holds that an evidence pack says, and what is the first thing that does not.
    fridge_pipeline.finance.verify_chain
        Verify the chain: all packs of a folder, each by itself and all of them together. Standard library only.
    fridge_pipeline.operations.memory_limit
        A limit to the memory that this process takes, for work on what strangers have made. Standard library only.
    fridge_pipeline.visible
        Text from outside, shown as text: nothing in it moves a cursor, turns a line around or hides.
    fridge_pipeline.cli.verify_program
        What ``fridge verify`` does, as a program of its own, of the standard library alone: ``verify.py`` in every pack.
"""

import sys
import types

MODULES = {
"fridge_pipeline.finance.rules.evidence_format": r'''"""The format of an evidence pack: folder, manifest, tables, and what it says about itself.

Standard library only, and nothing of the rest of the program: what is written today must be checkable in seven years.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

FORMAT = "fridge-evidence/5"

#: Of earlier packs, which hold no sums of Stripe's: their tie-out says what it says.
WITHOUT_SUMS = frozenset({"fridge-evidence/1", "fridge-evidence/2"})

#: Of earlier packs, whose texts stand in their CSV files as they are, and which hold no results of data tests.
WITHOUT_CHECKS = WITHOUT_SUMS | {"fridge-evidence/3"}

#: Of earlier packs, which hold the figures of their own time: nothing says that they are the signed ones.
WITHOUT_SIGNED = WITHOUT_SUMS | {"fridge-evidence/3"}

#: Of earlier packs, which hold neither invoices nor corrections.
WITHOUT_INVOICES = WITHOUT_CHECKS | {"fridge-evidence/4"}

#: Packs of the first format hold each table as Parquet too: files of whose bytes the manifest has the hash.
FORMATS = (FORMAT, "fridge-evidence/4", "fridge-evidence/3", "fridge-evidence/2", "fridge-evidence/1")

MANIFEST = "MANIFEST.sha256"
DESCRIPTION = "pack.json"
README = "README.txt"
DRAFT_NOTE = "DRAFT.txt"

#: Where the tables and the statements lie within the pack's folder.
TABLES = "tables"
STATEMENTS = "statements"

#: What a spreadsheet takes for the beginning of a formula or cuts away before one.
FORMULA_BEGINS = "=+-@\t\r\n"

#: Stands before a text that begins like that, or with itself; spreadsheets take what follows for text.
_MARK = "'"

#: Where a closed month's pack has what came after its signature.
ANNEX = "annex"

#: Longer than a hash and any path that a file system takes.
MANIFEST_LINE_CHARACTERS_MAX = 4_200

_FOLDER = "fridge-evidence-"
_MANIFEST_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<path>[^\x00-\x1f\\]+)")
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_NOT_PLAIN = re.compile(r"[^a-z0-9_-]+")

#: Names that no file can have on Windows, where an auditor may well unpack it.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


class DoesNotHoldError(ValueError):
    """Something in an evidence pack is not what it says; the text names the file and both values."""


class CannotVerifyError(RuntimeError):
    """Something that was asked for cannot be checked on this machine; the text says what it lacks."""


@dataclass(frozen=True, slots=True)
class PackLink:
    """A pack as the next month's pack knows it: its month and the SHA-256 of its manifest."""

    month: str
    manifest_sha256: str


def folder_of(month: str) -> str:
    """The one folder of a month's pack."""
    return f"{_FOLDER}{month}"


def month_of_folder(folder: str) -> str:
    """The month of a pack's folder. Raises ``DoesNotHoldError``."""
    month = folder.removeprefix(_FOLDER)
    if folder == month or re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month) is None:
        raise DoesNotHoldError(
            f"the folder in it is {folder!r}; that of an evidence pack is like {folder_of('2026-01')}"
        )
    return month


def statement_path(tenant_id: str) -> str:
    """The file of a tenant's statement: readable where it can be, safe on every system, never that of another tenant.

    A plain id is its own name. Any other loses what is not plain and gets part of its hash after a ``~``, which no
    plain id holds; so ``A/B`` and ``a:b`` are two files, also where case does not tell names apart.
    """
    if _PLAIN_NAME.fullmatch(tenant_id) and tenant_id not in _DEVICES:
        return f"{STATEMENTS}/{tenant_id}.csv"
    readable = _NOT_PLAIN.sub("_", tenant_id.lower()).strip("_-")[:40]
    digest = hashlib.sha256(tenant_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{STATEMENTS}/{readable or 'tenant'}~{digest}.csv"


def manifest_text(hashes: Mapping[str, str]) -> str:
    """The manifest as ``sha256sum`` writes and checks it: a line per file, sorted by path."""
    return "".join(f"{hashes[path]}  {path}\n" for path in sorted(hashes))


def manifest_lines(lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Number, path and SHA-256 of each line of a manifest. Raises ``DoesNotHoldError``."""
    number = 0
    for number, line in enumerate(lines, start=1):
        match = _MANIFEST_LINE.fullmatch(line.removesuffix("\n"))
        if match is None or len(line) > MANIFEST_LINE_CHARACTERS_MAX:
            raise DoesNotHoldError(f"{MANIFEST}, line {number}: {line[:100]!r} is not a SHA-256, two blanks and a path")
        require_safe(match["path"])
        yield number, match["path"], match["sha256"]
    if not number:
        raise DoesNotHoldError(f"{MANIFEST} lists no file")


def require_safe(path: str) -> None:
    """Raises ``DoesNotHoldError`` for a path that would leave the folder it is unpacked into."""
    parts = PurePosixPath(path).parts
    if not path or "\\" in path or ":" in path or path.startswith("/") or ".." in parts:
        raise DoesNotHoldError(f"the path {path!r} would be unpacked outside the pack's folder")
    if "/".join(parts) != path.removesuffix("/"):
        raise DoesNotHoldError(f"the path {path!r} is not in its short form, which is {'/'.join(parts)!r}")


def require_chained(month: str, stated: PackLink | None, previous: PackLink) -> None:
    """Raises ``DoesNotHoldError`` unless a month's pack names exactly that one as the pack before it."""
    if stated is None:
        raise DoesNotHoldError(
            f"the pack of {month} says that none came before it, but that of {previous.month} was given as the previous"
        )
    if stated.month != previous.month:
        raise DoesNotHoldError(
            f"the pack of {month} is chained to that of {stated.month}, but that of {previous.month} was given"
        )
    if stated.manifest_sha256 != previous.manifest_sha256:
        raise DoesNotHoldError(
            f"the pack of {month} is chained to another pack of {previous.month}: it names the manifest "
            f"{stated.manifest_sha256}, and that of the given pack is {previous.manifest_sha256}"
        )


def guarded(text: str) -> str:
    """A text as it stands in a CSV file, so that no spreadsheet runs it; ``fridge.csv_text`` does the same in SQL."""
    return f"{_MARK}{text}" if text.startswith((*FORMULA_BEGINS, _MARK)) else text


def csv_line(fields: Iterable[object]) -> str:
    """A row of a CSV file, in which every field that any program could take for several rows is in quotes.

    Python's own writer leaves a lone CR as it is where lines end in LF, and a spreadsheet begins a row behind it.
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(fields)
    return f"{line.getvalue()[:-2]}\n"


def unguarded(field: str) -> str:
    """The text that a field of a CSV file stands for."""
    return field.removeprefix(_MARK)


def table_path(name: str) -> str:
    """The CSV file of a table."""
    return f"{TABLES}/{name}.csv"


def draft_text(month: str) -> str:
    """What a draft says, loudly, in a file of its own and in all others that describe the pack."""
    return (
        f"DRAFT: {month} was not closed when this pack was made. Its numbers may still change, nobody has signed them, "
        "and no later pack is chained to it."
    )
''',
"fridge_pipeline.finance.rules.evidence_chain": r'''"""The chain of all packs of a folder: none is missing, and each follows the one that it names.

Standard library only, like the format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError, PackLink, require_chained


@dataclass(frozen=True, slots=True)
class ChainedPack:
    """A final pack of a folder: its file, its own link, and that of the pack which it says came before it."""

    name: str
    link: PackLink
    previous: PackLink | None


def require_whole(packs: Sequence[ChainedPack]) -> str:
    """What holds of all of them, in a sentence. Raises ``DoesNotHoldError`` at the first gap or break."""
    by_month: dict[str, list[ChainedPack]] = defaultdict(list)
    by_manifest: dict[str, ChainedPack] = {}
    for pack in packs:
        other = by_manifest.setdefault(pack.link.manifest_sha256, pack)
        if other is not pack:
            raise DoesNotHoldError(f"{other.name} and {pack.name} are the same pack")
        by_month[pack.link.month].append(pack)
    if not by_month:
        raise DoesNotHoldError("there is no pack of a closed month")
    first, last = min(by_month), max(by_month)
    for month in _months(first, last):
        if month not in by_month:
            raise DoesNotHoldError(f"the pack of {month} is missing: there are packs from {first} to {last}")
    for pack in packs:
        _require_follows(pack, first, by_manifest)
    again = [f"{month} has {len(found)} packs" for month, found in sorted(by_month.items()) if len(found) > 1]
    return f"the chain of {len(packs)} packs from {first} to {last} is whole" + (f"; {', '.join(again)}" * bool(again))


def _require_follows(pack: ChainedPack, first: str, by_manifest: dict[str, ChainedPack]) -> None:
    if pack.previous is None:
        if pack.link.month != first:
            raise DoesNotHoldError(f"{pack.name} says that no pack came before it, but there is one of {first}")
        return
    before = by_manifest.get(pack.previous.manifest_sha256)
    if before is None:
        raise DoesNotHoldError(
            f"{pack.name} is chained to a pack of {pack.previous.month} with the manifest "
            f"{pack.previous.manifest_sha256}, which is not there"
        )
    require_chained(pack.link.month, pack.previous, before.link)
    if before.link.month >= pack.link.month:
        raise DoesNotHoldError(f"{pack.name} is chained to {before.name}, which is not of an earlier month")


def _months(first: str, last: str) -> list[str]:
    def number(month: str) -> int:
        return int(month[:4]) * 12 + int(month[5:]) - 1

    return [f"{each // 12:04d}-{each % 12 + 1:02d}" for each in range(number(first), number(last) + 1)]
''',
"fridge_pipeline.finance.pack.description": r'''"""Reads what a pack says of itself, pack.json, in pieces: it has an entry for the file of every tenant.

Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fridge_pipeline.finance.rules.evidence_format import DESCRIPTION, DoesNotHoldError

#: The list that has an entry for every file; everything else is small by its nature.
FILES = "files"

#: What an entry of that list, and what any other value is at most.
VALUE_CHARACTERS_MAX = 2**20

_BLANKS = " \t\r\n"


def read_described(pieces: Iterable[str], note_file: Callable[[Any], None]) -> dict[str, Any]:
    """All that it says but its files, of which each is handed to ``note_file``. Raises ``DoesNotHoldError``."""
    text = _Json(pieces)
    said: dict[str, Any] = {}
    if text.ahead() != "{":
        text.value()
        raise DoesNotHoldError(f"{DESCRIPTION} is no JSON object")
    for _ in text.parts("{", "}"):
        name = text.value()
        text.take(":")
        if not isinstance(name, str) or name in said:
            raise DoesNotHoldError(f"{DESCRIPTION} says {str(name)[:40]!r} twice, or as no name")
        if name == FILES and text.ahead() == "[":
            said[name] = True
            for _ in text.parts("[", "]"):
                note_file(text.value())
        else:
            said[name] = text.value()
    if text.ahead():
        raise DoesNotHoldError(f"{DESCRIPTION} is no JSON: something follows its end")
    return said


class _Json:
    """A text of JSON of which only what is being read is in memory."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self._text, self._at = "", 0
        self._decoder = json.JSONDecoder()

    def ahead(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANKS:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, wanted: str) -> None:
        """Goes past one of these characters. Raises ``DoesNotHoldError`` when it is not there."""
        if (found := self.ahead()) == "" or found not in wanted:
            raise DoesNotHoldError(f"{DESCRIPTION} is no JSON: {found!r} stands where {wanted!r} belongs")
        self._at += 1

    def parts(self, begin: str, end: str) -> Iterator[None]:
        """Once for each part of a list or an object; whoever goes through it reads the part."""
        self.take(begin)
        if self.ahead() == end:
            self.take(end)
            return
        while True:
            yield
            if self.ahead() == end:
                self.take(end)
                return
            self.take(",")

    def value(self) -> Any:
        """The next value as a whole. Raises ``DoesNotHoldError`` for one that is too long or none."""
        self.ahead()
        while True:
            try:
                found, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > VALUE_CHARACTERS_MAX:
                    raise DoesNotHoldError(
                        f"{DESCRIPTION} has a value of more than {VALUE_CHARACTERS_MAX:,} characters, or none there"
                    ) from None
                if not self._more():
                    raise DoesNotHoldError(f"{DESCRIPTION} is no JSON: {error}") from None
                continue
            # A number may go on in what was not read yet.
            if end < len(self._text) or not self._more():
                self._at = end
                return found

    def _more(self) -> bool:
        piece = next(self._pieces, "")
        self._text, self._at = self._text[self._at :] + piece, 0
        return bool(piece)
''',
"fridge_pipeline.finance.pack.zip_entries": r'''"""The table of contents of a ZIP file, entry by entry, and the bytes of an entry: in as much memory for any number.

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
''',
"fridge_pipeline.finance.pack.pack_index": r'''"""What a pack has, lists and states, on the disk instead of in memory: a pack may be of any number of tenants.

A table of SQLite without a name: a file of its own that is gone when it is closed. Standard library only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from fridge_pipeline.finance.pack.zip_entries import ZipEntry
from fridge_pipeline.finance.rules.evidence_format import DESCRIPTION, MANIFEST, DoesNotHoldError

_TABLES = """
pragma journal_mode = off;
pragma synchronous = off;
pragma temp_store = file;
pragma cache_size = -4096;
create table found (
    path text primary key, folded text unique, method integer, flags integer, crc integer, packed integer,
    unpacked integer, at text
) without rowid;
create table listed (path text primary key, sha256 text) without rowid;
create table stated (path text primary key, rows text) without rowid;
create table sums (figure integer, tenant text, meter text, value text);
begin;
"""


@contextmanager
def index_on_disk() -> Iterator[sqlite3.Connection]:
    """An index of nothing yet; its file is in the folder for temporary files, and has no name there."""
    with closing(sqlite3.connect("", isolation_level=None)) as index:
        index.executescript(_TABLES)
        yield index


class PackIndex:
    """The files of a pack: those found in it, those that its manifest lists, those that its description states."""

    def __init__(self, index: sqlite3.Connection) -> None:
        self._index = index

    def find(self, path: str, entry: ZipEntry) -> None:
        """Notes a file that is in the pack; case does not tell two apart. Raises ``DoesNotHoldError``."""
        row = (entry.method, entry.flags, entry.crc, entry.packed_bytes, entry.unpacked_bytes, str(entry.offset))
        try:
            self._index.execute("insert into found values (?, ?, ?, ?, ?, ?, ?, ?)", (path, path.casefold(), *row))
        except sqlite3.IntegrityError:
            raise DoesNotHoldError(f"{path} is in the pack twice") from None

    def entry(self, path: str, name: str) -> ZipEntry | None:
        """A file that is in the pack."""
        row = self._index.execute(
            "select method, flags, crc, packed, unpacked, at from found where path = ?", (path,)
        ).fetchone()
        if row is None:
            return None
        method, flags, crc, packed, unpacked, at = row
        return ZipEntry(name, method, flags, crc, packed, unpacked, int(at))

    def paths(self, ending: str) -> Iterator[str]:
        """The files in the pack whose paths end so, sorted."""
        rows = self._index.execute(
            "select path from found where substr(path, -?1) = ?2 order by path", (len(ending), ending)
        )
        return (path for (path,) in rows)

    def list_file(self, path: str, sha256: str, line: int) -> None:
        """Notes a line of the manifest. Raises ``DoesNotHoldError``."""
        try:
            self._index.execute("insert into listed values (?, ?)", (path, sha256))
        except sqlite3.IntegrityError:
            raise DoesNotHoldError(f"{MANIFEST}, line {line}: {path} is listed twice") from None

    def listed(self) -> Iterator[tuple[str, str]]:
        """What the manifest lists: path and SHA-256, sorted."""
        yield from self._index.execute("select path, sha256 from listed order by path")

    def require_same_files(self) -> None:
        """Raises ``DoesNotHoldError`` unless the manifest's files and those in the pack are the same."""
        if missing := self._one("select path from listed where path not in (select path from found) order by path"):
            raise DoesNotHoldError(f"{missing} is missing: {MANIFEST} lists it, and it is not in the pack")
        if added := self._one(
            "select path from found where path not in (select path from listed) and path <> ? order by path", MANIFEST
        ):
            raise DoesNotHoldError(f"{added} was added: it is in the pack, and {MANIFEST} does not list it")

    def state_rows(self, path: str, rows: object) -> None:
        """Notes how many rows the description says that a file has. Raises ``DoesNotHoldError``."""
        try:
            self._index.execute("insert into stated values (?, ?)", (path, f"{rows}"))
        except sqlite3.IntegrityError:
            raise DoesNotHoldError(f"{DESCRIPTION} lists {path} twice") from None
        except UnicodeEncodeError:
            raise DoesNotHoldError(f"{DESCRIPTION} has half a character in what it says of {path}") from None

    def stated_rows(self, path: str) -> str | None:
        """How many it says, as it says it."""
        return self._one("select rows from stated where path = ?", path)

    def require_stated(self, ending: str) -> None:
        """Raises ``DoesNotHoldError`` unless the description states exactly the files in the pack that end so."""
        odd = self._one(
            "select path from (select path from found union all select path from stated)"
            " where substr(path, -?1) = ?2 group by path having count(*) = 1 order by path",
            len(ending),
            ending,
        )
        if odd:
            raise DoesNotHoldError(f"{odd} is either not in the pack or not among the files of {DESCRIPTION}")

    def _one(self, query: str, *values: object) -> str | None:
        row = self._index.execute(f"{query} limit 1", values).fetchone()
        return row[0] if row is not None else None
''',
"fridge_pipeline.finance.rules.evidence_rows": r'''"""The rows of a pack's CSV files: every row as wide as the first, none endless, and no field a spreadsheet would run.

Standard library only, like the format. A file is read in blocks of whole rows. Most have no quotes in them, so that
their lines are their rows, and a search of the whole block tells that no field begins like a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation, localcontext
from functools import cached_property

from fridge_pipeline.finance.rules.evidence_format import FORMULA_BEGINS, DoesNotHoldError

#: Beyond this a number is no quantity, and would take long to write out.
EXPONENT_MAX, NUMBER_CHARACTERS_MAX = 100, 250

#: As many digits as a sum of such numbers has, so that none is rounded away; Python's own are 28.
DIGITS = 500

#: What a row of a CSV file has at most: longer than any answer of Stripe or detail of an exception, and far from
#: filling the memory.
ROW_CHARACTERS_MAX = 2**20

#: So much text is looked at together.
BLOCK_CHARACTERS = 2**18

#: How a field without quotes begins like a formula, within a block.
_FORMULAS = tuple(f"{before}{begins}" for before in ",\n" for begins in FORMULA_BEGINS if begins not in "\r\n")


class Block:
    """Some whole rows of a file, behind ``before`` others; ``width`` is how many fields each has, once it is known."""

    def __init__(self, path: str, text: str, before: int, width: int | None) -> None:
        self._path, self._text, self._before, self.width = path, text, before, width
        self._is_plain = '"' not in text and "\r" not in text and text.endswith("\n")
        self._lines = text.split("\n")[:-1] if self._is_plain else []
        if len(text) > ROW_CHARACTERS_MAX and max(map(len, self._lines), default=0) > ROW_CHARACTERS_MAX:
            raise _too_long(path)

    @cached_property
    def rows(self) -> list[list[str]]:
        """Its rows. Raises ``DoesNotHoldError`` for one of another width, or none."""
        if self._is_plain:
            found = [line.split(",") if line else [] for line in self._lines]
        else:
            found = list(_careful(self._path, self._text, self._before))
        if found and self.width is None:
            self.width = len(found[0])
        if found and set(map(len, found)) != {self.width}:
            number, row = next(each for each in enumerate(found, self._before) if len(each[1]) != self.width)
            raise DoesNotHoldError(
                f"{self._path}, row {number}: {len(row)} fields where there are {self.width} columns"
            )
        return found

    @cached_property
    def count(self) -> int:
        """How many rows there are; the same is asked of each."""
        commas = {line.count(",") if line else -1 for line in self._lines}
        if self._is_plain and self.width is not None and commas <= {self.width - 1}:
            return len(self._lines)
        return len(self.rows)

    def require_guarded(self) -> None:
        """Raises ``DoesNotHoldError`` for a field that begins like a formula and is no number."""
        if self._is_plain and self._text[0] not in FORMULA_BEGINS and not any(map(self._text.__contains__, _FORMULAS)):
            return
        for number, row in enumerate(self.rows, self._before):
            for field in row:
                if field and field[0] in FORMULA_BEGINS and not _is_number(field):
                    raise DoesNotHoldError(
                        f"{self._path}, row {number}: {field[:40]!r} begins like a spreadsheet's formula"
                    )


def blocks_of_csv(path: str, pieces: Iterable[str]) -> Iterator[Block]:
    """The names of the columns and then every row; ``pieces`` are the file's text, however it is cut."""
    before, width = 0, None
    for text in _whole_rows(path, pieces):
        block = Block(path, text, before, width)
        yield block
        before, width = before + block.count, block.width


def rows_of_csv(path: str, pieces: Iterable[str]) -> Iterator[list[str]]:
    """The same row by row."""
    before, width = 0, None
    for text in _whole_rows(path, pieces):
        block = Block(path, text, before, width)
        yield from block.rows
        before, width = before + block.count, block.width


def named_rows(path: str, pieces: Iterable[str], names: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Every row behind the first by the names of some columns. Raises ``DoesNotHoldError`` where one is missing."""
    rows = rows_of_csv(path, pieces)
    columns = next(rows, [])
    if missing := sorted(set(names) - set(columns)):
        raise DoesNotHoldError(f"{path} has no column {', '.join(missing)}")
    places = [(name, columns.index(name)) for name in names]
    for row in rows:
        yield {name: row[place] for name, place in places}


def number_in(text: str) -> Decimal:
    """A quantity as a field has it: finite, and of a size that quantities have. Raises ``InvalidOperation``."""
    value = Decimal(text if len(text) <= NUMBER_CHARACTERS_MAX else "NaN")
    if not value.is_finite() or abs(value.adjusted()) > EXPONENT_MAX:
        raise InvalidOperation
    return value


@contextmanager
def exactly() -> Iterator[None]:
    """Within it sums and differences of numbers are what they are; also for a whole function, as ``@exactly()``."""
    with localcontext(prec=DIGITS):
        yield


def _is_number(text: str) -> bool:
    try:
        number_in(text)
    except InvalidOperation:
        return False
    return True


def _whole_rows(path: str, pieces: Iterable[str]) -> Iterator[str]:
    """The text, cut behind line ends that are not within quotes: up to them there are as many quotes as close."""
    waiting: list[str] = []
    characters = quotes = 0
    try:
        for piece in pieces:
            waiting.append(piece)
            characters, quotes = characters + len(piece), quotes + piece.count('"')
            if characters < BLOCK_CHARACTERS:
                continue
            text = "".join(waiting)
            end = _end_of_rows(text, quotes)
            if end:
                yield text[:end]
            rest = text[end:]
            if len(rest) > ROW_CHARACTERS_MAX:
                raise _too_long(path)
            waiting, characters, quotes = [rest], len(rest), rest.count('"')
    except UnicodeDecodeError as error:
        raise DoesNotHoldError(f"{path}: not readable as CSV: {error}") from error
    if characters:
        yield "".join(waiting)


def _end_of_rows(text: str, quotes: int) -> int:
    """Where the last row ends that is whole, of a text with so many quotes; 0 where none is."""
    looked_at, end = len(text), text.rfind("\n") + 1
    while end:
        quotes -= text.count('"', end, looked_at)
        if not quotes % 2:
            return end
        looked_at, end = end, text.rfind("\n", 0, end - 1) + 1
    return 0


def _too_long(path: str) -> DoesNotHoldError:
    return DoesNotHoldError(f"{path} has a row of more than {ROW_CHARACTERS_MAX:,} characters")


def _careful(path: str, text: str, before: int) -> Iterator[list[str]]:
    """Rows of any text, by the library's reader."""
    characters_of_row = 0

    def bounded() -> Iterator[str]:
        nonlocal characters_of_row
        for line in io.StringIO(text, newline=""):
            characters_of_row += len(line)
            if characters_of_row > ROW_CHARACTERS_MAX:
                raise _too_long(path)
            yield line

    csv.field_size_limit(ROW_CHARACTERS_MAX)
    reader = csv.reader(bounded(), strict=True)
    number = before
    try:
        for row in reader:
            characters_of_row = 0
            number += 1
            yield row
    except csv.Error as error:
        raise DoesNotHoldError(f"{path}, behind row {number}: not readable as CSV: {error}") from error
''',
"fridge_pipeline.finance.rules.evidence_figures": r'''"""The control figures of an evidence pack: sums over its CSV files that must agree with one another.

Standard library only, like the format: the same code sums when a pack is made and when it is verified.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from typing import Protocol

from fridge_pipeline.finance.rules.evidence_format import ANNEX, STATEMENTS, DoesNotHoldError
from fridge_pipeline.finance.rules.evidence_rows import blocks_of_csv, exactly, number_in

#: A tenant and a meter.
Key = tuple[str, str]

#: By tenant and meter; one that has no row, or only empty values, is not in it: missing is not zero.
Sums = dict[Key, Decimal]

#: So many sums of a table are kept at hand; more go where all are kept.
SUMS_AT_HAND = 10_000

#: What stands in a statement's day column in the line that sums up a meter.
TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Figure:
    """A column that is summed per tenant and meter; figures with the same ``agrees_on`` must be equal.

    ``only`` is a column that must say ``true`` for a row to count. One ``in_annex`` is of a pack that has one.
    """

    table: str
    column: str
    agrees_on: str | None = None
    only: str | None = None
    in_annex: bool = False

    @property
    def name(self) -> str:
        """As it stands in pack.json."""
        return f"{self.table}.{self.column}"


FIGURES = (
    Figure("usage_monthly", "quantity", "usage"),
    Figure("usage_daily", "quantity", "usage"),
    Figure("usage_hourly", "quantity", "usage"),
    Figure("tie_out", "usage_quantity", "usage"),
    Figure(STATEMENTS, "usage", "usage"),
    Figure("signed_figures", "signed_usage", "usage", in_annex=True),
    Figure("tie_out", "stated_quantity", "what was stated"),
    Figure(STATEMENTS, "stated", "what was stated"),
    Figure("tie_out", "stripe_quantity", "what Stripe shows"),
    Figure(STATEMENTS, "stripe", "what Stripe shows"),
    Figure("billing_ledger", "quantity", only="is_counted_by_stripe"),
)


class KeptSums(Protocol):
    """Where sums are kept, by the number of their figure in ``FIGURES``: there are as many as tenants and meters."""

    def add(self, figure: int, sums: Mapping[Key, Decimal]) -> None:
        """Adds to the sums of a figure."""

    def sums(self, figure: int) -> Iterator[tuple[Key, Decimal]]:
        """Each sum of a figure, by tenant and meter."""


class Tally:
    """The sums over all CSV files of a pack; ``is_guarded`` says whether no field of them may begin like a formula."""

    def __init__(self, kept: KeptSums, *, is_guarded: bool = True) -> None:
        self._kept = kept
        self._is_guarded = is_guarded
        self._has_annex = False

    @exactly()
    def add(self, path: str, pieces: Iterable[str]) -> int:
        """Sums one CSV file, block by block; returns its number of rows. Raises ``DoesNotHoldError``."""
        folder, _, name = path.partition("/")
        table = STATEMENTS if folder == STATEMENTS else name.removesuffix(".csv")  # all statements are one table
        figures = [each for each in FIGURES if each.table == table and each.in_annex == (folder == ANNEX)]
        self._has_annex |= folder == ANNEX
        days: dict[Figure, Sums] = {figure: defaultdict(Decimal) for figure in figures}
        totals: dict[Figure, Sums] = {figure: {} for figure in figures}
        number, where = -1, None  # the first row has the names of the columns
        for block in blocks_of_csv(path, pieces):
            rows = block.rows if figures or where is None else []
            if self._is_guarded:
                block.require_guarded()
            if where is None:
                where, rows = {column: at for at, column in enumerate(rows[0])}, rows[1:]
                _require_columns(path, table, figures, where)
            for figure in figures:
                self._add_rows(path, figure, rows, where, days[figure], totals[figure])
                if table != STATEMENTS and len(days[figure]) > SUMS_AT_HAND:
                    self._keep(figure, days[figure])
            number += block.count
        if where is None:
            raise DoesNotHoldError(f"{path} is empty: not even a line of column names")
        for figure in figures:
            if table == STATEMENTS:
                there = f"its line of the total ({figure.column})"
                _require_equal(days[figure].items(), totals[figure].items(), f"the days of {path}", there)
            self._keep(figure, days[figure])
        return number

    def _add_rows(
        self, path: str, figure: Figure, rows: list[list[str]], where: Mapping[str, int], days: Sums, totals: Sums
    ) -> None:
        """Adds a figure up. Rows of an hour are many and mostly alike: the same numbers are added once."""
        beside = "day" if figure.table == STATEMENTS else figure.only or figure.column
        columns = itemgetter(*(where[name] for name in ("tenant_id", "meter", figure.column, beside)))
        for (tenant, meter, text, said), times in Counter(map(columns, rows)).items():
            if not text or (figure.only is not None and said != "true"):
                continue
            value = _number(path, figure, tenant, text)
            if figure.table == STATEMENTS and said == TOTAL:
                totals[tenant, meter] = value
            else:
                days[tenant, meter] += times * value

    def _keep(self, figure: Figure, sums: Sums) -> None:
        self._kept.add(FIGURES.index(figure), sums)
        sums.clear()

    def _sums(self, figure: Figure) -> Iterator[tuple[Key, Decimal]]:
        return self._kept.sums(FIGURES.index(figure))

    @exactly()
    def require_agreement(self) -> None:
        """Raises ``DoesNotHoldError`` for the first tenant and meter for which two tables say different things."""
        first: dict[str, Figure] = {}
        for figure in FIGURES:
            if figure.agrees_on is not None and (self._has_annex or not figure.in_annex):
                other = first.setdefault(figure.agrees_on, figure)
                if other is not figure:
                    _require_same(self._sums(other), self._sums(figure), other.name, figure.name)

    @exactly()
    def control_totals(self) -> dict[str, dict[str, str]]:
        """Meter → name of the figure → sum over all tenants, as text so that no reader rounds it."""
        totals: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for figure in FIGURES:
            for (_, meter), value in self._sums(figure):
                totals[meter][figure.name] += value
        return {meter: {name: _shown(value) for name, value in totals[meter].items()} for meter in sorted(totals)}


def _require_columns(path: str, table: str, figures: Iterable[Figure], where: Mapping[str, int]) -> None:
    wanted = {name for each in figures for name in ("tenant_id", "meter", each.column, each.only) if name}
    wanted |= {"day"} if table == STATEMENTS else set()
    if missing := sorted(wanted - where.keys()):
        raise DoesNotHoldError(f"{path} has no column {', '.join(missing)}")


def _number(path: str, figure: Figure, tenant: str, text: str) -> Decimal:
    try:
        return number_in(text)
    except InvalidOperation:
        raise DoesNotHoldError(
            f"{path}: {figure.column} of tenant {tenant!r} is {text[:40]!r}, which is not a number"
        ) from None


def _require_equal(
    ours: Iterable[tuple[Key, Decimal]], theirs: Iterable[tuple[Key, Decimal]], our_name: str, their_name: str
) -> None:
    _require_same(iter(sorted(ours)), iter(sorted(theirs)), our_name, their_name)


def _require_same(
    ours: Iterator[tuple[Key, Decimal]], theirs: Iterator[tuple[Key, Decimal]], our_name: str, their_name: str
) -> None:
    """The same of sums in the order of tenant and meter, of which two are looked at at a time."""
    one, other = next(ours, None), next(theirs, None)
    while one is not None or other is not None:
        key = min(each[0] for each in (one, other) if each is not None)
        here = one[1] if one is not None and one[0] == key else None
        there = other[1] if other is not None and other[0] == key else None
        if here != there:
            tenant, meter = key
            raise DoesNotHoldError(
                f"the sums for tenant {tenant!r} and meter {meter} differ: {_shown(here)} in {our_name}, "
                f"{_shown(there)} in {their_name}"
            )
        one = next(ours, None) if here is not None else one
        other = next(theirs, None) if there is not None else other


def _shown(value: Decimal | None) -> str:
    """A sum for people and for pack.json; nothing is not zero."""
    if value is None:
        return "nothing"
    return str(int(value)) if value == value.to_integral_value() else str(value)
''',
"fridge_pipeline.finance.pack.sums_on_disk": r'''"""The sums over a pack's tables, on the disk: there are as many as tenants and meters. Standard library only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from fridge_pipeline.finance.rules.evidence_figures import Key


class SumsOnDisk:
    """Sums by figure, tenant and meter; what is added in parts is one sum when it is read."""

    def __init__(self, index: sqlite3.Connection) -> None:
        self._index = index

    def add(self, figure: int, sums: Mapping[Key, Decimal]) -> None:
        """Adds to the sums of a figure."""
        rows = ((figure, *key, str(value)) for key, value in sums.items())
        self._index.executemany("insert into sums values (?, ?, ?, ?)", rows)

    def sums(self, figure: int) -> Iterator[tuple[Key, Decimal]]:
        """Each sum of a figure, by tenant and meter."""
        rows = self._index.execute(
            "select tenant, meter, value from sums where figure = ? order by tenant, meter, rowid", (figure,)
        )
        for (tenant, meter), parts in groupby(rows, key=itemgetter(0, 1)):
            yield (tenant, meter), sum((Decimal(value) for *_, value in parts), Decimal(0))
''',
"fridge_pipeline.finance.pack.opening": r'''"""Opens a pack that anybody may have made: bounded in size, and nothing of it is unpacked by its own names.

Standard library only.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fridge_pipeline.finance.pack.pack_index import PackIndex, index_on_disk
from fridge_pipeline.finance.pack.sums_on_disk import SumsOnDisk
from fridge_pipeline.finance.pack.zip_entries import (
    DEFLATED,
    ENCRYPTED,
    STORED,
    ZipDamageError,
    ZipEntry,
    ZipEntryStream,
    zip_entries,
)
from fridge_pipeline.finance.rules.evidence_format import (
    DESCRIPTION,
    MANIFEST,
    DoesNotHoldError,
    month_of_folder,
    require_safe,
)

#: More files than a pack of a million tenants needs would only be there to fill a disk.
FILES_MAX = 2_000_000

#: A pack unpacks to so many bytes at most. A month of 10,000 tenants takes some 10 GB.
UNPACKED_BYTES_MAX = 256 * 2**30

#: No deflate unpacks a byte to more than 1,032; an archive that claims more is made to fill a disk.
RATIO_MAX = 1_032

_CHUNK = 2**20


class OpenedPack:
    """An opened pack: which files it has, their bytes, and sums over them. Use ``open_pack``."""

    def __init__(self, stream: BinaryIO, size: int, index: PackIndex, sums: SumsOnDisk) -> None:
        self._stream = stream
        self.index, self.sums = index, sums
        self.unpacked_bytes = 0
        self.folder = self._find(size)
        self.month = month_of_folder(self.folder)

    def has(self, path: str) -> bool:
        """Whether there is such a file within its folder."""
        return self.index.entry(path, "") is not None

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """The bytes of a file. Raises ``DoesNotHoldError`` also for damage that shows while it is read."""
        entry = self.index.entry(path, f"{self.folder}/{path}")
        if entry is None:
            raise DoesNotHoldError(f"{path} is missing: it is not in the pack")
        try:
            with io.BufferedReader(ZipEntryStream(self._stream, entry), _CHUNK // 16) as stream:
                yield stream
        except (ZipDamageError, UnicodeDecodeError) as error:
            raise DoesNotHoldError(f"{path} cannot be unpacked: {error}") from error

    def lines(self, path: str, characters_max: int) -> Iterator[str]:
        """The lines of a text file with their ends; a longer one comes in pieces, the first longer than allowed."""
        with self.open(path) as stream, io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
            while line := text.readline(characters_max + 1):
                yield line

    def pieces(self, path: str) -> Iterator[str]:
        """A text file in pieces of some size."""
        with self.open(path) as stream, io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
            while piece := text.read(_CHUNK // 8):
                yield piece

    def sha256(self, path: str) -> str:
        """The SHA-256 of a file, in hexadecimal."""
        digest = hashlib.sha256()
        with self.open(path) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def copy(self, path: str, target: Path) -> Path:
        """Writes a file of the pack to one that we have named."""
        with self.open(path) as stream, target.open("xb") as out:
            while chunk := stream.read(_CHUNK):
                out.write(chunk)
        return target

    def _find(self, size: int) -> str:
        """Notes the files by their paths within the one folder; returns that folder's name."""
        bytes_max, folder = min(UNPACKED_BYTES_MAX, size * RATIO_MAX), None
        count, entries = zip_entries(self._stream, size)
        if count > FILES_MAX:
            raise DoesNotHoldError(f"it has {count} entries, more than the {FILES_MAX} that a pack can need")
        for entry in entries:
            require_safe(entry.name)
            its_folder, _, path = entry.name.partition("/")
            if folder not in {None, its_folder}:
                both = ", ".join(sorted([f"{folder}", its_folder]))
                raise DoesNotHoldError(f"a pack has one folder, this has several: {both[:200]}")
            folder = its_folder
            self.unpacked_bytes += entry.unpacked_bytes
            if self.unpacked_bytes > bytes_max:
                raise DoesNotHoldError(
                    f"it would unpack to more than {bytes_max} bytes, which a pack of its size unpacks to at most"
                )
            if entry.name.endswith("/") and entry.unpacked_bytes == 0:
                continue
            _require_plain(entry)
            self.index.find(path, entry)
        if folder is None:
            raise DoesNotHoldError("it is empty")
        for path in (MANIFEST, DESCRIPTION):
            if not self.has(path):
                raise DoesNotHoldError(f"{path} is missing: it is not in the pack")
        return folder


@contextmanager
def open_pack(path: Path) -> Iterator[OpenedPack]:
    """Opens a pack and looks at its table of contents. Raises ``DoesNotHoldError``, and ``OSError`` without a file."""
    if path.exists() and not path.is_file():
        raise DoesNotHoldError("it is no file")
    with path.open("rb") as stream, opened_stream(stream, path.name, path.stat().st_size) as opened:
        yield opened


@contextmanager
def opened_stream(stream: BinaryIO, name: str, packed_bytes: int) -> Iterator[OpenedPack]:
    """The same of bytes that are no file here, such as those of an object in a store."""
    with index_on_disk() as index:
        try:
            opened = OpenedPack(stream, packed_bytes, PackIndex(index), SumsOnDisk(index))
        except ZipDamageError as error:
            raise DoesNotHoldError(f"{name} is not a readable ZIP file: {error}") from error
        yield opened


def _require_plain(entry: ZipEntry) -> None:
    if entry.flags & ENCRYPTED:
        raise DoesNotHoldError(f"{entry.name} is encrypted; no file of a pack is")
    if entry.method not in {STORED, DEFLATED}:
        raise DoesNotHoldError(f"{entry.name} is packed by method {entry.method}; packs use deflate")
''',
"fridge_pipeline.finance.rules.evidence_signoffs": r'''"""Who signed the month of an evidence pack: the two people of the closing, as its table of sign-offs names them.

Standard library only, like the format.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError, table_path, unguarded
from fridge_pipeline.finance.rules.evidence_rows import rows_of_csv

SIGNOFFS = table_path("month_signoffs")


@dataclass(frozen=True, slots=True)
class Signoff:
    """One of the two: the name that was typed, the login that the database knew (earlier packs have none), and when."""

    name: str
    login: str
    signed_at: str

    @property
    def person(self) -> str:
        """Who it was: what was typed is a label only, where there is a login."""
        return self.login or self.name

    def __str__(self) -> str:
        return f"{self.person} ({f'as {self.name}, ' if self.name != self.person else ''}{self.signed_at})"

    def is_of(self, person: str) -> bool:
        """Whether a person is meant; case and blanks do not tell people apart."""
        return plain_name(person) == plain_name(self.person)


@dataclass(frozen=True, slots=True)
class Signoffs:
    """A closed month has both."""

    month: str
    prepared: Signoff
    approved: Signoff

    def __str__(self) -> str:
        return f"{self.month} was prepared by {self.prepared} and approved by {self.approved}"


def read_signoffs(month: str, lines: Iterable[str]) -> Signoffs:
    """The last preparation and approval. Raises ``DoesNotHoldError`` unless there are both, by two people."""
    rows = rows_of_csv(SIGNOFFS, lines)
    columns = next(rows, [])
    if missing := {"action", "signed_by", "signed_at"} - set(columns):
        raise DoesNotHoldError(f"{SIGNOFFS} has no column {', '.join(sorted(missing))}")
    last: dict[str, Signoff] = {}
    for row in rows:
        said = dict(zip(columns, map(unguarded, row), strict=True))
        if said["action"] in {"prepare", "approve"}:
            last[said["action"]] = Signoff(said["signed_by"], said.get("acted_by", ""), said["signed_at"])
    if "prepare" not in last or "approve" not in last:
        raise DoesNotHoldError(f"{SIGNOFFS} does not say who prepared {month} and who approved it")
    found = Signoffs(month, last["prepare"], last["approve"])
    if found.prepared.is_of(found.approved.person):
        raise DoesNotHoldError(f"{SIGNOFFS} says that {found.approved.person} both prepared and approved {month}")
    return found


def plain_name(name: str) -> str:
    """What tells one person from another."""
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()
''',
"fridge_pipeline.finance.pack.signature": r'''"""Signatures of packs by people's own keys: what ``ssh-keygen -Y`` makes and checks, over the manifest.

The file lies beside the pack, so no pack is changed by it. Standard library and OpenSSH (8.2 or newer) only: no
cryptography of our own, and nothing that an auditor would have to install.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from fridge_pipeline.finance.rules.evidence_format import CannotVerifyError, DoesNotHoldError
from fridge_pipeline.finance.rules.evidence_signoffs import Signoffs

#: A signature that was given for something else is none of a pack.
NAMESPACE = "fridge-evidence"

#: What a signature's file is called behind the name of its pack.
SIGNATURE_SUFFIX = ".sig"


class NotSignedError(RuntimeError):
    """No signature was made; the text is what ``ssh-keygen`` said."""


def signature_of(pack: Path) -> Path:
    """Where the signature of a pack is."""
    return pack.with_name(f"{pack.name}{SIGNATURE_SUFFIX}")


def sign(manifest: Path, key: Path) -> bytes:
    """The signature of a manifest. A key with a passphrase is asked for at the terminal, one of an agent there.

    Raises ``NotSignedError``, and ``CannotVerifyError`` without OpenSSH.
    """
    done = _ssh_keygen(["-Y", "sign", "-f", str(key), "-n", NAMESPACE], manifest)
    if done.returncode != 0:
        raise NotSignedError(f"{key} did not sign: {_said(done)}")
    return done.stdout


def require_signed(manifest: Path, pack: Path, signers: Path, signoffs: Signoffs) -> str:
    """Who signed it, in a sentence: whoever approved the month, by a key that the auditor's list gives this person.

    ``signers`` is a file of the form ALLOWED SIGNERS in ssh-keygen(1). Raises ``DoesNotHoldError`` and
    ``CannotVerifyError``.
    """
    signature = signature_of(pack)
    if not signature.is_file():
        raise DoesNotHoldError(f"it is not signed: there is no {signature.name} beside it")
    files = ["-f", str(signers), "-s", str(signature)]
    found = _ssh_keygen(["-Y", "find-principals", *files], manifest)
    people = found.stdout.decode(errors="replace").splitlines() if found.returncode == 0 else []
    if not people:
        raise DoesNotHoldError(f"{signature.name} is by a key of nobody in {signers.name} ({_said(found)})")
    approver = next((person for person in people if signoffs.approved.is_of(person)), None)
    checked = _ssh_keygen(["-Y", "verify", "-I", approver or people[0], "-n", NAMESPACE, *files], manifest)
    if checked.returncode != 0:
        raise DoesNotHoldError(f"{signature.name} is not a signature of this pack: {_said(checked)}")
    if approver is None:
        raise DoesNotHoldError(f"{signature.name} is by {', '.join(people)}, and {signoffs.approved} approved it")
    key = checked.stdout.decode(errors="replace").strip().rpartition(" with ")[2]
    return f"it is signed by {approver}, who approved the month, with {key}"


def _ssh_keygen(arguments: list[str], given: Path) -> subprocess.CompletedProcess[bytes]:
    with given.open("rb") as manifest:
        try:
            return subprocess.run(["ssh-keygen", *arguments], stdin=manifest, capture_output=True, check=False)
        except FileNotFoundError:
            raise CannotVerifyError(
                "signatures need ssh-keygen of OpenSSH 8.2 or newer, which is not installed"
            ) from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return " ".join((done.stderr or done.stdout).decode(errors="replace").split()) or f"it ended with {done.returncode}"
''',
"fridge_pipeline.finance.pack.time_stamp": r'''"""Time stamps of packs (RFC 3161): an authority outside says since when a manifest has been what it is.

Asked for and checked by ``openssl ts``: it is where keys are kept, is what authorities document, and is no package that
somebody would have to vouch for. The answer lies beside the pack as it came.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fridge_pipeline.finance.rules.evidence_format import CannotVerifyError, DoesNotHoldError

#: What an authority's answer is called behind the name of its pack.
STAMP_SUFFIX = ".tsr"

#: So far the clocks of the authority and of the maker may be apart.
CLOCKS_APART_MAX = timedelta(minutes=5)

_TIME = re.compile(r"^Time stamp: (\w{3}) +(\d{1,2}) (\d\d:\d\d:\d\d)(?:\.\d+)? (\d{4}) GMT$", re.MULTILINE)


def stamp_of(pack: Path) -> Path:
    """Where the time stamp of a pack is."""
    return pack.with_name(f"{pack.name}{STAMP_SUFFIX}")


def stamp_request(manifest: Path) -> bytes:
    """What an authority is asked: a hash of the manifest and a number for once, and nothing else of the pack."""
    with tempfile.TemporaryDirectory(prefix="fridge-stamp-") as folder:
        query = Path(folder, "query")
        done = _openssl("-query", "-data", str(manifest), "-sha256", "-cert", "-out", str(query))
        if done.returncode != 0:
            raise CannotVerifyError(f"openssl made no request: {_said(done)}")
        return query.read_bytes()


def require_stamped(manifest: Path, stamp: Path, authority: Path, request: bytes | None = None) -> datetime:
    """When the authority saw the manifest; ``authority`` are the certificates that it is trusted by (PEM).

    The certificates are judged as of the time of the stamp: they run out, what was stamped while they held does not.
    With ``request`` it must also answer that. Raises ``DoesNotHoldError`` and ``CannotVerifyError``.
    """
    if not stamp.is_file():
        raise DoesNotHoldError(f"it has no time stamp: there is no {stamp.name} beside it")
    # Of the answer only what the authority signed: its status is text too, and anybody can write it anew.
    read = _openssl("-reply", "-in", str(stamp), "-token_out", "-text")
    told = _TIME.search(read.stdout.decode(errors="replace"))
    if read.returncode != 0 or told is None:
        raise DoesNotHoldError(f"{stamp.name} is not a time stamp: {_said(read)}")
    month, day, clock, year = told.groups()
    at = datetime.strptime(f"{year} {month} {day} {clock}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
    with tempfile.TemporaryDirectory(prefix="fridge-stamp-") as folder:
        given = manifest
        if request is not None:
            given = Path(folder, "query")
            given.write_bytes(request)
        kind = "-data" if request is None else "-queryfile"
        trusted = ("-CAfile", str(authority), "-attime", str(int(at.timestamp())))
        done = _openssl("-verify", kind, str(given), "-in", str(stamp), *trusted)
    if done.returncode != 0:
        raise DoesNotHoldError(f"{stamp.name} is not a time stamp of this pack by this authority: {_said(done)}")
    return at


def stamp_told(manifest: Path, pack: Path, authority: Path, created_at: str) -> str:
    """The same as a sentence, for a pack that says when it was made: no stamp is older than what it is of."""
    stamp = stamp_of(pack)
    at = require_stamped(manifest, stamp, authority)
    try:
        made_at = datetime.fromisoformat(created_at)
        is_before = at < made_at - CLOCKS_APART_MAX
    except (ValueError, TypeError, OverflowError):
        raise DoesNotHoldError(f"it says {created_at[:40]!r} for the time at which it was made") from None
    if is_before:
        raise DoesNotHoldError(f"{stamp.name} is of {at:%Y-%m-%d %H:%M:%S} UTC, and it says it was made {created_at}")
    return f"it has been as it is since {at:%Y-%m-%d %H:%M:%S} UTC at the latest, as a time stamp says"


def _openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["openssl", "ts", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise CannotVerifyError("time stamps need openssl 1.1 or newer, which is not installed") from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return " ".join((done.stderr or done.stdout).decode(errors="replace").split())[-300:] or "it does not say why"
''',
"fridge_pipeline.finance.rules.evidence_checks": r'''"""The results of the data tests in an evidence pack: what must be true of the books, and whether it was.

Standard library only, like the format.
"""

from __future__ import annotations

from collections.abc import Iterable

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError, table_path
from fridge_pipeline.finance.rules.evidence_rows import rows_of_csv

#: The table of a pack that holds them.
CHECKS = "checks"

#: So many tests that did not hold are named.
NAMED_MAX = 100

CHECK_COLUMNS = ("model", "test", "says", "severity", "contradictions")


def checks_told(lines: Iterable[str]) -> str:
    """How many of the tests held, and the names of those that did not. Raises ``DoesNotHoldError``."""
    path = table_path(CHECKS)
    rows = rows_of_csv(path, lines)
    if tuple(columns := next(rows, [])) != CHECK_COLUMNS:
        raise DoesNotHoldError(f"{path} has the columns {', '.join(columns)}, not {', '.join(CHECK_COLUMNS)}")
    tests, failed = 0, 0
    named: list[str] = []
    for model, name, _, _, contradictions in rows:
        tests += 1
        if contradictions != "0":
            failed += 1
            if len(named) < NAMED_MAX:
                named.append(f"{model}.{name} ({contradictions} rows)")
    if not tests:
        raise DoesNotHoldError(f"{path} has no result of any data test")
    if not failed:
        return f"all {tests} data tests of the books held when it was made"
    more = f", and {failed - len(named)} more" if failed > len(named) else ""
    return f"{failed} of {tests} data tests of the books did not hold when it was made: {', '.join(named)}{more}"
''',
"fridge_pipeline.finance.rules.evidence_invoices": r'''"""The invoices and corrections of an evidence pack: every difference has its cause, every correction two people.

Standard library only, like the format.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import TypeVar

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError
from fridge_pipeline.finance.rules.evidence_rows import exactly, named_rows, number_in
from fridge_pipeline.finance.rules.evidence_signoffs import plain_name

#: The tables of a pack that are read here.
INVOICES, COMPARED, DAY_READS, CORRECTIONS = "invoices", "invoice_tie_out", "invoice_day_reads", "corrections"

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    INVOICES: ("invoice_id", "status"),
    COMPARED: ("invoice_id", "status", "event_name", "usage_quantity", "invoice_quantity", "difference", "cause"),
    DAY_READS: ("day",),
    CORRECTIONS: (
        *("proposal_id", "old_quantity", "new_quantity", "delta", "amount_minor_units", "document_kind"),
        *("proposed_by", "approved_by", "document", "lost_at"),
    ),
}

#: The text of a table, and the rest of it that came after the signature, if there is any.
Texts = Sequence[Iterable[str]]

#: A row of one of the tables, with the columns above.
Row = Mapping[str, str]

_Key = TypeVar("_Key", str, tuple[int, str])


@exactly()
def compare_with_invoices(compared: Texts, invoices: Texts, day_reads: Texts) -> str:
    """Whether what was compared adds up, and is of invoices that the pack has; says what differs and why.

    Raises ``DoesNotHoldError`` naming the invoice.
    """
    known, rows, differing = _newest(INVOICES, invoices, _invoice), 0, 0
    changed: dict[str, tuple[Decimal, set[str]]] = {}
    for invoice_id, of_invoice in groupby(_rows(COMPARED, compared), _invoice):
        there = next((each for each in known if each["invoice_id"] >= invoice_id), None) if invoice_id else None
        for row in of_invoice:
            rows += 1
            _require_shown(row, there)
            difference = _difference(row)
            if difference:
                differing += 1
                before, causes = changed.get(row["event_name"], (Decimal(0), set()))
                changed[row["event_name"]] = before + difference, causes | {row["cause"]}
    if not rows:
        days = sum(1 for _ in _rows(DAY_READS, day_reads))
        return "no invoice of its periods was there to compare" if days else "Stripe's invoices were not read"
    said = f"comparisons of invoices with usage: {rows}, all add up"
    if not differing:
        return f"{said} and none differs"
    told = (f"{value:+} {meter} ({', '.join(sorted(causes))})" for meter, (value, causes) in changed.items())
    return f"{said}; different: {differing}, each with its cause: {'; '.join(sorted(told))}"


@exactly()
def require_corrected_by_two(corrections: Texts) -> str:
    """Whether every correction adds up, and each that reached Stripe was approved by another person than proposed it.

    Raises ``DoesNotHoldError`` naming the correction.
    """
    proposed = written = 0
    for row in _newest(CORRECTIONS, corrections, lambda row: (len(row["proposal_id"]), row["proposal_id"])):
        proposed += 1
        named = f"correction {row['proposal_id']} in {CORRECTIONS}"
        old, new, delta, amount = (
            _number(CORRECTIONS, row, name) for name in ("old_quantity", "new_quantity", "delta", "amount_minor_units")
        )
        if new - old != delta:
            raise DoesNotHoldError(f"{named} makes good {delta}, but {new} less {old} is {new - old}")
        if (amount > 0) != (row["document_kind"] == "invoice_item"):
            raise DoesNotHoldError(f"{named} is a {row['document_kind']} of {amount}")
        approver = plain_name(row["approved_by"])
        if row["document"] and not approver:
            raise DoesNotHoldError(f"{named} is in Stripe as {row['document']}, and nobody approved it")
        if approver and approver == plain_name(row["proposed_by"]):
            raise DoesNotHoldError(f"{named} was proposed and approved by {row['approved_by']}")
        written += bool(row["document"]) and not row["lost_at"]
    if not proposed:
        return "no correction was proposed"
    return f"corrections proposed: {proposed}; in Stripe: {written}, each approved by another person"


def _require_shown(row: Row, there: Row | None) -> None:
    """An invoice that was compared is one that was read, and stands as that says."""
    if row["invoice_id"] and (there is None or there["invoice_id"] != row["invoice_id"]):
        raise DoesNotHoldError(f"{COMPARED} has {row['invoice_id']}, which is not in {INVOICES}")
    if there is not None and there["status"] != row["status"]:
        raise DoesNotHoldError(
            f"{COMPARED} says that {row['invoice_id']} is {row['status']}, but Stripe showed {there['status']} last: "
            f"so {INVOICES}"
        )


def _difference(row: Row) -> Decimal:
    invoiced, used, said = (_number(COMPARED, row, f) for f in ("invoice_quantity", "usage_quantity", "difference"))
    named = f"{row['event_name']} of {row['invoice_id'] or 'no invoice'}"
    if invoiced - used != said or (said and not row["cause"]):
        raise DoesNotHoldError(
            f"{COMPARED} says that {named} differs by {said} (cause: {row['cause'] or 'none'}), but {invoiced} "
            f"invoiced less {used} used is {invoiced - used}"
        )
    return said


def _invoice(row: Row) -> str:
    return row["invoice_id"]


def _newest(table: str, texts: Texts, key: Callable[[Row], _Key]) -> Iterator[Row]:
    """Of each the last row, in the order that each text has."""
    in_order = heapq.merge(*(_rows(table, [text]) for text in texts), key=key)
    for _, same in groupby(in_order, key):
        yield deque(same, maxlen=1)[0]


def _rows(table: str, texts: Texts) -> Iterator[Row]:
    for text in texts:
        yield from named_rows(table, text, _COLUMNS[table])


def _number(table: str, row: Row, column: str) -> Decimal:
    try:
        return number_in(row[column])
    except InvalidOperation:
        raise DoesNotHoldError(f"{table}: {column} is {row[column][:40]!r}, which is not a number") from None
''',
"fridge_pipeline.finance.rules.evidence_signed": r'''"""The signed figures of an evidence pack: its sums are what two people signed, and what came later says why.

Standard library only, like the format.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from fridge_pipeline.finance.rules.evidence_format import ANNEX, DoesNotHoldError, table_path
from fridge_pipeline.finance.rules.evidence_rows import exactly, named_rows, number_in

SIGNOFFS, SIGNED_FIGURES = table_path("month_signoffs"), f"{ANNEX}/signed_figures.csv"

#: What the sign-off calls a figure, and what pack.json calls the same sum.
_SUMS = {
    "usage": "tie_out.usage_quantity",
    "stated": "tie_out.stated_quantity",
    "stripe": "tie_out.stripe_quantity",
}
_COLUMNS = ("meter", "signed_usage", "usage_now", "difference", "hours_changed", "cause")


@exactly()
def compare_with_signatures(signoffs: Iterable[str], control_totals: Mapping[str, Mapping[str, str]]) -> str:
    """Compares the pack's sums with those of the preparation that was approved; says whose they are.

    Raises ``DoesNotHoldError`` naming meter and both figures, or when nobody signed.
    """
    prepared, approved = _signatures(signoffs)
    signed = _signed_totals(prepared)
    for meter in sorted(signed.keys() | control_totals.keys()):
        for figure, name in _SUMS.items():
            wanted, found = signed.get(meter, {}).get(figure), control_totals.get(meter, {}).get(name)
            if wanted != (None if found is None else Decimal(found)):
                raise DoesNotHoldError(
                    f"{figure} of {meter} is {_shown(found)} in the pack, but {prepared['signed_by']} and "
                    f"{approved['signed_by']} signed {_shown(wanted)}: so {SIGNOFFS}. If its month was closed before "
                    "signed figures were kept by the hour, reopen it and close it again"
                )
    usage = ", ".join(f"{_shown(each.get('usage'))} {meter}" for meter, each in sorted(signed.items()))
    return (
        f"its figures are those that {prepared['signed_by']} prepared at {prepared['signed_at']} and "
        f"{approved['signed_by']} approved at {approved['signed_at']}: {usage or 'no usage'}"
    )


@exactly()
def compare_with_now(figures: Iterable[str]) -> str:
    """What the month had come to when the pack was made, beside what was signed; every difference has its cause."""
    changed: dict[str, tuple[Decimal, set[str]]] = {}
    for row in named_rows(SIGNED_FIGURES, figures, _COLUMNS):
        difference = _number(row, "usage_now") - _number(row, "signed_usage")
        if difference != _number(row, "difference") or bool(_number(row, "hours_changed")) != bool(row["cause"]):
            raise DoesNotHoldError(
                f"{SIGNED_FIGURES} says that {row['meter']} differs by {row['difference'] or 'nothing'} "
                f"(cause: {row['cause'] or 'none'}), but {row['usage_now'] or 'none'} less the signed "
                f"{row['signed_usage'] or 'none'} is {difference}"
            )
        if row["cause"]:
            before, causes = changed.get(row["meter"], (Decimal(0), set()))
            changed[row["meter"]] = before + difference, causes | set(row["cause"].split(", "))
    if not changed:
        return "nothing of it had changed when the pack was made"
    said = (f"{value:+} {meter} ({', '.join(sorted(causes))})" for meter, (value, causes) in sorted(changed.items()))
    return f"since it was signed, as the annex has it: {'; '.join(said)}"


def _signatures(lines: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The preparation and the approval that closed the month. Who signed is the login (law L15).

    They are the last two but for what was only asked: until somebody else reopens it, the month stays closed.
    """
    columns = ("action", "signed_by", "acted_by", "signed_at", "control_totals")
    acts = (row for row in named_rows(SIGNOFFS, lines, columns) if row["action"] != "ask_to_reopen")
    rows = deque(acts, maxlen=2)
    last = [row | {"signed_by": row["acted_by"] or row["signed_by"]} for row in rows]
    if [row["action"] for row in last] != ["prepare", "approve"]:
        said = ", ".join(row["action"] for row in last) or "nothing"
        raise DoesNotHoldError(f"the month is not closed: the last signatures in {SIGNOFFS} are {said}")
    return last[0], last[1]


def _signed_totals(prepared: Mapping[str, str]) -> dict[str, dict[str, Decimal]]:
    try:
        meters = json.loads(prepared["control_totals"])["meters"]
        return {
            meter: {name: number_in(str(said[name])) for name in _SUMS if said.get(name) is not None}
            for meter, said in meters.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation, RecursionError):
        raise DoesNotHoldError(
            f"{SIGNOFFS} does not say which figures {prepared['signed_by']} signed: {prepared['control_totals'][:100]}"
        ) from None


def _number(row: Mapping[str, str], column: str) -> Decimal:
    try:
        return number_in(row[column] or "0")
    except InvalidOperation:
        raise DoesNotHoldError(
            f"{SIGNED_FIGURES}: {column} of {row['meter']} is {row[column][:40]!r}, which is not a number"
        ) from None


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)
''',
"fridge_pipeline.finance.rules.evidence_sums": r'''"""Stripe's sums in an evidence pack: every hour of the tie-out shows exactly what Stripe answered.

Standard library only, like the format. Both tables are in the order of tenant, meter and hour, so that they are read
side by side, row by row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import groupby
from operator import itemgetter

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError, table_path
from fridge_pipeline.finance.rules.evidence_rows import exactly, number_in, rows_of_csv

TIE_OUT, SUMS = table_path("tie_out"), table_path("stripe_sums")

#: Causes of a difference between Stripe and what was stated that are known, and no error (``reason_codes``). No other
#: cause explains one, whatever the tables call it.
EXPLAINED = frozenset({"lagging", "in_flight", "refused", "credit_due", "not_billed"})

#: So many hours that differ without such a cause are named.
SHOWN_MAX = 3

_KEY = ("tenant_id", "meter", "hour")
_COLUMNS = {
    TIE_OUT: (*_KEY, "stated_quantity", "stripe_quantity", "difference_in_stripe", "cause_in_stripe"),
    SUMS: (*_KEY, "stripe_customer_id", "quantity"),
}

#: A row of one of the two tables, with the columns above.
Row = tuple[str, ...]


@dataclass(slots=True)
class StripeComparison:
    """How many hours show a sum of Stripe, how many do not, and where that is not what was stated."""

    hours_read: int = 0
    hours_not_read: int = 0
    hours_differing: int = 0
    hours_unexplained: int = 0
    differences: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    unexplained: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    named: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = f"Stripe's sum of each of {self.hours_read} hours is what Stripe answered"
        said += f" ({self.hours_not_read} hours were not read)" if self.hours_not_read else ""
        if not self.hours_differing:
            return f"{said}, and what was stated"
        return (
            f"{said}; in {self.hours_differing} of them it is not what was stated: {_added(self.differences)} in all, "
            f"{self.hours_unexplained} hours unexplained"
        )

    def require_explained(self) -> None:
        """Raises ``DoesNotHoldError`` with the numbers when a difference has no known cause."""
        if self.hours_unexplained:
            more = self.hours_unexplained - len(self.named)
            raise DoesNotHoldError(
                f"Stripe's sums are not what was stated, and nothing explains {_added(self.unexplained)} in "
                f"{self.hours_unexplained} hours: {'; '.join(self.named)}{f'; and {more} more' if more else ''}"
            )


@exactly()
def compare_with_stripe(tie_out: Iterable[str], sums: Iterable[str]) -> StripeComparison:
    """Holds the texts of the two tables side by side. Raises ``DoesNotHoldError`` naming tenant, meter and hour."""
    found, totals = StripeComparison(), _totals(_rows(SUMS, sums))
    ahead = next(totals, None)
    for row in _rows(TIE_OUT, tie_out):
        answered: str | Decimal = ""
        if ahead is not None and ahead[0] == row[:3]:
            answered, ahead = ahead[1], next(totals, None)
        *_, stated, stripe, said, cause = row
        if not stripe:
            found.hours_not_read += 1
            continue
        found.hours_read += 1
        if answered != stripe or stripe != stated or said != "0" or cause:
            _compare(found, row, answered if isinstance(answered, Decimal) else _number(row, answered, "quantity"))
    if ahead is not None:
        raise DoesNotHoldError(
            f"{SUMS} has a sum of {_named(ahead[0])}, and {TIE_OUT} has no such hour where it belongs"
        )
    return found


def _compare(found: StripeComparison, row: Row, answered: Decimal) -> None:
    """An hour of which the two tables do not say the very same."""
    _, meter, _, stated, stripe, said, cause = row
    if _number(row, stripe, "stripe_quantity") != answered:
        raise DoesNotHoldError(
            f"{TIE_OUT} says that Stripe shows {stripe} for {_named(row)}, but Stripe answered {answered}: so {SUMS}"
        )
    difference = answered - _number(row, stated, "stated_quantity")
    if difference != _number(row, said, "difference_in_stripe") or (difference and not cause):
        raise DoesNotHoldError(
            f"{TIE_OUT} says that {_named(row)} differs by {said or 'nothing'} in Stripe "
            f"(cause: {cause or 'none'}), but {answered} less what was stated is {difference}"
        )
    if difference:
        found.hours_differing += 1
        found.differences[meter] += difference
        if cause not in EXPLAINED:
            found.hours_unexplained += 1
            found.unexplained[meter] += difference
            if len(found.named) < SHOWN_MAX:
                found.named.append(f"{_named(row)}: stated {stated or 'nothing'}, Stripe {answered} ({cause})")


def _added(by_meter: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{value:+} {meter}" for meter, value in sorted(by_meter.items()))


def _totals(rows: Iterator[Row]) -> Iterator[tuple[Row, str | Decimal]]:
    """Each hour with a sum that is not 0: what each customer was read as last, added up; the only one as it stands."""
    for key, of_hour in groupby(rows, key=itemgetter(0, 1, 2)):
        first, *more = of_hour
        if not more and first[4].isdecimal() and first[4] != "0":
            yield key, first[4]
            continue
        newest = {row[3]: _number(row, row[4], "quantity") for row in (first, *more)}
        if total := sum(newest.values(), Decimal(0)):
            yield key, total


def _rows(path: str, pieces: Iterable[str]) -> Iterator[Row]:
    rows = rows_of_csv(path, pieces)
    columns = next(rows, [])
    if missing := sorted(set(_COLUMNS[path]) - set(columns)):
        raise DoesNotHoldError(f"{path} has no column {', '.join(missing)}")
    return map(itemgetter(*(columns.index(name) for name in _COLUMNS[path])), rows)


def _named(row: Row) -> str:
    tenant, meter, hour, *_ = row
    return f"tenant {tenant!r}, meter {meter}, hour {hour}"


def _number(row: Row, text: str, column: str) -> Decimal:
    """A quantity; nothing counts as 0 where it is compared with a sum."""
    try:
        return number_in(text or "0")
    except InvalidOperation:
        raise DoesNotHoldError(f"{column} of {_named(row)} is {text[:40]!r}, which is not a number") from None
''',
"fridge_pipeline.finance.verify_evidence": r'''"""Verify: whether everything holds that an evidence pack says, and what is the first thing that does not.

Needs no database and no network, and nothing but the standard library; for signatures ``ssh-keygen``, for time stamps
``openssl``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fridge_pipeline.finance.pack.description import FILES, read_described
from fridge_pipeline.finance.pack.opening import OpenedPack, open_pack
from fridge_pipeline.finance.pack.pack_index import PackIndex
from fridge_pipeline.finance.pack.signature import require_signed
from fridge_pipeline.finance.pack.time_stamp import stamp_told
from fridge_pipeline.finance.rules.evidence_chain import ChainedPack
from fridge_pipeline.finance.rules.evidence_checks import CHECKS, checks_told
from fridge_pipeline.finance.rules.evidence_figures import Tally
from fridge_pipeline.finance.rules.evidence_format import (
    ANNEX,
    DESCRIPTION,
    FORMATS,
    MANIFEST,
    MANIFEST_LINE_CHARACTERS_MAX,
    WITHOUT_CHECKS,
    WITHOUT_INVOICES,
    WITHOUT_SIGNED,
    WITHOUT_SUMS,
    DoesNotHoldError,
    PackLink,
    manifest_lines,
    require_chained,
    table_path,
)
from fridge_pipeline.finance.rules.evidence_invoices import (
    COMPARED,
    CORRECTIONS,
    DAY_READS,
    INVOICES,
    compare_with_invoices,
    require_corrected_by_two,
)
from fridge_pipeline.finance.rules.evidence_signed import SIGNED_FIGURES, compare_with_now, compare_with_signatures
from fridge_pipeline.finance.rules.evidence_signoffs import SIGNOFFS, read_signoffs
from fridge_pipeline.finance.rules.evidence_sums import SUMS, TIE_OUT, StripeComparison, compare_with_stripe


class UnexplainedError(DoesNotHoldError):
    """A pack is what it says it is, and says that Stripe has something else than was stated, for no known cause."""


NO_LIST = "no list of files with their paths"

#: Packs are named after their month; one of another month would be taken for it.
_NAMED_AFTER_MONTH = re.compile(r"\d{4}-\d{2}(?!\d)")


@dataclass(frozen=True, slots=True)
class Expected:
    """What an auditor knows from elsewhere, and a pack must fit; what is not given is not compared.

    The pack before it; its month, as 2026-01; the hash of its manifest; who may sign (ALLOWED SIGNERS of
    ssh-keygen(1)); the certificates of the authority that stamps (PEM).
    """

    previous: Path | None = None
    month: str | None = None
    manifest_sha256: str | None = None
    signers: Path | None = None
    authority: Path | None = None


def verify_evidence(pack: Path, previous: Path | None = None, expected: Expected | None = None) -> Iterator[str]:
    """Checks a pack, and the chain to the one before it when that is given; yields what holds, in sentences.

    Raises ``CannotVerifyError``, ``DoesNotHoldError`` at the first thing that does not hold, and at last, when all else
    does, ``UnexplainedError``.
    """
    yield from _verify(pack, expected or Expected(previous), are_counted=False)


def verify_made(pack: Path) -> Iterator[str]:
    """The same of a pack whose files were counted and summed before they were packed, in this process.

    That each has the SHA-256 which it had then proves the numbers; they are not added up once more.
    """
    yield from _verify(pack, Expected(), are_counted=True)


def _verify(pack: Path, wanted: Expected, *, are_counted: bool) -> Iterator[str]:
    before = None
    if wanted.previous is not None:
        with _opened(wanted.previous) as opened:
            yield from (f"previous pack: {held}" for held in _verify_files(opened))
            before = PackLink(opened.month, opened.sha256(MANIFEST))
    with _opened(pack) as opened:
        yield from _verify_files(opened)
        described = read_description(opened, partial(_note_rows, opened.index))
        _require_asked_for(opened, pack, wanted)
        yield _what_it_is(opened, described)
        if not are_counted:
            yield _verify_numbers(opened, described)
        sums = None if described["format"] in WITHOUT_SUMS else _verify_sums(opened)
        if sums is not None:
            yield str(sums)
        if described["format"] not in WITHOUT_CHECKS:
            yield checks_told(opened.pieces(table_path(CHECKS)))
        if described["format"] not in WITHOUT_SIGNED and described.get("is_final") is True:
            yield from _verify_signed(opened, described)
        if described["format"] not in WITHOUT_INVOICES:
            yield from _verify_invoices(opened)
        yield _verify_chain(opened.month, described, before)
        yield from _verify_outside(opened, pack, described, wanted)
        if sums is not None:
            _require_explained(sums)


def _require_asked_for(opened: OpenedPack, pack: Path, wanted: Expected) -> None:
    named = _NAMED_AFTER_MONTH.match(pack.name)
    if named is not None and named[0] != opened.month:
        raise DoesNotHoldError(f"it is named after {named[0]}, and is the pack of {opened.month}")
    if wanted.month not in {None, opened.month}:
        raise DoesNotHoldError(f"it is the pack of {opened.month}, and that of {wanted.month} was asked for")
    if wanted.manifest_sha256 not in {None, found := opened.sha256(MANIFEST)}:
        raise DoesNotHoldError(
            f"its manifest is {found}, and {wanted.manifest_sha256} was asked for: it is another one"
        )


def _verify_outside(opened: OpenedPack, pack: Path, described: Mapping[str, Any], wanted: Expected) -> Iterator[str]:
    """Who signed the month and the pack, and since when it has been as it is."""
    with TemporaryDirectory(prefix="fridge-verify-") as folder:
        manifest = opened.copy(MANIFEST, Path(folder, MANIFEST))
        if described.get("is_final") is True:
            signoffs = read_signoffs(opened.month, opened.pieces(SIGNOFFS))
            yield str(signoffs)
            if wanted.signers is not None:
                yield require_signed(manifest, pack, wanted.signers, signoffs)
        elif wanted.signers is not None:
            raise DoesNotHoldError("it is a draft: nobody signed the month, so nobody can have signed its pack")
        if wanted.authority is not None:
            yield stamp_told(manifest, pack, wanted.authority, str(described.get("created_at")))


def read_chained(pack: Path) -> ChainedPack | None:
    """Where a pack stands in the chain; none for a draft, which is in no chain."""
    with _opened(pack) as opened:
        return chained(opened, pack.name)


def chained(opened: OpenedPack, name: str) -> ChainedPack | None:
    """The same of a pack that is open; its files are not looked at."""
    described = read_description(opened)
    if described.get("is_final") is not True:
        return None
    return ChainedPack(name, PackLink(opened.month, opened.sha256(MANIFEST)), _stated_link(described))


@contextmanager
def _opened(pack: Path) -> Iterator[OpenedPack]:
    """The opened pack; puts its name before what does not hold, so that with two it is clear which one."""
    try:
        with open_pack(pack) as opened:
            yield opened
    except DoesNotHoldError as error:
        raise type(error)(f"{pack.name}: {error}") from error


def manifest_sha256(pack: Path) -> str:
    """The hash by which a pack stands in the chain."""
    with _opened(pack) as opened:
        return opened.sha256(MANIFEST)


def is_draft(pack: Path) -> bool:
    """Whether a file is a pack of a month that was not closed, which nothing is lost with."""
    try:
        with open_pack(pack) as opened:
            return read_description(opened).get("is_final") is False
    except (DoesNotHoldError, FileNotFoundError):
        return False


def read_description(opened: OpenedPack, note_file: Callable[[Any], None] | None = None) -> dict[str, Any]:
    """What pack.json says; of its files each is handed to ``note_file``.

    Raises ``DoesNotHoldError`` when it says nothing, or speaks of another month or format.
    """
    described = read_described(opened.pieces(DESCRIPTION), note_file or (lambda _: None))
    if (said := described.get("format")) not in FORMATS:
        known = " and ".join(FORMATS)
        raise DoesNotHoldError(f"{DESCRIPTION} says the format is {said!r}; this program verifies {known}")
    if described.get("month") != opened.month:
        raise DoesNotHoldError(f"{DESCRIPTION} is of {described.get('month')!r}, the folder of {opened.month}")
    return described


def _what_it_is(opened: OpenedPack, described: Mapping[str, Any]) -> str:
    state = "which was closed" if described.get("is_final") is True else "a draft, for the month was not closed"
    others = sum(1 for _ in opened.index.paths(".parquet"))
    beside = f"; of its {others} Parquet files only the SHA-256 was checked" if others else ""
    return f"it is evidence of {opened.month}, {state}, in the format {described['format']}{beside}"


def _verify_files(opened: OpenedPack) -> Iterator[str]:
    listed = 0
    for listed, path, sha256 in manifest_lines(opened.lines(MANIFEST, MANIFEST_LINE_CHARACTERS_MAX)):
        opened.index.list_file(path, sha256, listed)
    opened.index.require_same_files()
    yield f"{MANIFEST} lists exactly the {listed} files that are there ({opened.unpacked_bytes:,} bytes unpacked)"
    for path, sha256 in opened.index.listed():
        if (found := opened.sha256(path)) != sha256:
            raise DoesNotHoldError(f"{path} was changed: its SHA-256 is {found}, {MANIFEST} says {sha256}")
    yield "every file has the SHA-256 that is listed for it"


def _verify_numbers(opened: OpenedPack, described: Mapping[str, Any]) -> str:
    """Number of rows of every CSV file, the sums over them, and what pack.json says of both."""
    if FILES not in described:
        raise DoesNotHoldError(f"{DESCRIPTION} has {NO_LIST}")
    opened.index.require_stated(".csv")
    tally, tables = Tally(opened.sums, is_guarded=described["format"] not in WITHOUT_CHECKS), 0
    for path in opened.index.paths(".csv"):
        tables += 1
        rows, stated = tally.add(path, opened.pieces(path)), opened.index.stated_rows(path)
        if str(rows) != stated:
            raise DoesNotHoldError(f"{path} has {rows} rows, {DESCRIPTION} says {stated}")
    tally.require_agreement()
    found, said = tally.control_totals(), described.get("control_totals")
    if found != said:
        raise DoesNotHoldError(f"the control totals are {json.dumps(found)}, {DESCRIPTION} says {json.dumps(said)}")
    return f"{tables} CSV files have the stated rows, their sums agree, and are the control totals"


def _note_rows(index: PackIndex, each: Any) -> None:
    """What an entry of pack.json's files says of one."""
    if not isinstance(each, dict) or not isinstance(path := each.get("path"), str):
        raise DoesNotHoldError(f"{DESCRIPTION} has {NO_LIST}")
    index.state_rows(path, each.get("rows"))


def _verify_sums(opened: OpenedPack) -> StripeComparison:
    """Every hour's sum of Stripe is the one that Stripe answered, and its difference is named with a cause."""
    return compare_with_stripe(*(opened.pieces(path) for path in (TIE_OUT, SUMS)))


def _require_explained(sums: StripeComparison) -> None:
    try:
        sums.require_explained()
    except DoesNotHoldError as error:
        raise UnexplainedError(str(error)) from None


def _verify_invoices(opened: OpenedPack) -> Iterator[str]:
    """What was invoiced otherwise than used has its cause, and what was made good for it two people."""
    yield compare_with_invoices(*(_with_annex(opened, table) for table in (COMPARED, INVOICES, DAY_READS)))
    yield require_corrected_by_two(_with_annex(opened, CORRECTIONS))


def _with_annex(opened: OpenedPack, table: str) -> list[Iterator[str]]:
    """The text of a table, and that of what came to it after the signature."""
    paths = (table_path(table), f"{ANNEX}/{table}.csv")
    return [opened.pieces(path) for path in paths if path == paths[0] or opened.has(path)]


def _verify_signed(opened: OpenedPack, described: Mapping[str, Any]) -> Iterator[str]:
    """A final pack is the signed snapshot, and its annex what came later."""
    yield compare_with_signatures(opened.pieces(SIGNOFFS), described["control_totals"])
    if opened.has(SIGNED_FIGURES):
        yield compare_with_now(opened.pieces(SIGNED_FIGURES))


def _verify_chain(month: str, described: Mapping[str, Any], before: PackLink | None) -> str:
    stated = _stated_link(described)
    if before is not None:
        require_chained(month, stated, before)
        return f"it is chained to the given pack of {before.month}"
    if stated is None:
        return f"it is chained to no earlier pack: {described.get('previous_reason')}"
    return f"it is chained to the pack of {stated.month} (manifest {stated.manifest_sha256}), which was not given"


def _stated_link(described: Mapping[str, Any]) -> PackLink | None:
    said = described.get("previous")
    if said is None:
        return None
    try:
        return PackLink(str(said["month"]), str(said["manifest_sha256"]))
    except (KeyError, TypeError):
        raise DoesNotHoldError(f"{DESCRIPTION} does not say which pack came before, and not that none did") from None
''',
"fridge_pipeline.finance.verify_chain": r'''"""Verify the chain: all packs of a folder, each by itself and all of them together. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fridge_pipeline.finance.rules.evidence_chain import ChainedPack, require_whole
from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError
from fridge_pipeline.finance.verify_evidence import Expected, read_chained, verify_evidence


def verify_chain(folder: Path, expected: Expected) -> Iterator[str]:
    """Checks every pack of a folder; yields what holds, in sentences. Drafts are named, and are in no chain.

    Month and manifest are those of a pack that must be there; signature and time stamp are asked of each. Raises
    ``DoesNotHoldError`` at the first thing that does not hold, and ``CannotVerifyError``.
    """
    of_each = replace(expected, previous=None, month=None, manifest_sha256=None)
    chained = []
    for pack in sorted(folder.glob("*.zip")):
        found = read_chained(pack)
        if found is None:
            yield f"{pack.name} is a draft, and in no chain"
            continue
        *_, last = verify_evidence(pack, expected=of_each)
        chained.append(found)
        yield f"{pack.name} holds: the pack of {found.link.month}, manifest {found.link.manifest_sha256}; {last}"
    _require_there(chained, expected)
    yield require_whole(chained)


def _require_there(packs: list[ChainedPack], expected: Expected) -> None:
    months = {pack.link.month for pack in packs}
    if expected.month is not None and expected.month not in months:
        raise DoesNotHoldError(f"the pack of {expected.month} is missing: it was asked for")
    wanted = expected.manifest_sha256
    of_month = [pack for pack in packs if expected.month in {None, pack.link.month}]
    if wanted is not None and wanted not in {pack.link.manifest_sha256 for pack in of_month}:
        raise DoesNotHoldError(f"no pack{f' of {expected.month}' * bool(expected.month)} has the manifest {wanted}")
''',
"fridge_pipeline.operations.memory_limit": r'''"""A limit to the memory that this process takes, for work on what strangers have made. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")


@contextmanager
def memory_bounded(more_bytes: int) -> Iterator[None]:
    """Lets the process take so much memory more than it has, and not a byte beyond: that raises ``MemoryError``.

    By the kernel, so whatever library takes it; where the kernel is not Linux there is no limit. RLIMIT_DATA counts all
    private writable memory since Linux 4.7: https://man7.org/linux/man-pages/man2/getrlimit.2.html
    """
    if not _STATUS.exists():
        yield
        return
    import resource  # noqa: PLC0415 # not on every system

    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _data_bytes() + more_bytes
    bounds = [each for each in (before, most, wanted) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))


def _data_bytes() -> int:
    """Private writable memory of this process now."""
    fields = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="ascii").splitlines())
    return int(fields["VmData"].split()[0]) * 1024
''',
"fridge_pipeline.visible": r'''"""Text from outside, shown as text: nothing in it moves a cursor, turns a line around or hides.

A name in a landing file or a pack could otherwise rewrite what a terminal shows, or look like another name.
"""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterable

#: Categories of Unicode (UAX #44) that act on other text or are not seen: controls, formats (of direction, of width
#: zero, of language tags), separators of lines and paragraphs, halves of pairs.
ACTING = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})

#: What is not seen either: Default_Ignorable_Code_Point of UAX #44, as far as no category above holds it, and a blank.
UNSEEN = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0100, 0xE01F0))
)

#: An id as it stands in an alert.
QUOTED_LENGTH_MAX = 60


class _Shown(dict[int, str | int]):
    """How each character is shown; found out when it is first met."""

    def __init__(self, kept: str) -> None:
        super().__init__()
        self._kept = kept

    def __missing__(self, code: int) -> str | int:
        character = chr(code)
        acts = code in UNSEEN or (unicodedata.category(character) in ACTING and character not in self._kept)
        # Not \x9b: a shell takes that for a byte.
        escaped = f"\\u{code:04x}" if 0x80 <= code <= 0xFF else character.encode("unicode_escape").decode()  # noqa: PLR2004
        self[code] = escaped if acts else code
        return self[code]


_LINES = _Shown("\n\t")
_ONE_LINE = _Shown("")


def visible(text: str) -> str:
    r"""The text with characters that act or are not seen written out (``\x1b``, ``\u202e``); lines stay lines."""
    return text.translate(_LINES)


def one_line(text: str) -> str:
    r"""The same for what must not begin a line of its own: a line break is written out too (``\n``)."""
    return text.translate(_ONE_LINE)


def as_lines(lines: Iterable[str]) -> str:
    """These lines, and no further ones that a name brings along."""
    return "\n".join(map(one_line, lines))


def quoted(name: str) -> str:
    """A name from outside as it stands in a sentence: in one line, in quotes, shortened."""
    shown = one_line(name)
    short = shown if len(shown) <= QUOTED_LENGTH_MAX else f"{shown[:QUOTED_LENGTH_MAX]}…"
    return '"' + short.replace('"', r"\"") + '"'


def shell_word(name: str) -> str:
    """A name as one word of a command in one line, which a shell reads back as it is (``$'…'``: bash, zsh, ksh)."""
    if one_line(name) == name:
        return shlex.quote(name)
    return "$'" + one_line(name.replace("\\", r"\\").replace("'", r"\'")) + "'"


def counted(number: int, thing: str) -> str:
    """A number and its noun: ``1 hour``, ``2 hours``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
''',
"fridge_pipeline.cli.verify_program": r'''"""What ``fridge verify`` does, as a program of its own, of the standard library alone: ``verify.py`` in every pack."""

from __future__ import annotations

import argparse
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fridge_pipeline.finance.rules.evidence_format import CannotVerifyError, DoesNotHoldError
from fridge_pipeline.finance.verify_chain import verify_chain
from fridge_pipeline.finance.verify_evidence import Expected, is_draft, manifest_sha256, verify_evidence
from fridge_pipeline.operations.memory_limit import memory_bounded
from fridge_pipeline.visible import one_line

#: With what the program itself takes, this stays below 256 MiB.
MEMORY_MIB = 80

#: The options, in words.
HELP = {
    "previous": "The pack of the month before, to check the chain.",
    "month": "The month that it must be of, as 2026-01.",
    "manifest": "The SHA-256 of its manifest, as it was noted elsewhere on the day it was made.",
    "signers": "Who may sign (ALLOWED SIGNERS of ssh-keygen): the approver must have signed it. Needs ssh-keygen.",
    "authority": "Certificates (PEM) of the authority that stamped it, to check the time stamp. Needs openssl.",
    "all": "All packs of this folder instead of one: none is missing, and each follows the one before it.",
    "memory": "MiB that a pack may take beside the program itself.",
}

ALONE = (
    "Nothing from outside was compared: a pack that was forged as a whole looks like this too. Give what you know from "
    "elsewhere: --manifest, --signers, --authority, --previous"
)


@dataclass(frozen=True, slots=True)
class Verification:
    """What is to be verified: a pack or a folder of packs, and by what."""

    pack: Path | None
    folder: Path | None = None
    expected: Expected = field(default_factory=Expected)
    memory_mib: int = MEMORY_MIB


def manifest_hash(text: str) -> str:
    """A hash as people note it, in capitals too. Raises ``ValueError``."""
    if re.fullmatch(r"[0-9a-f]{64}", found := text.strip().lower()) is None:
        raise ValueError(f"{text!r} is not a SHA-256, which has 64 hexadecimal digits")
    return found


def month_key(text: str) -> str:
    """A month as packs have it. Raises ``ValueError``."""
    if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text) is None:
        raise ValueError(f"{text!r} is not a month; one is like 2026-01")
    return text


def run_verification(asked: Verification, say: Callable[[str], None]) -> bool:
    """Says what holds and the first thing that does not; whether all holds."""
    what = asked.pack or asked.folder
    name = what.name if what is not None else ""
    try:
        with memory_bounded(asked.memory_mib * 2**20):
            for line in _held(asked):
                say(one_line(line))
    except DoesNotHoldError as error:
        say(f"DOES NOT HOLD: {one_line(str(error))}")
        return False
    except CannotVerifyError as error:
        say(f"NOT VERIFIED: {one_line(str(error))}")
        return False
    except (OSError, sqlite3.Error) as error:
        say(f"NOT VERIFIED: {one_line(name)} could not be read: {one_line(f'{type(error).__name__}: {error}')}")
        return False
    except MemoryError:
        say(
            f"NOT VERIFIED: {one_line(name)} takes more than {asked.memory_mib} MiB of memory. One of ours does not; "
            "one that was made to fill the memory does. --memory MIB allows more"
        )
        return False
    return True


def _held(asked: Verification) -> Iterator[str]:
    if asked.folder is not None:
        yield from (f"holds: {held}" for held in verify_chain(asked.folder, asked.expected))
        yield f"all packs in {asked.folder.name} hold"
    elif asked.pack is not None:
        yield from (f"holds: {held}" for held in verify_evidence(asked.pack, expected=asked.expected))
        yield f"{asked.pack.name} holds; its manifest is {manifest_sha256(asked.pack)}"
        if is_draft(asked.pack):
            yield "It is a DRAFT: the month was not closed, and no later pack is chained to it."
    wanted = asked.expected
    if not (wanted.previous or wanted.manifest_sha256 or wanted.signers or wanted.authority):
        yield ALONE


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of the single file; ends with 0 when all holds, 1 when not, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(
        prog="verify.py", description="Check an evidence pack of usage billing, with no database and no network."
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="The pack.")
    parser.add_argument("--previous", type=Path, metavar="FILE", help=HELP["previous"])
    parser.add_argument("--month", type=month_key, help=HELP["month"])
    parser.add_argument("--manifest", type=manifest_hash, metavar="HASH", help=HELP["manifest"])
    parser.add_argument("--signers", type=Path, metavar="FILE", help=HELP["signers"])
    parser.add_argument("--authority", type=Path, metavar="FILE", help=HELP["authority"])
    parser.add_argument("--all", type=Path, dest="folder", metavar="DIR", help=HELP["all"])
    parser.add_argument("--memory", type=int, default=MEMORY_MIB, metavar="MIB", help=HELP["memory"])
    given = parser.parse_args(arguments)
    if (given.file is None) == (given.folder is None):
        parser.error("say either which FILE, or --all DIR")
    if given.folder is not None and given.previous is not None:
        parser.error("--previous is of one FILE; --all DIR has them all")
    for path in (given.file, given.previous, given.signers, given.authority, given.folder):
        if path is not None and not path.exists():
            parser.error(f"there is no {path}")
    expected = Expected(given.previous, given.month, given.manifest, given.signers, given.authority)
    return 0 if run_verification(Verification(given.file, given.folder, expected, given.memory), print) else 1


if __name__ == "__main__":
    sys.exit(main())
''',
}


def load(modules):
    """Make the modules importable under their own names."""
    for name, text in modules.items():
        for parent in [name.rsplit(".", n)[0] for n in range(name.count("."), 0, -1)]:
            sys.modules.setdefault(parent, types.ModuleType(parent)).__path__ = []
        module = sys.modules[name] = types.ModuleType(name)
        exec(compile(text, f"{__file__}: {name}", "exec"), module.__dict__)


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("verify.py needs Python 3.11 or newer")
    load(MODULES)
    sys.exit(sys.modules["fridge_pipeline.cli.verify_program"].main())
