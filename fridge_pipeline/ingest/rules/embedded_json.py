"""JSON that is a text within a row: a payload that a message carries, as it is or in base64."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable

import polars as pl

from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.source import Source, holder_of, own

_START, _EACH = r"^[{\[]", "*"


def with_embedded(rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    """The rows with the columns that lie in embedded JSON, as text; null where there is none."""
    inner = {
        column: holder
        for column in source.named
        if own(column) not in rows.columns and (holder := holder_of(column, source.embedded))
    }
    if not inner:
        return rows
    texts = {holder: _json_texts(rows[own(holder)].cast(pl.String)) for holder in set(inner.values())}
    found = {
        column: [texts[holder].str.json_path_match(path) for path in _paths(column.removeprefix(f"{holder}."))]
        for column, holder in inner.items()
    }
    return rows.with_columns(pl.coalesce(values).alias(own(column)) for column, values in found.items())


def _json_texts(column: pl.Series) -> pl.Series:
    """The texts, those in base64 as what they say; what is neither gives a text without any column."""
    texts = column.str.strip_chars(BLANK)
    is_plain = texts.str.contains(_START)
    if is_plain.all():
        return texts
    coded = texts.set(is_plain, None).str.decode("base64", strict=False)
    try:
        decoded = coded.cast(pl.String)
    except pl.exceptions.ComputeError:  # one that is no UTF-8 stops all
        plain = [None if value is None else value.decode(errors="replace") for value in coded]
        decoded = pl.Series(plain, dtype=pl.String)
    return decoded.zip_with(~is_plain.fill_null(value=False), texts)


def _paths(column: str) -> list[str]:
    """As JSONPath: by its whole name, where that has dots, and by its parts; a number is a place in an array."""
    parts = "".join(f"[{part}]" if part.isdecimal() else f"[{json.dumps(part)}]" for part in column.split("."))
    return [f"$[{json.dumps(column)}]", f"${parts}"] if "." in column else [f"${parts}"]


def decoded_within(whole: object, places: Iterable[str]) -> object:
    """What a line holds, with the texts at these places, through arrays too, as the JSON that they are."""
    for place in places:
        whole = _with_decoded(whole, place.split("."))
    return whole


def _with_decoded(value: object, keys: list[str]) -> object:
    if isinstance(value, list):
        return [_with_decoded(each, keys) for each in value]
    if not keys:
        return decoded_text(value) if isinstance(value, str) else value
    if not isinstance(value, dict):
        return value
    return {key: _with_decoded(inner, keys[1:]) if keys[0] in (key, _EACH) else inner for key, inner in value.items()}


def decoded_text(text: str) -> object:
    """What is no JSON stays a text."""
    try:
        is_plain = text.strip(BLANK)[:1] in ("{", "[")
        plain = text if is_plain else base64.b64decode(text, validate=True).decode()
        return json.loads(plain, parse_float=str)
    except (ValueError, binascii.Error, RecursionError):
        return text
