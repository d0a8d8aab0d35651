"""The files of the production layout as tests read them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from fridge_pipeline.settings import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
SCHEMAS = Path(__file__).parent / "schemas"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def read_yaml(name: str) -> Any:
    """A YAML file of ``deploy/``."""
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


@cache
def _schemas() -> Any:
    texts = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in SCHEMAS.glob("*.json")}
    return Registry().with_resources([(name, Resource.from_contents(text)) for name, text in texts.items()])


def contradictions(document: Any, schema: str) -> list[str]:
    """Where a document contradicts a schema, for example ``compose-spec.json`` or ``kubernetes.json#/$defs/…``."""
    validator = Draft202012Validator({"$ref": schema}, registry=_schemas())
    return [f"{'/'.join(map(str, each.absolute_path))}: {each.message}" for each in validator.iter_errors(document)]


def environment_of(environment: Any) -> dict[str, str]:
    """Variables as Compose, the chart (a mapping) or Kubernetes (a list) have them."""
    if isinstance(environment, list):
        return {each["name"]: each["value"] for each in environment}
    return dict(environment or {})


def unit_lines(unit: Path, key: str) -> list[str]:
    """The values of a key of a systemd unit, in order."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(f"{key}=") for line in lines if line.startswith(f"{key}=")]
