"""The files of the production layout as tests read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from fridge_pipeline.settings import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))

#: systemd reads it with every unit whose name begins so.
OF_ALL_UNITS = DEPLOY / "systemd" / "fridge-.service.d" / "all.conf"


def read_yaml(name: str) -> Any:
    """A YAML file of ``deploy/``."""
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def read_all_yaml(name: str) -> list[Any]:
    """Each document of such a file."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def unit_lines(unit: Path, key: str) -> list[str]:
    """The values of a key of a systemd unit, in order; a service has those of all services too."""
    files = [unit, OF_ALL_UNITS] if unit.suffix == ".service" else [unit]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [line.removeprefix(f"{key}=") for line in lines if line.startswith(f"{key}=")]
