"""Which program this is: its version, the hash of its source, and what it runs on."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from pathlib import Path

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]

#: What decides what the program does; the rest of the folder is caches and sample data.
_SOURCE = frozenset({".py", ".sql", ".yml"})


def program_identity(models_folder: Path) -> dict[str, str]:
    """Version and source hash of the program and its SQL models, and the versions of Python and polars."""
    return {
        "name": "fridge_pipeline",
        "version": importlib.metadata.version("fridge_pipeline"),
        "source_sha256": source_sha256(PACKAGE_FOLDER, models_folder),
        "python": platform.python_version(),
        "polars": importlib.metadata.version("polars"),
    }


def source_sha256(*folders: Path) -> str:
    """One hash over the paths and texts of all source files below the folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in _SOURCE and path.is_file():
                text = path.read_bytes()
                digest.update(f"{folder.name}/{path.relative_to(folder).as_posix()}\0{len(text)}\0".encode())
                digest.update(text)
    return digest.hexdigest()
