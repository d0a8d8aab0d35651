"""JSON that is a text within a row: a payload that a message carries, as it is or in base64."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import polars as pl

from fridge_pipeline.catalogue.tenant import ID_LENGTH_MAX
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.reading import Reason
from fridge_pipeline.ingest.rules.source import Source, holder_of, own

_EACH = "*"

#: A longer text is no field: it is longer than any id may be.
_FIELD_LENGTH_MAX = ID_LENGTH_MAX + 100

#: Of base64's alphabet for addresses to the usual one.
_USUAL = str.maketrans("-_", "+/")

_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, from an escape such as \ud800


def _first_of_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    first = dict(reversed(pairs))
    return dict(reversed(first.items()))


#: Of a repeated key the first counts, and a number stays as it is written.
DECODER = json.JSONDecoder(object_pairs_hook=_first_of_each, parse_float=str)


def text_of(value: object) -> str | None:
    """A JSON value as the text of a field, None for null."""
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
    try:
        return json.dumps(value)
    except RecursionError:  # as deep as a decoder goes, and no field
        return str(type(value)())


def short(value: object) -> object:
    """A value that stands beside many records, which each have a copy of it: as long as a field may be."""
    if isinstance(value, (list, dict)):
        return type(value)()  # which is still no id
    return value[:_FIELD_LENGTH_MAX] if isinstance(value, str) else value


def is_id(value: object) -> bool:
    """Whether a JSON value may be an id: text, a number, or none."""
    return isinstance(value, str | int | None) and not isinstance(value, bool)


def with_embedded(rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    """The rows with the columns that lie in embedded JSON, as text; null where there is none."""
    inner = {column: holder for column in source.named if (holder := holder_of(column, source.embedded))}
    columns = [column for column in inner if own(column) not in rows.columns]
    if not columns:
        return rows
    values: dict[str, list[str | None]] = {own(column): [] for column in columns}
    no_ids = [False] * rows.height
    for holder in {inner[column] for column in columns}:
        names = [
            (own(column), column.removeprefix(f"{holder}."), column in source.id_columns)
            for column in columns
            if inner[column] == holder
        ]
        within = [place.removeprefix(f"{holder}.") for place in source.embedded if place.startswith(f"{holder}.")]
        for place, text in enumerate(rows[own(holder)].cast(pl.String)):
            opened = None if text is None else decoded_within(decoded_text(text), within)
            for name, path, must_be_id in names:
                value = walk(opened, path)
                values[name].append(text_of(value))
                no_ids[place] |= must_be_id and not is_id(value)
    found = [pl.Series(name, texts, dtype=pl.String) for name, texts in values.items()]
    fault = pl.when(pl.lit(pl.Series(no_ids))).then(pl.lit(Reason.ID_NOT_TEXT.value))
    return rows.with_columns(*found, fault=pl.coalesce("fault", fault))


def walk(value: object, path: str) -> object:
    """What lies in a value, part by part until the rest is a key; None where nothing does."""
    dot = "."
    while dot:
        if isinstance(value, dict) and path in value:
            return value[path]
        part, dot, path = path.partition(".")
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def decoded_within(whole: object, places: Iterable[str]) -> Any:
    """What a line holds, with the texts at these places, through arrays too, as the JSON that they are.

    In arrays as deep as a decoder goes they stay texts.
    """
    with suppress(RecursionError):
        for place in sorted(places, key=len):  # one may lie in another
            whole = _with_decoded(whole, place.split("."))
    return whole


def _with_decoded(value: object, keys: Sequence[str]) -> object:
    if isinstance(value, list):
        return [_with_decoded(each, keys) for each in value]
    if not keys:
        return decoded_text(value) if isinstance(value, str) else value
    if not isinstance(value, dict):
        return value
    return {key: _with_decoded(inner, keys[1:]) if keys[0] in (key, _EACH) else inner for key, inner in value.items()}


def decoded_text(text: str) -> object:
    """What is no JSON stays a text."""
    plain = text.strip(BLANK)
    if plain[:1] not in ("{", "["):
        plain = _of_base64(plain).strip(BLANK)
    try:
        return DECODER.decode(plain) if plain else text
    except (ValueError, RecursionError):
        return text


def _of_base64(text: str) -> str:
    """What base64 says, of either alphabet, with its ``=`` at the end or without; nothing where it is none."""
    usual = text.rstrip("=").translate(_USUAL)
    try:
        return base64.b64decode(usual + "=" * (-len(usual) % 4), validate=True).decode(errors="replace")
    except (ValueError, binascii.Error):
        return ""
