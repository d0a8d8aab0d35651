"""The files of the production layout as tests read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from fridge_pipeline.settings import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def read_yaml(name: str) -> Any:
    """A YAML file of ``deploy/``."""
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def unit_lines(unit: Path, key: str) -> list[str]:
    """The values of a key of a systemd unit, in order."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(f"{key}=") for line in lines if line.startswith(f"{key}=")]
