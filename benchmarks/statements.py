"""The benchmarks' own SQL: named statements in ``queries.sql``, as the features have them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path


def statement(name: str) -> str:
    """The statement under ``-- name: …``; ``KeyError`` when there is none."""
    return _statements()[name]


@cache
def _statements() -> dict[str, str]:
    _, *parts = re.split(
        r"^-- name: (\w+)\n", Path(__file__).with_name("queries.sql").read_text("utf-8"), flags=re.MULTILINE
    )
    return {name: text.strip().removesuffix(";") for name, text in zip(parts[::2], parts[1::2], strict=True)}
