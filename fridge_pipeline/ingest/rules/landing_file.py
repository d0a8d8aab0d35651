"""The landing file: which names in a landing folder are batches of readings, and in which format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fridge_pipeline.calendar.hour import Hour

UNFINISHED_PREFIXES = (".", "_")
UNFINISHED_SUFFIXES = (".tmp", ".part")

_UNDECODABLE_BYTE = re.compile("[\udc80-\udcff]")  # how Python shows a byte that is not UTF-8 (PEP 383)
_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2})")


class FileFormat(StrEnum):
    """What the suffix of a landing file promises about its bytes."""

    PARQUET = "parquet"
    CSV = "csv"
    CSV_GZ = "csv.gz"
    NDJSON = "ndjson"
    NDJSON_GZ = "ndjson.gz"

    @property
    def is_gzip(self) -> bool:
        """Whether the file as a whole is a gzip stream (parquet compresses inside itself)."""
        return self in (FileFormat.CSV_GZ, FileFormat.NDJSON_GZ)

    @classmethod
    def of(cls, name: str) -> FileFormat | None:
        """The format a file name promises, upper or lower case; None for a suffix we cannot read."""
        lowered = name.lower()
        return next((known for known in cls if lowered.endswith(f".{known.value}")), None)


@dataclass(frozen=True, slots=True)
class LandingFile:
    """One batch of raw readings as a gateway delivered it, as the listing of its folder shows it.

    ``path`` is relative to the landing root, ``2026-01-24/18/name.csv.gz``, and is plain text that a
    database can store (see ``storable_path``). ``size`` counts bytes as delivered, and ``version`` is
    whatever the store changes when the content may have changed: the modification time in nanoseconds of
    a local file, the entity tag of an object. ``inode`` is which file of its disk a local one is, None for what is no
    regular file, and for objects.
    """

    path: str
    landing_hour: Hour
    size: int
    version: str
    inode: int | None = None

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return self.path.rpartition("/")[2]

    @property
    def format(self) -> FileFormat | None:
        """The format the name promises; None when it is none of ours, so that the file is unreadable."""
        return FileFormat.of(self.name)


def is_landing_file(name: str) -> bool:
    """Whether a file of this name in a landing folder has been delivered.

    Only names that announce themselves as unfinished (``.x``, ``_x``, ``x.tmp``, ``x.part``) are not there
    yet. A name of an unknown format, such as ``readings.xlsx``, *is* a landing file: somebody delivered it
    and must hear that it cannot be read, because nothing vanishes.
    """
    return not name.startswith(UNFINISHED_PREFIXES) and not name.lower().endswith(UNFINISHED_SUFFIXES)


def storable_path(path: str) -> str:
    r"""A path as the operating system gives it, as valid UTF-8 text without loss.

    Bytes that are not UTF-8 (lone surrogates in Python) become ``\xNN`` and a backslash becomes ``\\``; all
    other names stay as they are. ``system_path`` is the inverse.
    """
    doubled = path.replace("\\", "\\\\")
    return _UNDECODABLE_BYTE.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", doubled)


def system_path(path: str) -> str:
    r"""The path as the operating system knows it, from the text that ``storable_path`` made."""
    return _ESCAPE.sub(lambda escape: _unescaped(escape[1]), path)


def _unescaped(escaped: str) -> str:
    return "\\" if escaped == "\\" else chr(0xDC00 + int(escaped[1:], 16))
