"""``fridge doctor``: what is wrong with this installation."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack

import click

from fridge_pipeline.adapters.postgres.migration import pending_migrations
from fridge_pipeline.cli.context import settings
from fridge_pipeline.domain.meter import CATALOGUE
from fridge_pipeline.orchestration.build import build_definitions
from fridge_pipeline.orchestration.installation import Installation, open_installation
from fridge_pipeline.orchestration.settings import Settings

FREE_BYTES_MIN = 2 * 10**9


@click.command()
def doctor() -> None:
    """Check this installation part by part; exit code 1 when something is wrong."""
    problems = []

    def check(name: str, look: Callable[[], str]) -> None:
        try:
            click.echo(f"ok    {name}: {look()}")
        except Exception as error:  # noqa: BLE001 # whatever is wrong is what we are asked to show
            problems.append(name)
            click.echo(f"WRONG {name}: {error}")

    configured = settings()
    check("settings", lambda: f"FRIDGE_HOME={configured.home}, first hour {configured.partitions_start}")
    check("disk", lambda: _disk(str(configured.home.parent)))
    check("definitions", lambda: f"{len(list(build_definitions(configured).resolve_all_asset_keys()))} assets load")
    with ExitStack() as stack:
        opened: list[Installation] = []
        check("database", lambda: _database(stack, configured, opened))
        if opened:
            check("landing zone", lambda: f"{len(opened[0].zone.hours())} landing hours in {configured.landing_uri}")
            check("Stripe", lambda: _stripe(opened[0]))
    if problems:
        sys.exit(1)


def _disk(folder: str) -> str:
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_MIN:
        raise RuntimeError(f"only {free / 1e9:.1f} GB free in {folder}; make room before the next load")
    return f"{free / 1e9:.0f} GB free"


def _database(stack: ExitStack, configured: Settings, opened: list[Installation]) -> str:
    installation = stack.enter_context(open_installation(configured))
    opened.append(installation)
    with installation.database.connect() as connection:
        pending = pending_migrations(connection)
    return f"{installation.database.place}, {len(pending)} migrations to run"


def _stripe(installation: Installation) -> str:
    gateway = installation.gateway()
    present = gateway.meters()
    missing = [meter.event_name for meter in CATALOGUE if meter.event_name not in present]
    if missing:
        raise RuntimeError(f"{gateway.place} lacks the meters {', '.join(missing)}; run: fridge stripe setup")
    return f"{gateway.place}, all meters exist"
