"""A folder of SQL models that a test makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_models(folder: Path, texts: Mapping[str, str], described: str) -> Path:
    """One file per model below ``marts``, and the entries of their models.yml."""
    marts = folder / "marts"
    marts.mkdir(exist_ok=True)
    for name, text in texts.items():
        (marts / f"{name}.sql").write_text(text, encoding="utf-8")
    (marts / "models.yml").write_text(f"models:\n{described}", encoding="utf-8")
    return folder
