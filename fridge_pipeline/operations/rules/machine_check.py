"""Health checks of the machine: its disk, its ports, and what is installed."""

from __future__ import annotations

from collections.abc import Mapping

from fridge_pipeline.operations.rules.health_check import Grade, HealthCheck

FREE_BYTES_MIN = 2 * 10**9


def judge_disk(folder: str, free_bytes: int) -> HealthCheck:
    """Whether there is room for the next loads."""
    if free_bytes < FREE_BYTES_MIN:
        text = f"only {free_bytes / 1e9:.1f} GB free in {folder}"
        do = "make room before the next load (docs/operations.md, The disk fills up)"
        return HealthCheck("disk", Grade.WRONG, text, do)
    return HealthCheck("disk", Grade.OK, f"{free_bytes / 1e9:.0f} GB free in {folder}")


def judge_versions(python: str, program: str, pinned: Mapping[str, str], installed: Mapping[str, str]) -> HealthCheck:
    """Whether what is installed is what was tested together."""
    others = [
        f"{name} {installed.get(name, 'missing')} instead of {version}"
        for name, version in sorted(pinned.items())
        if installed.get(name) != version
    ]
    what = f"fridge_pipeline {program}, Python {python}"
    if others:
        return HealthCheck("versions", Grade.WARN, f"{what}; not as pinned: {', '.join(others)}", "run: make setup")
    return HealthCheck("versions", Grade.OK, f"{what}, all {len(pinned)} pinned packages")


def judge_port(port: int, holder: str | None) -> HealthCheck:
    """Whether the UI can have its port; ``holder`` is who answers there."""
    if holder is None:
        return HealthCheck("ports", Grade.OK, f"{port} is free for the UI")
    if holder.startswith("Dagster"):
        return HealthCheck("ports", Grade.OK, f"{holder} answers on {port}")
    do = "fridge up takes another port by itself, or the one that --port names"
    return HealthCheck("ports", Grade.WARN, f"{port} is taken by {holder}", do)
