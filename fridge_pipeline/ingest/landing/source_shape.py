"""Which columns a file of a source has, and of which types: by its header or schema, and by the first of its rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from fridge_pipeline.catalogue.tenant import ID_LENGTH_MAX
from fridge_pipeline.ingest.landing.csv_records import Record, read_record
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.source import Source
from fridge_pipeline.ingest.rules.source_contract import COLUMNS_MAX, NUMBER, TEXT, Shape

#: So many of a file's first rows are looked at.
ROWS_MAX = 100

_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]*)?([eE][+-]?[0-9]+)?")
_TYPES = {str: TEXT, int: NUMBER, float: NUMBER, bool: "boolean", list: "array"}


@dataclass(slots=True)
class Columns:
    """What a reader has found: of csv the ``names`` in their order, of parquet the ``types``, of JSON nothing."""

    names: Sequence[str] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    def shape(self, file_format: str, source: Source, rows: pl.DataFrame) -> Shape:
        """With what the first rows say."""
        if self.types:
            found = {name: {dtype} - {"null"} for name, dtype in self.types.items()}
        else:
            found = {name: set[str]() for name in self.names}
            first = rows.head(ROWS_MAX).filter(pl.col("fault").is_null())["raw"]
            for text in first if first.dtype == pl.String else ():
                for name, dtype in self._cells(text, source):
                    if name in found or len(found) < COLUMNS_MAX:
                        found.setdefault(name, set()).update({dtype} if dtype else ())
        return Shape.of(file_format, _with_sensors_as_one(found, source))

    def _cells(self, text: str, source: Source) -> Iterator[tuple[str, str | None]]:
        if not self.names:
            try:
                yield from _leaves(json.loads(text), is_written=source.is_expanded)
            except (ValueError, RecursionError):
                return
        elif isinstance(record := read_record(text, 0, source.csv.delimiter), Record):
            for name, cell in zip(self.names, record.fields, strict=False):
                value = cell.strip(BLANK)
                yield name, (NUMBER if _NUMBER.fullmatch(value) else TEXT) if value else None


def _leaves(value: object, path: str = "", *, is_written: bool) -> Iterator[tuple[str, str | None]]:
    """The names of what is no object, dots between the keys and cut off, with its type; none of null.

    ``is_written``: fractions are there as they were written, as texts.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            name = (f"{path}.{key}" if path else str(key))[:ID_LENGTH_MAX]  # keys within one another add up
            yield from _leaves(inner, name, is_written=is_written)
    else:
        is_number = is_written and isinstance(value, str) and _NUMBER.fullmatch(value)
        yield path, NUMBER if is_number else _TYPES.get(type(value))


def _with_sensors_as_one(found: Mapping[str, set[str]], source: Source) -> Mapping[str, set[str]]:
    """The columns of a wide file that hold one sensor each are one: another sensor is no other column."""
    wide = set(source.wide_columns(list(found)))
    if not wide:
        return found
    sensors = set().union(*(found[name] for name in wide))
    return {**{name: types for name, types in found.items() if name not in wide}, f"wide {source.wide}": sensors}
