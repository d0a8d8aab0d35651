"""Delivery: how a gateway of our own puts a landing file into a local landing zone."""

from __future__ import annotations

from pathlib import Path

from fridge_pipeline.calendar.hours import Hour


def deliver_file(root: Path, hour: Hour, name: str, text: str) -> bool:
    """Writes a landing file under a name that is not there yet, then renames it; says whether anything changed.

    A file that already says the same is left alone: a new modification time would have it looked at again.
    """
    folder = root / hour.folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    part = folder / f".{name}.part"
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return True
