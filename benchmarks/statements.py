"""The benchmarks' own SQL, one statement in a file of its own under ``sql/``."""

from __future__ import annotations

from pathlib import Path


def statement(name: str) -> str:
    """The text of ``sql/<name>.sql``."""
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8").strip().removesuffix(";")
