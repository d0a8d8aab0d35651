"""Which members of a JSON object are read: the four fields, or what a source names. Dots walk into nested objects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import polars as pl

from fridge_pipeline.ingest.landing.nested_records import records_of
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.embedded_json import decoded_text, decoded_within
from fridge_pipeline.ingest.rules.reading import FIELDS, IDS

#: Between brackets, where one object ends and the next begins. Outside of texts, nothing else in JSON looks like this.
BETWEEN = rf"\}}[{BLANK}]*\{{"

_KEY = rf'"([^"\\]+)"[{BLANK}]*:'

#: The number of a line, as the first key of the object on it: polars decodes all lines as one array.
NUMBER = "number of the line"


@dataclass(frozen=True)
class JsonColumns:
    """For each column of the rows the member that it holds. ``ids`` are columns that are text or a number as written.

    A member is found by its whole name first: an object may have been flattened, and then its keys hold the dots.
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
    def decoded(self) -> pl.Struct:
        """What polars decodes: every member as text."""
        tree: dict[str, Any] = {NUMBER: pl.Int64()}
        for member in self.members.values():
            for path in {(member,), _path(member)}:
                node = tree
                for part in path[:-1]:
                    node = node.setdefault(part, {})
                node[path[-1]] = pl.String()
        return _struct(tree)

    def of_struct(self, decoded: pl.Expr) -> list[pl.Expr]:
        """The columns, of what polars decoded."""
        return [_member(decoded, member).alias(name) for name, member in self.members.items()]

    def of_object(self, decoded: Mapping[str, object]) -> dict[str, object]:
        """The columns' values, of a decoded object."""
        return {name: _value(decoded, member) for name, member in self.members.items()}

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
        keys = {key for name in self.ids for member in [self.members[name]] for key in (member, _path(member)[-1])}
        return rf'"(?:{"|".join(map(re.escape, sorted(keys)))})"[ \t\r]*:[ \t\r]*'

    def key_of(self, name: str) -> str:
        """The last key on the way to a column's member; nothing where it is a place, or any key."""
        last = _path(self.members[name].removesuffix(".*"))[-1].removeprefix("/")
        return "" if last == "*" or last.isdecimal() else last


def _shown(opened: object) -> str:
    return opened if isinstance(opened, str) else json.dumps(opened, ensure_ascii=False)


def _path(member: str) -> tuple[str, ...]:
    return tuple(member.split("."))


def _struct(tree: Mapping[str, Any]) -> pl.Struct:
    return pl.Struct({key: _struct(node) if isinstance(node, dict) else node for key, node in tree.items()})


def _member(decoded: pl.Expr, member: str) -> pl.Expr:
    nested = decoded
    for part in _path(member):
        nested = nested.struct.field(part)
    return pl.coalesce(decoded.struct.field(member), nested) if "." in member else nested


def _value(decoded: Mapping[str, object], member: str) -> object:
    if member in decoded:
        return decoded[member]
    value: object = decoded
    for part in _path(member):
        value = value.get(part) if isinstance(value, dict) else None
    return value


#: The four fields under their own names.
CANONICAL = JsonColumns()
