"""The shard: a share of a heavy hour's landing files, so that several runs can load the hour at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from fridge_pipeline.ingest.rules.landing_file import LandingFile

#: More runs than this would wait for one another, or for the database, and not for files.
SHARDS_MAX = 64

_TEXT = re.compile(r"([0-9]{1,3})/([0-9]{1,3})")


class NotAShardError(ValueError):
    """The text names no shard."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard ``number`` of ``count``, counted from 1: that share of an hour's files, by bytes, neighbours together.

    Of one listing every file falls to exactly one of ``count`` shards. When files land between two listings, one at
    the edge may fall to two shards, which load it once, or to none, which leaves it to the hour's usual run. A file is
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

    def of(self, files: Sequence[LandingFile]) -> list[LandingFile]:
        """The shard's share of an hour's files, which come in one order whoever lists them."""
        weights = [file.size + 1 for file in files]  # empty ones are shared out too
        total = sum(weights)
        return [
            file
            for file, weight, end in zip(files, weights, accumulate(weights), strict=True)
            if (2 * end - weight) * self.count // (2 * total) == self.number - 1  # where its middle byte falls
        ]

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
