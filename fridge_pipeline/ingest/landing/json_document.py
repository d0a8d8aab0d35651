"""The records of a JSON document, each with its text and line: those of an array, an array within objects, or objects.

A document may hold several such values, one behind the other, as services write them that append to a file.

A document is read as a whole, so it is no larger than ``DOCUMENT_BYTES_MAX``; what may grow belongs into ndjson.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import polars as pl

from fridge_pipeline.ingest.landing.content import other_names
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.text_encoding import text_of
from fridge_pipeline.ingest.rules.blank import BLANK

#: Most bytes of an object with records inside it: it is taken apart as a whole, at forty times its bytes.
WHOLE_BYTES_MAX = 16 * 2**20

#: Most characters of a record.
RECORD_CHARACTERS_MAX = 4 * 2**20

#: Most bytes of a document, unpacked. Its text and the records of a batch are in memory at once.
DOCUMENT_BYTES_MAX = 128 * 2**20

#: Most keys that stand before the one that leads to the records.
KEYS_MAX = 100_000

#: So many characters of records are decoded at once.
_BATCH_LENGTH = 4 * 2**20

_BLANKS = re.compile(f"[{BLANK}]*+")

#: A text as a whole, or a bracket: what tells where a value ends without making anything of it.
_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
_SCALAR = re.compile(r'[^"\[\]{},:]++')
_DECODER = json.JSONDecoder()
_LINES = pl.Schema({"line": pl.Int64(), "raw": pl.String()})


class ArrayOnTheWayError(UnreadableFileError):
    """The records are in an array within an array: each of the outer one's elements has some."""


def record_lines(
    path: Path,
    records: str | None,
    encoding: str = "utf-8",
    bytes_max: int = DOCUMENT_BYTES_MAX,
    *,
    are_objects: bool = False,
) -> Iterator[pl.DataFrame]:
    """The records in frames of ``line``, where each starts, and ``raw``, its text in one line.

    ``records`` names the array that holds them, dots walking into objects; empty for the document itself, None where an
    array that it consists of is a record as a whole. Where records ``are_objects``, an array among them is each of its
    elements. Raises ``UnreadableFileError`` at the first step when there is no such array, and after the records before
    what is no JSON.
    """
    if (size := path.stat().st_size) > bytes_max:
        raise UnreadableFileError(
            f"a JSON document of {size} bytes, more than the limit of {bytes_max}: it is read as a whole; "
            "deliver it in parts, or as one object per line"
        )
    text = text_of(path, encoding)
    ends = _Ends(text, max(RECORD_CHARACTERS_MAX, bytes_max if bytes_max < DOCUMENT_BYTES_MAX else 0))
    keys = None if records is None else records.split(".") if records else []
    yield from _framed(text, _places(text, keys, ends, are_objects=are_objects))


def _places(text: str, keys: Sequence[str] | None, ends: _Ends, *, are_objects: bool) -> Iterator[tuple[int, int]]:
    """From where to where each record goes, of every value that stands in the document."""
    at = first = _behind(text, 0)
    while at < len(text) or at == first:
        try:
            start = _array(text, at, keys or ())
        except ArrayOnTheWayError as error:
            if at == first:
                raise
            raise UnreadableFileError(f"at character {at} {error.reason}, unlike before") from error
        if text[start : start + 1] == "[" and keys is not None:
            at = yield from _in_array(text, start + 1, ends, are_objects=are_objects)
            at = _behind(text, _end_of_objects(text, at, len(keys)))
        elif at == first and text[start : start + 1] not in ("[", "{"):
            raise UnreadableFileError(
                "empty file" if at == len(text) else "it is neither a JSON array nor a JSON object"
            )
        else:
            end = ends.of(start)
            yield start, end
            at = _behind(text, end)
        if text[at : at + 1] == ",":
            at = _behind(text, at + 1)


def _array(text: str, at: int, keys: Sequence[str]) -> int:
    """Where the array starts, of the value that starts here; without keys, where that does."""
    for depth, key in enumerate(keys):
        at = _member(text, at, key, ".".join(keys[: depth + 1]))
    if keys and text[at : at + 1] != "[":
        raise UnreadableFileError(f"{'.'.join(keys)} is no array of records")
    return at


