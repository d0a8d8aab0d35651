"""Reads what a pack says of itself, pack.json, in pieces: it has an entry for the file of every tenant.

Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fridge_pipeline.finance.rules.evidence_format import DESCRIPTION, DoesNotHoldError

#: The list that has an entry for every file; everything else is small by its nature.
FILES = "files"

#: What an entry of that list, and what any other value is at most.
VALUE_CHARACTERS_MAX = 2**20

_BLANKS = " \t\r\n"


def read_described(pieces: Iterable[str], note_file: Callable[[Any], None]) -> dict[str, Any]:
    """All that it says but its files, of which each is handed to ``note_file``. Raises ``DoesNotHoldError``."""
    text = _Json(pieces)
    said: dict[str, Any] = {}
    if text.ahead() != "{":
        text.value()
        raise DoesNotHoldError(f"{DESCRIPTION} is no JSON object")
    for _ in text.parts("{", "}"):
        name = text.value()
        text.take(":")
        if not isinstance(name, str) or name in said:
            raise DoesNotHoldError(f"{DESCRIPTION} says {str(name)[:40]!r} twice, or as no name")
        if name == FILES and text.ahead() == "[":
            said[name] = True
            for _ in text.parts("[", "]"):
                note_file(text.value())
        else:
            said[name] = text.value()
    if text.ahead():
        raise DoesNotHoldError(f"{DESCRIPTION} is no JSON: something follows its end")
    return said


class _Json:
    """A text of JSON of which only what is being read is in memory."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self._text, self._at = "", 0
        self._decoder = json.JSONDecoder()

    def ahead(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANKS:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, wanted: str) -> None:
        """Goes past one of these characters. Raises ``DoesNotHoldError`` when it is not there."""
        if (found := self.ahead()) == "" or found not in wanted:
            raise DoesNotHoldError(f"{DESCRIPTION} is no JSON: {found!r} stands where {wanted!r} belongs")
        self._at += 1

    def parts(self, begin: str, end: str) -> Iterator[None]:
        """Once for each part of a list or an object; whoever goes through it reads the part."""
        self.take(begin)
        if self.ahead() == end:
            self.take(end)
            return
        while True:
            yield
            if self.ahead() == end:
                self.take(end)
                return
            self.take(",")

    def value(self) -> Any:
        """The next value as a whole. Raises ``DoesNotHoldError`` for one that is too long or none."""
        self.ahead()
        while True:
            try:
                found, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > VALUE_CHARACTERS_MAX:
                    raise DoesNotHoldError(
                        f"{DESCRIPTION} has a value of more than {VALUE_CHARACTERS_MAX:,} characters, or none there"
                    ) from None
                if not self._more():
                    raise DoesNotHoldError(f"{DESCRIPTION} is no JSON: {error}") from None
                continue
            # A number may go on in what was not read yet.
            if end < len(self._text) or not self._more():
                self._at = end
                return found

    def _more(self) -> bool:
        piece = next(self._pieces, "")
        self._text, self._at = self._text[self._at :] + piece, 0
        return bool(piece)
