"""A private copy of a landing file: what is hashed is exactly what is parsed, even while it is rewritten."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from fridge_pipeline.ingest.landing.landing_errors import LandingError, UnreadableFileError
from fridge_pipeline.ingest.landing.unpacking import UNPACKED, Packing, starting_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from fridge_pipeline.ingest.rules.landing_files import FileFormat

#: Most bytes a compressed file may unpack to. An hour of a million sensors with a reading a minute is
#: 4 GB of csv; a file that unpacks to more than this is a gzip bomb or a mistake, and would fill the disk.
PLAIN_BYTES_MAX = 16 * 2**30

#: So many first bytes tell what a file is; the mark of a tar archive ends at byte 262.
START_BYTES = 512

_READ_BYTES = 2**18


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
    source: BinaryIO,
    directory: Path,
    file_format: FileFormat | None,
    plain_bytes_max: int = PLAIN_BYTES_MAX,
    *,
    by_content: bool = False,
) -> Snapshot:
    """Copy a file's bytes once into ``directory``, hashing and decompressing on the way, in flat memory.

    The name says whether it is compressed, or, ``by_content``, its first bytes.
    Raises ``UnreadableFileError`` when the source stops giving its bytes.
    """
    handle, name = tempfile.mkstemp(prefix="landing-", suffix=".snapshot", dir=directory)
    copy = Path(name)
    delivered, damage = _Delivered(source), None
    try:
        with os.fdopen(handle, "wb") as target:
            chunks = iter(delivered)
            is_gzip = file_format is not None and file_format.is_gzip
            packing = Packing.GZIP if is_gzip else Packing.NONE
            if by_content:
                start, chunks = starting_with(START_BYTES, chunks)
                packing = Packing.of(start)
            if packing is not Packing.NONE:
                unpacked = UNPACKED[packing](chunks, plain_bytes_max)
                target.writelines(unpacked)
                damage = unpacked.damage
                deque(chunks, maxlen=0)  # what is behind the damage is hashed all the same
            target.writelines(chunks)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return Snapshot(copy, f"sha256:{delivered.digest.hexdigest()}", delivered.size, delivered.start, damage)


class _Delivered:
    """The bytes of a file as they are delivered, hashed and counted on their way."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.digest = hashlib.sha256()
        self.size = 0
        self.start = b""

    def __iter__(self) -> Iterator[bytes]:
        """Chunk by chunk."""
        for chunk in _chunks(self._source):
            self.digest.update(chunk)
            self.size += len(chunk)
            self.start += chunk[: START_BYTES - len(self.start)]
            yield chunk


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