def _member(text: str, at: int, key: str, name: str) -> int:
    """Where the value of a member starts, of the object that starts here."""
    if text[at : at + 1] == "[":
        raise ArrayOnTheWayError(f"{name} is in each element of an array")
    if text[at : at + 1] != "{":
        raise UnreadableFileError(f"there is no object that could hold {name}")
    at, keys = _behind(text, at + 1), list[str]()
    while text[at : at + 1] == '"':
        try:
            found, end = _DECODER.raw_decode(text, at)
            value = _behind(text, _behind(text, end) + 1)
            if found == key:
                return value
            keys.append(found)
            at = _behind(text, _passed(text, value))
            if len(keys) > KEYS_MAX:
                raise UnreadableFileError(f"{name} is not among the first {KEYS_MAX} keys where it would be")
        except (ValueError, RecursionError) as error:
            raise UnreadableFileError(f"it is no JSON where {name} was looked for: {error}") from error
        if text[at : at + 1] != ",":
            break
        at = _behind(text, at + 1)
    there = ", ".join(other_names(keys)) or "no keys"
    raise UnreadableFileError(f"it has no {name}; beside where it would be there are {there}")


def _in_array(text: str, at: int, ends: _Ends, *, are_objects: bool) -> Generator[tuple[int, int], None, int]:
    """From where to where each value of an array goes; returns where the array ends."""
    at = _behind(text, at)
    while text[at : at + 1] != "]":
        if are_objects and text[at : at + 1] == "[":
            end = yield from _in_array(text, at + 1, ends, are_objects=False)
        else:
            end = ends.of(at)
            yield at, end
        at = _behind(text, end)
        if text[at : at + 1] == ",":
            at = _behind(text, at + 1)
        elif text[at : at + 1] != "]":
            raise UnreadableFileError(f"damaged JSON at character {at}: the array goes on without a comma")
    return at + 1


class _Ends:
    """Where values end: each is decoded within a window of so many characters as one may have."""

    def __init__(self, text: str, characters_max: int) -> None:
        self._text, self._most = text, characters_max
        self._start = 0
        self._window = text[:characters_max]

    def of(self, at: int) -> int:
        """Where the value that starts here ends. Raises ``UnreadableFileError`` for none, and for one too long."""
        while True:
            is_last = self._start + self._most >= len(self._text)
            try:
                end = _DECODER.raw_decode(self._window, at - self._start)[1]
                if is_last or end < len(self._window):  # a number may go on behind the window
                    return self._start + end
                error: Exception | None = None
            except (ValueError, RecursionError) as damage:
                error = damage
            if is_last:
                raise UnreadableFileError(f"damaged JSON at character {at}: {str(error)[:200]}") from error
            if at == self._start:
                raise UnreadableFileError(
                    f"damaged JSON at character {at}, or a record of more than {self._most} characters"
                ) from error
            self._start = at
            self._window = self._text[at : at + self._most]


def _passed(text: str, at: int) -> int:
    """Where a value ends that nobody reads. Raises ``ValueError``."""
    if (scalar := _SCALAR.match(text, at)) is not None:
        return scalar.end()
    if text[at : at + 1] not in ('"', "[", "{"):
        raise ValueError(f"no value at character {at}")
    return _left(text, at, 0)


def _left(text: str, at: int, depth: int) -> int:
    """Where so many open objects and arrays end; with none open, where the value ends. Raises ``ValueError``."""
    for token in _TEXT_OR_BRACKET.finditer(text, at):
        first = token[0][0]
        depth += 1 if first in "[{" else -1 if first in "]}" else 0
        if depth <= 0:
            return token.end()
    raise ValueError(f"it ends within what begins at character {at}")


def _end_of_objects(text: str, at: int, depth: int) -> int:
    """Where the objects around an array end. Raises ``UnreadableFileError`` for a document that was cut off."""
    if not depth:
        return at
    try:
        return _left(text, at, depth)
    except ValueError as error:
        raise UnreadableFileError(f"damaged JSON: {error}, behind the records") from error


def _behind(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at


def _framed(text: str, places: Iterator[tuple[int, int]]) -> Iterator[pl.DataFrame]:
    lines: list[int] = []
    raws: list[str] = []
    line, counted, length = 1, 0, 0
    error: UnreadableFileError | None = None
    while error is None:
        try:
            start, end = next(places, (None, 0))
        except UnreadableFileError as damage:
            error = damage
            break
        if start is None:
            break
        line, counted = line + text.count("\n", counted, start), start
        lines.append(line)
        raws.append(text[start:end].replace("\n", " "))
        length += end - start
        if length > _BATCH_LENGTH:
            yield pl.DataFrame({"line": lines, "raw": raws}, schema=_LINES)
            lines, raws, length = [], [], 0
    if lines:
        yield pl.DataFrame({"line": lines, "raw": raws}, schema=_LINES)
    if error is not None:
        raise error
