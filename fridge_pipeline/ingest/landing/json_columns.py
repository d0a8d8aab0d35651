"""Which members of a JSON object are read: the four fields, or what a source names. Dots walk into nested objects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Any

import polars as pl

from fridge_pipeline.ingest.landing.nested_records import records_of
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.embedded_json import decoded_text, decoded_within, walk
from fridge_pipeline.ingest.rules.reading import FIELDS, IDS

#: Between brackets, where one object ends and the next begins. Outside of texts, nothing else in JSON looks like this.
BETWEEN = rf"\}}[{BLANK}]*\{{"

_KEY = rf'"([^"\\]+)"[{BLANK}]*:'

#: So many ways to members are looked for at once; 8,000 of them took minutes for a block of a megabyte.
WAYS_MAX = 3_000

#: The number of a line, as the first key of the object on it: polars decodes all lines as one array.
NUMBER = "number of the line"


@dataclass(frozen=True)
class JsonColumns:
    """For each column of the rows the member that it holds. ``ids`` are columns that are text or a number as written.

    A key may hold dots itself, as of an object that was flattened: the shortest way to a member counts.
    """

    members: Mapping[str, str] = field(default_factory=lambda: {name: name for name in FIELDS})
    ids: Collection[str] = IDS

    #: Of all keys of some objects, which more are read, and as what; none where nobody asks.
    further: Callable[[Sequence[str]], Mapping[str, str]] | None = None

    #: Where records lie in the objects (``nested_records``); None where each object is one.
    records: str | None = None

    #: Columns that no object needs to have: a device says so where there is something to say.
    optional: Collection[str] = ()
    #: Where in objects that hold records a text is JSON of its own.
    embedded: Collection[str] = ()
    #: Whether the records are SenML, whose base fields hold for those behind them.
    are_senml: bool = False

    def among(self, lines: pl.DataFrame) -> JsonColumns:
        """With the further members that these objects have."""
        if self.further is None:
            return self
        texts = lines["raw"]
        if self.records is not None and self.embedded:  # of records within a text the keys are not to be seen
            texts = pl.Series([_shown(self._opened(decoded_text(text))) for text in texts])
        keys = texts.str.extract_all(_KEY).explode().str.extract(_KEY).unique()
        members = {**self.members, **self.further(sorted(keys.drop_nulls()))}
        return replace(self, members=members, further=None)

    @property
    def names(self) -> list[str]:
        """The columns of every frame of rows."""
        return ["line", *self.members, "fault", "raw"]

    @property
    def schema(self) -> pl.Schema:
        """Their types."""
        return pl.Schema({"line": pl.Int64()} | dict.fromkeys(self.names[1:], pl.String()))

    @cached_property
    def decoded(self) -> pl.Struct | None:
        """What polars decodes: every member as text; None where one is on the way to another, or too many are."""
        if sum(member.count(".") + 1 for member in self.members.values()) > WAYS_MAX:
            return None
        tree: dict[str, Any] = {NUMBER: pl.Int64()}
        for member in self.members.values():
            for path in _ways(member):
                node = tree
                for part in path[:-1]:
                    node = node.setdefault(part, {})
                    if not isinstance(node, dict):
                        return None
                if isinstance(node.setdefault(path[-1], pl.String()), dict):
                    return None
        return _struct(tree)

    def of_struct(self, decoded: pl.Expr) -> list[pl.Expr]:
        """The columns, of what polars decoded."""
        return [_member(decoded, member).alias(name) for name, member in self.members.items()]

    def of_object(self, decoded: Mapping[str, object]) -> dict[str, object]:
        """The columns' values, of a decoded object."""
        return {name: walk(decoded, member) for name, member in self.members.items()}

    def rows_of(self, decoded: Any, text: str) -> Iterable[tuple[dict[str, object] | None, str]]:
        """Of a decoded object, None for what is none, each row: the columns' values, and what it says."""
        if decoded is None:
            return [(None, text)]
        if self.records is None:
            return [(self.of_object(decoded), text)]
        return records_of(self._opened(decoded), self.records, self.members, are_senml=self.are_senml)

    def _opened(self, decoded: object) -> object:
        """With the JSON in texts as what it says."""
        within_records = [f"{self.records}.{place}" for place in self.embedded if self.records]
        return decoded_within(decoded, [*self.embedded, *within_records])

    @cached_property
    def odd(self) -> str:
        """A line that polars does not decode as it is written: no object, several, an id that is not a whole number."""
        return rf"^[^{{]|{BETWEEN}" + (rf"|{self._id}(?:-?[0-9]+[.eE]|t|f)" if self.ids else "")

    @cached_property
    def fraction_as_id(self) -> str:
        """An id that is a number with a fraction or exponent: its key, and the number."""
        return rf"({self._id})(-?[0-9]+(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+))"

    @property
    def _id(self) -> str:
        keys = {path[-1] for name in self.ids for path in _ways(self.members[name])}
        return rf'"(?:{"|".join(map(re.escape, sorted(keys)))})"[ \t\r]*:[ \t\r]*'

    def keys_of(self, name: str) -> set[str]:
        """What the last key on the way to a column's member may be; nothing where it is a place, or any key."""
        keys = [path[-1].removeprefix("/") for path in _ways(self.members[name].removesuffix(".*"))]
        return set() if keys[-1] == "*" or keys[-1].isdecimal() else set(keys)


def _shown(opened: object) -> str:
    return opened if isinstance(opened, str) else json.dumps(opened, ensure_ascii=False)


def _ways(member: str) -> list[tuple[str, ...]]:
    """The keys that lead to a member, the last of them with dots or without."""
    parts = member.split(".")
    return [(*parts[:depth], ".".join(parts[depth:])) for depth in range(len(parts))]


def _struct(tree: Mapping[str, Any]) -> pl.Struct:
    return pl.Struct({key: _struct(node) if isinstance(node, dict) else node for key, node in tree.items()})


def _member(decoded: pl.Expr, member: str) -> pl.Expr:
    found = [reduce(lambda value, key: value.struct.field(key), path, decoded) for path in _ways(member)]
    return pl.coalesce(found) if found[1:] else found[0]


#: The four fields under their own names.
CANONICAL = JsonColumns()
