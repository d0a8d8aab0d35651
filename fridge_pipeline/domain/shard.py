"""The shard: a share of a heavy hour's landing files, so that several runs can load the hour at once."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

#: More runs than this would wait for one another, or for the database, and not for files.
SHARDS_MAX = 64

_TEXT = re.compile(r"([0-9]{1,3})/([0-9]{1,3})")


class NotAShardError(ValueError):
    """The text names no shard."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard ``number`` of ``count``, counted from 1: the files whose path falls to it.

    Every path falls to exactly one of ``count`` shards, the same in every process and on every machine. A file is
    never divided. Raises ``NotAShardError`` for numbers out of range.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count <= SHARDS_MAX:
            raise NotAShardError(f"a shard is 1/1 to {SHARDS_MAX}/{SHARDS_MAX}, got {self}")

    @classmethod
    def from_text(cls, text: str) -> Shard:
        """The shard that ``2/4`` names. Raises ``NotAShardError``."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise NotAShardError(f"a shard is written as 2/4, got {text!r}")
        return cls(int(found[1]), int(found[2]))

    def holds(self, path: str) -> bool:
        """Whether the landing file of this path falls to this shard."""
        digest = hashlib.sha256(path.encode()).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
