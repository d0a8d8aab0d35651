"""``fridge doctor``: what is wrong with this installation."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack

import click

from fridge_pipeline.adapters.landing.local import LocalLanding
from fridge_pipeline.adapters.landing.strays import stray_paths
from fridge_pipeline.adapters.postgres.exceptions import open_exception_kinds
from fridge_pipeline.adapters.postgres.migration import migrations
from fridge_pipeline.cli.context import settings
from fridge_pipeline.orchestration.build import build_definitions
from fridge_pipeline.orchestration.installation import Installation, open_installation
from fridge_pipeline.orchestration.settings import Settings
from fridge_pipeline.steps.push import wrong_meters

FREE_BYTES_MIN = 2 * 10**9

#: So many warnings about the landing zone are enough to see what went wrong.
STRAYS_SHOWN_MAX = 10


@click.command()
def doctor() -> None:
    """Check this installation part by part; exit code 1 when something is WRONG.

    A line that begins with `warn` is for a person to look at: it stops nothing.
    """
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
            show_strays(opened[0])
            check("Stripe", lambda: _stripe(opened[0]))
            show_exceptions(opened[0])
    if problems:
        sys.exit(1)


def _disk(folder: str) -> str:
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_MIN:
        raise RuntimeError(f"only {free / 1e9:.1f} GB free in {folder}; make room before the next load")
    return f"{free / 1e9:.0f} GB free"


def show_strays(installation: Installation) -> None:
    """What lies in a local landing zone outside every landing hour, which is never loaded."""
    try:
        zone = installation.zone
    except Exception:  # noqa: BLE001 # the check of the landing zone has said so
        return
    if not isinstance(zone, LocalLanding):
        return
    for path in stray_paths(zone.root, STRAYS_SHOWN_MAX):
        click.echo(
            f"warn  landing zone: {path} is in no landing hour and is not loaded; files belong into "
            "<YYYY-MM-DD>/<HH>/ such as 2026-01-24/09/"
        )


def show_exceptions(installation: Installation) -> None:
    """What waits for a person: the open exceptions by kind."""
    with installation.database.connect() as connection:
        kinds = open_exception_kinds(connection)
    if kinds:
        told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
        click.echo(f"warn  exceptions: {told} open; docs/operations.md says what each kind asks for")


def _database(stack: ExitStack, configured: Settings, opened: list[Installation]) -> str:
    installation = stack.enter_context(open_installation(configured))  # brings the schema up to date
    opened.append(installation)
    return f"{installation.database.place}, schema {migrations()[-1].number:04d}"


def _stripe(installation: Installation) -> str:
    gateway = installation.gateway()
    wrong = wrong_meters(gateway, installation.catalogue)
    if wrong:
        told = "; ".join(f"{name}: {why}" for name, why in wrong.items())
        raise RuntimeError(f"{gateway.place}: {told} (see fridge stripe check)")
    return f"{gateway.place}, all {len(installation.catalogue)} meters agree with the catalogue"
