"""``fridge doctor``: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import click

from fridge_pipeline.cli.terminal import echo, settings
from fridge_pipeline.cli.up import UI_PORT
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing.zone import open_landing_zone
from fridge_pipeline.installation import Installation, open_installation
from fridge_pipeline.operations.examine import (
    examine_archive,
    examine_books,
    examine_database,
    examine_landing,
    examine_machine,
    examine_stripe,
)
from fridge_pipeline.operations.rules.finding import Finding, Grade
from fridge_pipeline.orchestration.build import build_definitions
from fridge_pipeline.orchestration.runs import examine_daemon
from fridge_pipeline.orchestration.shown_hours import examine_shown_hours
from fridge_pipeline.settings import MODELS_FOLDER, REPOSITORY, Settings
from fridge_pipeline.visible import one_line

PINNED = REPOSITORY / "requirements" / "run.txt"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print all findings as one JSON list.")
def doctor(*, as_json: bool) -> None:
    """Check this installation part by part; exit code 1 when something is WRONG.

    A line that begins with `warn` is for a person to look at: it stops nothing. Behind the semicolon stands what to do.
    Brings the schema up to date, as every command does; a few reads go to Stripe, and nothing is written there.
    """
    found = []
    for finding in _examine(settings()):
        found.append(finding)
        if not as_json:
            echo(one_line(str(finding)))
    if as_json:
        echo(json.dumps([finding.as_dict() for finding in found], indent=2))
    if any(finding.grade is Grade.WRONG for finding in found):
        sys.exit(1)


def _examine(configured: Settings) -> Iterator[Finding]:
    text = f"FRIDGE_HOME={configured.home}, first hour {configured.partitions_start}"
    yield Finding("settings", Grade.OK, text)
    yield _alerts(configured)
    yield from _guarded("machine", lambda: _machine(configured))
    yield from _guarded("definitions", lambda: [_definitions(configured)])
    with ExitStack() as stack:
        opened: list[Installation] = []
        yield from _guarded("database", lambda: _database(stack, configured, opened))
        if opened:
            yield from _installation(opened[0])


def _installation(opened: Installation) -> Iterator[Finding]:
    """Every part by itself: one that is wrong hides no other."""
    configured = opened.settings
    yield from _guarded("daemon", lambda: [examine_daemon(configured, opened.clock())])
    yield from _guarded("shown hours", lambda: [examine_shown_hours(opened)])
    yield from _guarded(
        "landing zone",
        lambda: examine_landing(opened.database, opened.zone, configured.landing_uri, opened.clock()),
    )
    yield from _guarded("archive", lambda: examine_archive(configured.archive))
    yield from _guarded("Stripe", lambda: examine_stripe(opened.gateway(), opened.catalogue, opened.clock))
    yield from _guarded(
        "hours",
        lambda: examine_books(
            opened.database,
            opened.zone,
            opened.grid(),
            opened.catalogue,
            opened.clock(),
            configured.close_after,
            configured.bill_from,
        ),
    )


def _guarded(check: str, examine: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What an examination finds; when it cannot go on, that is what is wrong, and its own text says what to do."""
    try:
        yield from examine()
    except Exception as error:  # noqa: BLE001 # whatever is wrong is what we are asked to show
        yield Finding(check, Grade.WRONG, " ".join(str(error).split()) or type(error).__name__)


def _machine(configured: Settings) -> Iterator[Finding]:
    zone = open_landing_zone(configured.landing_uri)
    landing = zone.root if isinstance(zone, LocalLanding) else None
    return examine_machine(configured.home, landing, PINNED, MODELS_FOLDER, UI_PORT)


def _definitions(configured: Settings) -> Finding:
    assets = len(list(build_definitions(configured).resolve_all_asset_keys()))
    return Finding("definitions", Grade.OK, f"{assets} assets load")


def _database(stack: ExitStack, configured: Settings, opened: list[Installation]) -> Iterator[Finding]:
    installation = stack.enter_context(open_installation(configured))  # brings the schema up to date
    opened.append(installation)
    yield from examine_database(installation.database, installation.clock)


def _alerts(configured: Settings) -> Finding:
    alerts = configured.alerts
    on = ["webhook"] * (alerts.webhook is not None) + ["mail"] * (alerts.mail_server is not None)
    canary = ", with a canary each hour" if alerts.canary else ""
    if not on:
        text = f"off{canary}: nobody is told when something is wrong"
        return Finding("alerts", Grade.OK, text, "FRIDGE_ALERT_WEBHOOK or FRIDGE_ALERT_SMTP switches them on")
    return Finding("alerts", Grade.OK, f"go to {' and '.join(on)}{canary}")
