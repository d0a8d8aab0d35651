"""One csv record, read with care: the definition of what a csv row is, for lines the fast way cannot judge.

A field that starts with a quote, blanks before it or not, ends at the next lone quote; inside it a doubled quote is a
quote, and commas and line ends are text. Blanks may follow it. A quote anywhere else in a field is an ordinary
character. A line may end in ``\\n`` or ``\\r\\n``.
"""  # noqa: D301  # the line ends are meant as written

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from fridge_pipeline.ingest.rules.blank import BLANK

#: Longest record with a quoted field, in characters. Behind a quote that nobody closes, this much text is
#: searched for its end.
RECORD_LENGTH_MAX = 2**20

_BLANKS = "[" + re.escape(BLANK.replace("\n", "")) + "]"
_QUOTED = re.compile(f'{_BLANKS}*+"((?:[^"]++|"")*+)"{_BLANKS}*')
_QUOTE = re.compile(f'{_BLANKS}*+"')
_UNQUOTED = re.compile(r"[^,\n]*+")
_FIELD_END = re.compile(r",|\r?(?:\n|\Z)")


class Broken(Enum):
    """Why the text at some place is no record."""

    UNCLOSED = "a quote is open where the text ends"
    MISPLACED = "a quoted field goes on after its closing quote"


class Record(NamedTuple):
    """A record's fields, and the offset in the text at which the next record starts."""

    fields: list[str]
    end: int


def read_record(text: str, start: int) -> Record | Broken:
    """The record that starts at an offset, which is the start of a line."""
    fields: list[str] = []
    at = start
    while True:
        if _QUOTE.match(text, at):
            quoted = _QUOTED.match(text, at, start + RECORD_LENGTH_MAX)
            if quoted is None:
                return Broken.UNCLOSED
            field, at = quoted[1].replace('""', '"'), quoted.end()
        else:
            field = text[at : (at := _end_of(text, at))]
        separator = _FIELD_END.match(text, at)
        if separator is None:
            return Broken.MISPLACED
        fields.append(field)
        at = separator.end()
        if separator[0] != ",":
            return Record(fields, at)


def end_of_line(text: str, start: int) -> int:
    """The offset at which the next line starts."""
    line_end = text.find("\n", start)
    return len(text) if line_end < 0 else line_end + 1


def without_line_end(line: str) -> str:
    """The line's text alone."""
    return line.removesuffix("\n").removesuffix("\r")


def _end_of(text: str, at: int) -> int:
    """Where the unquoted field that starts here ends; a carriage return before the line end is no text."""
    unquoted = _UNQUOTED.match(text, at)
    end = unquoted.end() if unquoted else at
    is_line_end = end == len(text) or text[end] == "\n"
    return end - 1 if is_line_end and end > at and text[end - 1] == "\r" else end
