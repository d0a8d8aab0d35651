"""Text from outside, shown as text: nothing in it moves a cursor, turns a line around or hides.

A name in a landing file or a pack could otherwise rewrite what a terminal shows, or look like another name.
"""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterable

#: Categories of Unicode (UAX #44) that act on other text or are not seen: controls, formats (of direction, of width
#: zero, of language tags), separators of lines and paragraphs, halves of pairs.
ACTING = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})

#: What is not seen either: Default_Ignorable_Code_Point of UAX #44, as far as no category above holds it, and a blank.
UNSEEN = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x2800, 0x3164, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xFFF0, 0xFFF9))
    | set(range(0xE0000, 0xE1000))
)

#: An id as it stands in an alert.
QUOTED_LENGTH_MAX = 60


class _Shown(dict[int, str | int]):
    """How each character is shown; found out when it is first met."""

    def __init__(self, kept: str) -> None:
        super().__init__()
        self._kept = kept

    def __missing__(self, code: int) -> str | int:
        character = chr(code)
        acts = code in UNSEEN or (unicodedata.category(character) in ACTING and character not in self._kept)
        # Not \x9b: a shell takes that for a byte.
        escaped = f"\\u{code:04x}" if 0x80 <= code <= 0xFF else character.encode("unicode_escape").decode()  # noqa: PLR2004
        self[code] = escaped if acts else code
        return self[code]


_LINES = _Shown("\n\t")
_ONE_LINE = _Shown("")


def visible(text: str) -> str:
    r"""The text with characters that act or are not seen written out (``\x1b``, ``\u202e``); lines stay lines."""
    return text.translate(_LINES)


def one_line(text: str) -> str:
    r"""The same for what must not begin a line of its own: a line break is written out too (``\n``)."""
    return text.translate(_ONE_LINE)


def as_lines(lines: Iterable[str]) -> str:
    """These lines, and no further ones that a name brings along."""
    return "\n".join(map(one_line, lines))


def quoted(name: str) -> str:
    """A name from outside as it stands in a sentence: in one line, in quotes, shortened."""
    shown = one_line(name)
    short = shown if len(shown) <= QUOTED_LENGTH_MAX else f"{shown[:QUOTED_LENGTH_MAX]}…"
    return '"' + short.replace('"', r"\"") + '"'


def shell_word(name: str) -> str:
    """A name as one word of a command in one line, which a shell reads back as it is (``$'…'``: bash, zsh, ksh)."""
    if one_line(name) == name:
        return shlex.quote(name)
    return "$'" + one_line(name.replace("\\", r"\\").replace("'", r"\'")) + "'"


def counted(number: int, thing: str) -> str:
    """A number and its noun: ``1 hour``, ``2 hours``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
