"""One record of a csv file: its fields, what separates them, and where the next record starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import NamedTuple

from fridge_pipeline.ingest.rules.blank import BLANK

#: Longest record with a quoted field, in characters. Behind a quote that nobody closes, this much text is
#: searched for its end.
RECORD_LENGTH_MAX = 2**20


@dataclass(frozen=True, slots=True)
class Grammar:
    """What separates fields, and what they look like."""

    delimiter: str
    blank: str
    quoted: re.Pattern[str]
    quote: re.Pattern[str]
    unquoted: re.Pattern[str]
    field_end: re.Pattern[str]
    well_formed: str


@cache
def grammar_of(delimiter: str) -> Grammar:
    """The grammar of a file whose fields this separates."""
    blank, separator = BLANK.replace(delimiter, ""), re.escape(delimiter)
    blanks = "[" + re.escape(blank.replace("\n", "")) + "]"
    return Grammar(
        delimiter,
        blank,
        quoted=re.compile(f'{blanks}*+"((?:[^"]++|"")*+)"{blanks}*'),
        quote=re.compile(f'{blanks}*+"'),
        unquoted=re.compile(rf"[^{separator}\n]*+"),
        field_end=re.compile(rf"{separator}|\r?(?:\n|\Z)"),
        well_formed=rf'(?:"(?:[^"]|"")*"|[^"{separator}\r]*)',
    )


class Broken(Enum):
    """Why the text at some place is no record."""

    UNCLOSED = "a quote is open where the text ends"
    MISPLACED = "a quoted field goes on after its closing quote"


class Record(NamedTuple):
    """A record's fields, and the offset in the text at which the next record starts."""

    fields: list[str]
    end: int


def read_record(text: str, start: int, delimiter: str = ",") -> Record | Broken:
    """The record that starts at an offset, which is the start of a line."""
    grammar = grammar_of(delimiter)
    fields: list[str] = []
    at = start
    while True:
        if grammar.quote.match(text, at):
            quoted = grammar.quoted.match(text, at, start + RECORD_LENGTH_MAX)
            if quoted is None:
                return Broken.UNCLOSED
            field, at = quoted[1].replace('""', '"'), quoted.end()
        else:
            field = text[at : (at := _end_of(text, at, grammar))]
        separator = grammar.field_end.match(text, at)
        if separator is None:
            return Broken.MISPLACED
        fields.append(field)
        at = separator.end()
        if separator[0] != delimiter:
            return Record(fields, at)


def end_of_line(text: str, start: int) -> int:
    """The offset at which the next line starts."""
    line_end = text.find("\n", start)
    return len(text) if line_end < 0 else line_end + 1


def without_line_end(line: str) -> str:
    """The line's text alone."""
    return line.removesuffix("\n").removesuffix("\r")


def _end_of(text: str, at: int, grammar: Grammar) -> int:
    """Where the unquoted field that starts here ends; a carriage return before the line end is no text."""
    unquoted = grammar.unquoted.match(text, at)
    end = unquoted.end() if unquoted else at
    is_line_end = end == len(text) or text[end] == "\n"
    return end - 1 if is_line_end and end > at and text[end - 1] == "\r" else end
