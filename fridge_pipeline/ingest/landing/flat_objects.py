"""JSON objects of one shape, one per line, split at their quotes: a third of what decoding them costs.

A stream mostly sends the same members in the same order, flat, and texts without escapes. Then all that stands between
the quotes is the same on every line, except the values. What differs in anything else is for the decoder.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fridge_pipeline.ingest.landing.json_columns import JsonColumns

#: No text in JSON holds one, and splitting would not notice.
_CONTROL = bytes(code for code in range(32) if code != ord("\n"))

#: Beyond, splitting costs more than decoding the few members that are read.
_PARTS_MAX = 60

#: Numbers of which decoder and splitter make the same text.
_NUMBER = r"(?:0|-?[1-9][0-9]{0,17}|-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17})"
_BARE = re.compile(rf"([ \t]*:[ \t]*)({_NUMBER}|null)([ \t]*[,}}][ \t]*)")


@dataclass(slots=True)
class _Shape:
    """The ``parts`` of a line between its quotes, and at which of these places the ``members``' values are.

    A value that is no text has something ``around`` it there.
    """

    parts: list[str]
    members: dict[str, int] = field(default_factory=dict)
    around: dict[int, tuple[str, str]] = field(default_factory=dict)


def flat_rows(data: bytes, lines: pl.DataFrame, columns: JsonColumns) -> pl.DataFrame | None:
    """The rows of these lines, the text of which is ``data``; None unless all are objects of the first one's shape."""
    if columns.records is not None or b"\\" in data or len(data.translate(None, _CONTROL)) != len(data):
        return None
    shape = _shape_of(data.partition(b"\n")[0].decode())
    places = _places(shape, columns.members) if shape is not None else None
    if shape is None or places is None:
        return None
    try:
        split = pl.read_csv(
            data,
            has_header=False,
            separator='"',
            quote_char=None,
            schema={str(place): pl.String for place in range(len(shape.parts))},
            columns=list(shape.members.values()),
            empty_string_is_null=False,
        )
    except (pl.exceptions.ComputeError, pl.exceptions.NoDataError):
        return None  # a line with more quotes
    if split.height != lines.height or not lines.hstack(split).select(_is_of_shape(shape)).item():
        return None
    values = split.select(
        (_value(shape, places[name]) if name in places else pl.lit(None, pl.String)).alias(name)
        for name in columns.members
    )
    return lines.hstack(values).with_columns(fault=pl.lit(None, pl.String)).select(columns.names)


def _shape_of(line: str) -> _Shape | None:
    """The shape of a flat object; None where it is none, or has a member twice."""
    try:
        members = json.loads(line, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return None
    parts = line.split('"')
    if not line.startswith("{") or len(parts) > _PARTS_MAX:
        return None
    shape, place = _Shape(parts), 1
    for key, value in members:
        if key in shape.members:
            return None
        if isinstance(value, str):
            shape.members[key], place = place + 2, place + 4
        elif bare := _BARE.fullmatch(parts[place + 1]):
            shape.around[place + 1] = (bare[1], bare[3])
            shape.members[key], place = place + 1, place + 2
        else:
            return None
    return shape if members else None


def _places(shape: _Shape, members: Mapping[str, str]) -> dict[str, int] | None:
    """Where the columns' values are; a member that no line has has no place. None where one might lie in another."""
    if any("." in member and member.partition(".")[0] in shape.members for member in members.values()):
        return None
    return {name: shape.members[member] for name, member in members.items() if member in shape.members}


def _is_of_shape(shape: _Shape) -> pl.Expr:
    """Whether each line is what comes of joining its values and what the first line has between them."""
    values = set(shape.members.values())
    pieces, before = list[pl.Expr](), ""
    for place, text in enumerate(shape.parts):
        if place in values:
            pieces += [pl.lit(before), pl.col(str(place))]
        before = '"' if place in values else f'{before}{text}"'
    is_joined = pl.concat_str(*pieces, pl.lit(before.removesuffix('"'))) == pl.col("raw")
    are_plain = [
        pl.col(str(place)).str.contains(f"^{re.escape(before)}(?:{_NUMBER}|null){re.escape(behind)}$")
        for place, (before, behind) in shape.around.items()
    ]
    return pl.all_horizontal(is_joined, *are_plain).fill_null(value=False).all()


def _value(shape: _Shape, place: int) -> pl.Expr:
    text = pl.col(str(place))
    if place not in shape.around:
        return text
    before, behind = shape.around[place]
    number = text.str.slice(len(before)).str.strip_suffix(behind)
    return pl.when(number != "null").then(number)
