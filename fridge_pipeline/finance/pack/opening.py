"""Opens a pack that anybody may have made: bounded in size, and nothing of it is unpacked by its own names.

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
