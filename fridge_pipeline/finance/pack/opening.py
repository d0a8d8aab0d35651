"""Opens a pack that anybody may have made: bounded in size, and nothing of it is unpacked by its own names.

Standard library only.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

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

#: What is read into memory whole, the manifest and pack.json, is at most so large.
READ_WHOLE_BYTES_MAX = 512 * 2**20

_ENCRYPTED = 0x1
_CHUNK = 2**20

#: What zipfile raises for an archive whose bytes are not what they were.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError)
_NO_ARCHIVE = (*_DAMAGE, NotImplementedError, OverflowError, ValueError, struct.error)


class OpenedPack:
    """An opened pack: which files it has, and their bytes. Use ``open_pack``."""

    def __init__(self, archive: zipfile.ZipFile, packed_bytes: int) -> None:
        self._archive = archive
        self._entries, self.folder = _entries(archive.infolist(), packed_bytes)
        self.month = month_of_folder(self.folder)

    @property
    def files(self) -> list[str]:
        """The paths of its files within its folder."""
        return list(self._entries)

    @property
    def unpacked_bytes(self) -> int:
        """What its files take unpacked."""
        return sum(entry.file_size for entry in self._entries.values())

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """The bytes of a file. Raises ``DoesNotHoldError`` also for damage that shows while it is read."""
        if path not in self._entries:
            raise DoesNotHoldError(f"{path} is missing: it is not in the pack")
        try:
            with self._archive.open(self._entries[path]) as stream:
                yield stream  # type: ignore[misc]  # a ZipExtFile reads like any binary file
        except _DAMAGE as error:
            raise DoesNotHoldError(f"{path} cannot be unpacked: {error}") from error

    def lines(self, path: str, characters_max: int) -> Iterator[str]:
        """The lines of a text file with their ends; a longer one comes in pieces, the first longer than allowed."""
        with self.open(path) as stream, io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
            while line := text.readline(characters_max + 1):
                yield line

    def read(self, path: str) -> bytes:
        """A whole file that is small by its nature."""
        if path in self._entries and self._entries[path].file_size > READ_WHOLE_BYTES_MAX:
            raise DoesNotHoldError(f"{path} is {self._entries[path].file_size} bytes large, which no pack needs")
        with self.open(path) as stream:
            return stream.read()

    def sha256(self, path: str) -> str:
        """The SHA-256 of a file, in hexadecimal."""
        digest = hashlib.sha256()
        with self.open(path) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()


@contextmanager
def open_pack(path: Path) -> Iterator[OpenedPack]:
    """Opens a pack and looks at its table of contents. Raises ``DoesNotHoldError``, and ``OSError`` without a file."""
    with path.open("rb") as stream, opened_stream(stream, path.name, path.stat().st_size) as opened:
        yield opened


@contextmanager
def opened_stream(stream: BinaryIO, name: str, packed_bytes: int) -> Iterator[OpenedPack]:
    """The same of bytes that are no file here, such as those of an object in a store."""
    try:
        archive = zipfile.ZipFile(stream)
    except _NO_ARCHIVE as error:
        raise DoesNotHoldError(f"{name} is not a readable ZIP file: {error}") from error
    with archive:
        yield OpenedPack(archive, packed_bytes)


def _entries(infos: list[zipfile.ZipInfo], packed_bytes: int) -> tuple[dict[str, zipfile.ZipInfo], str]:
    """The files by their paths within the one folder, and that folder's name."""
    if len(infos) > FILES_MAX:
        raise DoesNotHoldError(f"it has {len(infos)} entries, more than the {FILES_MAX} that a pack can need")
    bytes_max = min(UNPACKED_BYTES_MAX, packed_bytes * RATIO_MAX)
    if (unpacked := sum(info.file_size for info in infos)) > bytes_max:
        raise DoesNotHoldError(
            f"it would unpack to {unpacked} bytes; a pack of its size unpacks to {bytes_max} at most"
        )
    entries: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    folders: set[str] = set()
    for info in infos:
        # The name as it stands in the archive: zipfile itself cuts names at a NUL byte.
        require_safe(info.orig_filename)
        folder, _, path = info.filename.partition("/")
        folders.add(folder)
        if info.is_dir() and info.file_size == 0:
            continue
        _require_plain(info)
        if info.filename.casefold() in seen:
            raise DoesNotHoldError(f"{path} is in the pack twice")
        seen.add(info.filename.casefold())
        entries[path] = info
    if len(folders) != 1:
        raise DoesNotHoldError(f"a pack has one folder, this has {len(folders)}: {', '.join(sorted(folders))[:200]}")
    for path in (MANIFEST, DESCRIPTION):
        if path not in entries:
            raise DoesNotHoldError(f"{path} is missing: it is not in the pack")
    return entries, folders.pop()


def _require_plain(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise DoesNotHoldError(f"{info.filename} is encrypted; no file of a pack is")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise DoesNotHoldError(f"{info.filename} is packed by method {info.compress_type}; packs use deflate")
