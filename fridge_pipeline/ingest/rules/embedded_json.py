"""JSON that is a text within a row: a payload that a message carries, as it is or in base64."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence

import polars as pl

from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.source import Source, own

_START, _EACH = r"^[{\[]", "*"

#: Of the alphabet for addresses to the usual one.
_USUAL = str.maketrans("-_", "+/")


def with_embedded(rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    """The rows with the columns that lie in embedded JSON, as text; null where there is none."""
    inner = {column: holder for column in source.named if (holder := _innermost(column, source.embedded))}
    inner = {column: holder for column, holder in inner.items() if own(column) not in rows.columns}
    texts: dict[str, pl.Series] = {}
    for holder in {*inner.values()}:
        _open(holder, rows, source, texts)
    return rows.with_columns(
        _within(texts[holder], column.removeprefix(f"{holder}.")).alias(own(column)) for column, holder in inner.items()
    )


def _open(holder: str, rows: pl.DataFrame, source: Source, texts: dict[str, pl.Series]) -> pl.Series:
    """The JSON that a column holds, which may lie in other JSON itself; each is opened once."""
    if holder not in texts:
        outer = _innermost(holder, source.embedded)
        column = (
            rows[own(holder)].cast(pl.String)
            if outer is None
            else _within(_open(outer, rows, source, texts), holder.removeprefix(f"{outer}."))
        )
        texts[holder] = _json_texts(column)
    return texts[holder]


def _innermost(column: str, embedded: Sequence[str]) -> str | None:
    return max((holder for holder in embedded if column.startswith(f"{holder}.")), key=len, default=None)


def _within(texts: pl.Series, column: str) -> pl.Series:
    """A member of JSON texts: by its whole name, where that has dots, or by its parts."""
    first, *others = (texts.str.json_path_match(path) for path in _paths(column))
    return first if not others else first.zip_with(first.is_not_null(), others[0])


def _json_texts(column: pl.Series) -> pl.Series:
    """The texts, those in base64 as what they say; what is neither gives a text without any column."""
    texts = column.str.strip_chars(BLANK)
    is_plain = texts.str.contains(_START)
    if is_plain.all():
        return texts
    coded = texts.set(is_plain.fill_null(value=False), None)
    decoded = _as_text(coded.str.decode("base64", strict=False))
    is_left = coded.is_not_null() & decoded.is_null()
    if is_left.any():
        decoded = decoded.zip_with(~is_left, coded.map_elements(_of_base64, pl.String))
    return decoded.zip_with(~is_plain.fill_null(value=False), texts)


def _as_text(coded: pl.Series) -> pl.Series:
    try:
        return coded.cast(pl.String)
    except pl.exceptions.ComputeError:  # one that is no UTF-8 stops all
        plain = [None if value is None else value.decode(errors="replace") for value in coded]
        return pl.Series(plain, dtype=pl.String)


def _of_base64(text: str) -> str | None:
    """What base64 says, of either alphabet, with its ``=`` at the end or without; None where it is none."""
    usual = text.rstrip("=").translate(_USUAL)
    try:
        return base64.b64decode(usual + "=" * (-len(usual) % 4), validate=True).decode(errors="replace")
    except (ValueError, binascii.Error):
        return None


def _paths(column: str) -> list[str]:
    """As JSONPath: by its whole name, where that has dots, and by its parts; a number is a place in an array."""
    parts = "".join(f"[{part}]" if part.isdecimal() else f"[{json.dumps(part)}]" for part in column.split("."))
    return [f"$[{json.dumps(column)}]", f"${parts}"] if "." in column else [f"${parts}"]


def decoded_within(whole: object, places: Iterable[str]) -> object:
    """What a line holds, with the texts at these places, through arrays too, as the JSON that they are."""
    for place in sorted(places, key=len):  # one may lie in another
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
        plain = text if is_plain else _of_base64(text)
        return text if plain is None else json.loads(plain, parse_float=str)
    except (ValueError, RecursionError):
        return text
