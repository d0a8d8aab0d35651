"""The contract of a source: the columns and types that its files have had, and how another file differs.

A renamed field is money that nobody misses, so a column that is new, missing, or holds other values than ever before is
told the first time. What is told is known from then on; where the source refuses it, only once somebody accepts it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fridge_pipeline.ingest.rules.source import Source

#: So many columns of a file are looked at, and so much of their names.
COLUMNS_MAX, NAME_LENGTH_MAX = 1_000, 200

#: So many changes are told of a file.
CHANGES_SHOWN = 10

#: What a reading is told apart by.
IDENTITY = ("tenant_id", "sensor_id", "wide", "recorded_at")

#: Numbers are texts, too: a column of ids may hold any of both.
TEXT, NUMBER = "text", "number"


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a file in a format: each column with the types of its values, none where it has no value."""

    format: str
    columns: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, file_format: str, columns: Mapping[str, Iterable[str]]) -> Shape:
        """The first of the columns, by their names."""
        first = {name: columns[name] for name in sorted(columns)[:COLUMNS_MAX]}
        return cls(file_format, {_storable(name): frozenset(types) for name, types in first.items()})

    def as_json(self) -> dict[str, list[str]]:
        """As it goes on record."""
        return {name: sorted(types) for name, types in self.columns.items()}

    def sha256(self, source: str | None, source_sha256: str | None) -> str:
        """Which shape of which definition of a source it is."""
        what = json.dumps([source, source_sha256, self.format, self.as_json()], sort_keys=True)
        return hashlib.sha256(what.encode(errors="replace")).hexdigest()


class Contract:
    """What is known of the files of one definition of a source, in one format."""

    def __init__(self) -> None:
        self._types: dict[str, set[str]] | None = None
        self._required: set[str] = set()

    @property
    def is_empty(self) -> bool:
        """Whether no file of the definition was read yet."""
        return self._types is None

    def learn(self, columns: Mapping[str, Iterable[str]]) -> None:
        """Such a file is nothing new from now on."""
        if self._types is None:
            self._types, self._required = {}, set(columns)
        for name, types in columns.items():
            self._types.setdefault(name, set()).update(types)
        self._required &= set(columns)

    def is_news(self, shape: Shape) -> bool:
        """Whether anything would be learned of it."""
        known = self._types
        return (
            known is None
            or not self._required <= shape.columns.keys()
            or any(name not in known or not types <= known[name] for name, types in shape.columns.items())
        )

    def changes(self, shape: Shape) -> list[str]:
        """How it differs from every file before, in sentences; nothing of the first file."""
        known = self._types
        if known is None:
            return []
        missing = [f"{_shown(name)} is missing" for name in sorted(self._required - shape.columns.keys())]
        new = [f"{_shown(name)} is new{_of(types)}" for name, types in shape.columns.items() if name not in known]
        retyped = [
            f"{_shown(name)} holds {_words(types)}, until now {_words(known[name])}"
            for name, types in shape.columns.items()
            if known.get(name) and not types <= _readable_as(known[name])
        ]
        return [*missing, *new, *retyped]


def keys_changed(source: Source, before: Mapping[str, object] | None) -> list[str]:
    """Which of the keys that say whose a reading is, and when, were others in an earlier definition, as it is kept."""
    now: Mapping[str, object] = json.loads(json.dumps(source.definition))
    return [] if before is None else [key for key in IDENTITY if now.get(key) != before.get(key)]


def keys_told(source: str, keys: list[str]) -> str:
    """What a person is told of the first file."""
    return (
        f"source {source} reads {' and '.join(keys)} otherwise than until now: readings of before that are delivered "
        "again may count a second time (docs/sources.md#changing-a-source)"
    )


def changes_told(changes: list[str], source: str | None) -> str:
    """What a person is told of a file."""
    more = f"; and {len(changes) - CHANGES_SHOWN} more" if len(changes) > CHANGES_SHOWN else ""
    of = f"source {source}" if source else "parquet without a source"
    return f"not the columns that files of {of} have had: {'; '.join(changes[:CHANGES_SHOWN])}{more}"


def _storable(name: str) -> str:
    return name[:NAME_LENGTH_MAX].encode(errors="replace").decode().replace("\0", "\u2400")


def _readable_as(types: set[str]) -> set[str]:
    return types | {NUMBER} if TEXT in types else types


def _shown(name: str) -> str:
    return f"column {name[:60]!r}"


def _of(types: frozenset[str]) -> str:
    return f", of {_words(types)}" if types else ""


def _words(types: Iterable[str]) -> str:
    return " and ".join(sorted(types)) or "nothing"


@dataclass(frozen=True, slots=True)
class SeenShape:
    """A row of ``source_shapes``: columns that are news, of which definition of a source, in which file."""

    shape_sha256: str
    source: str | None
    source_sha256: str | None
    format: str
    columns: dict[str, list[str]]
    changes: list[str]
    is_refused: bool
    path: str
    seen_at: datetime
