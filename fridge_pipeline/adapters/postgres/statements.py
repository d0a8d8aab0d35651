"""The SQL statements, one in a file of its own under ``sql/``, named by the file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

STATEMENT_FOLDER = Path(__file__).parent / "sql"


@cache
def statement(name: str) -> str:
    """The text of ``sql/<name>.sql``; ``FileNotFoundError`` when there is none of that name.

    Without the final semicolon: Arrow's driver wraps a query into ``copy (…) to stdout``.
    """
    return (STATEMENT_FOLDER / f"{name}.sql").read_text(encoding="utf-8").strip().removesuffix(";")
