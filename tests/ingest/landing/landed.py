"""Files as they lie in a local landing zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fridge_pipeline.calendar.hours import Hour

if TYPE_CHECKING:
    from pathlib import Path

HOUR = Hour.from_key("2026-01-24-18:00")
NEXT = HOUR.plus(1)


def put(root: Path, name: str, content: bytes = b"x", hour: Hour = HOUR) -> Path:
    """Puts a file into an hour's folder, and returns where it is."""
    path = root / hour.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
