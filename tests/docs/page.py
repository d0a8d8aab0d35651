"""A page of docs/ as something to follow: its commands, and what each promises to print."""

from __future__ import annotations

import re
from dataclasses import dataclass

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

#: A block under a paragraph with these words is for a person: a browser, a process that stays up, an installation.
BY_HAND = "**By hand**"


@dataclass(frozen=True, slots=True)
class Step:
    """Commands to be typed, and what they print; ``None`` where the page promises nothing."""

    line: int
    commands: str
    promised: str | None
    by_hand: bool


def steps_of(page: str) -> list[Step]:
    """Every ``sh`` block of a page in order, with the ``text`` block right behind it."""
    blocks = list(FENCE.finditer(page))
    steps = []
    for number, block in enumerate(blocks):
        if block[1] != "sh":
            continue
        behind = blocks[number + 1] if number + 1 < len(blocks) else None
        promised = None
        if behind is not None and behind[1] == "text" and not page[block.end() : behind.start()].strip():
            promised = behind[2]
        before = page[: block.start()].rstrip().rpartition("\n\n")[2]
        steps.append(Step(page.count("\n", 0, block.start()) + 1, block[2], promised, BY_HAND in before))
    return steps


def says(printed: str, promised: str) -> bool:
    """Whether it is what was promised; an ellipsis stands for anything within a line, alone for any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else ".*?".join(map(re.escape, line.split("…"))) + r"\n"
        for line in _plain(promised).split("\n")
    )
    return re.fullmatch(pattern, f"{_plain(printed)}\n") is not None


def _plain(text: str) -> str:
    """Without the blanks at both ends of lines, and lines, that a terminal does not show."""
    return "\n".join(line.strip() for line in text.strip().split("\n"))
