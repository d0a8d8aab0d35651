"""``fridge doctor``: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack

import click

from fridge_pipeline.cli.terminal import echo, settings
from fridge_pipeline.cli.up import UI_PORT
from fridge_pipeline.database.connection import Database
from fridge_pipeline.definitions import build_definitions
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing.zone import open_landing_zone
from fridge_pipeline.installation import Installation, finance_login, open_installation
from fridge_pipeline.operations.check_health import (
    check_archive,
    check_billing_start,
    check_books,
    check_database,
    check_hours,
    check_invoices,
    check_landing,
    check_machine,
    check_packs,
    check_readers,
    check_reads,
    check_stripe,
    check_switches,
)
from fridge_pipeline.operations.rules.health_check import Grade, HealthCheck
from fridge_pipeline.orchestration.instance import storage_dsn
from fridge_pipeline.orchestration.runs import check_daemon, names_that_should_run
from fridge_pipeline.orchestration.shown_hours import check_shown_hours
from fridge_pipeline.settings import MODELS_FOLDER, REPOSITORY, Settings
from fridge_pipeline.visible import one_line

PINNED = REPOSITORY / "requirements" / "run.txt"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print all checks as one JSON list.")
def doctor(*, as_json: bool) -> None:
    """Check this installation part by part.

    Exit code 1 when something is WRONG. A line that begins with `warn` stops nothing, but a person should look.
    After the semicolon it says what to do. Like every command it brings the schema up to date; it reads Stripe a
    few times, and writes nothing there.
    """
    found = []
    for check in _health_checks(settings()):
        found.append(check)
        if not as_json:
            echo(one_line(str(check)))
    if as_json:
        echo(json.dumps([check.as_dict() for check in found], indent=2))
    if any(check.grade is Grade.WRONG for check in found):
        sys.exit(1)


def _health_checks(configured: Settings) -> Iterator[HealthCheck]:
    text = f"FRIDGE_HOME={configured.home}, first hour {configured.partitions_start}"
    yield HealthCheck("settings", Grade.OK, text)
    yield _alerts(configured)
    yield from _guarded("machine", lambda: _machine(configured))
    on: list[str] = []
    yield from _guarded("definitions", lambda: [_definitions(configured, on)])
    with ExitStack() as stack:
        opened: list[Installation] = []
        yield from _guarded("database", lambda: _database(stack, configured, opened))
        if opened:
            yield from _installation(opened[0], on)


def _installation(opened: Installation, on: Collection[str]) -> Iterator[HealthCheck]:
    """Every part by itself: one that is wrong hides no other; ``on`` are the sensors and schedules that should run."""
    ledger, landing, stripe = opened
    configured = ledger.settings
    yield from _guarded("daemon", lambda: [check_daemon(configured, ledger.clock())])
    yield from _guarded("switches", lambda: check_switches(Database(storage_dsn(ledger.database.dsn)), on))
    yield from _guarded("shown hours", lambda: [check_shown_hours(ledger)])
    yield from _guarded(
        "landing zone",
        lambda: check_landing(ledger.database, landing.zone, configured.landing_uri, ledger.clock()),
    )
    yield from _guarded("archive", lambda: check_archive(configured.archive))
    yield from _guarded("packs", lambda: check_packs(ledger.database, configured.archive, ledger.clock()))
    yield from _guarded("Stripe", lambda: check_stripe(stripe.gateway(), ledger.catalogue, ledger.clock))
    yield from _guarded("invoices", lambda: [check_invoices(stripe.gateway(), configured.invoices)])
    yield from _guarded(
        "billing",
        lambda: [check_billing_start(ledger.database, configured.bill_from, ledger.clock())],
    )
    yield from _guarded(
        "reads",
        lambda: [check_reads(ledger.database, ledger.catalogue, configured.stripe_reads, ledger.clock())],
    )
    yield from _guarded(
        "hours",
        lambda: [check_hours(ledger.as_run("fridge doctor"), landing.zone, ledger.grid(), configured.close_after)],
    )
    yield from _guarded("exceptions", lambda: check_books(ledger.database, ledger.clock()))


def _guarded(name: str, run: Callable[[], Iterable[HealthCheck]]) -> Iterator[HealthCheck]:
    """What a health check says; when it cannot go on, that is what is wrong, and its own text says what to do."""
    try:
        yield from run()
    except Exception as error:  # noqa: BLE001 # whatever is wrong is what we are asked to show
        yield HealthCheck(name, Grade.WRONG, " ".join(str(error).split()) or type(error).__name__)


def _machine(configured: Settings) -> Iterator[HealthCheck]:
    zone = open_landing_zone(configured.landing_uri, configured.sources)
    landing = zone.root if isinstance(zone, LocalLanding) else None
    return check_machine(configured.home, landing, PINNED, MODELS_FOLDER, UI_PORT)


def _definitions(configured: Settings, on: list[str]) -> HealthCheck:
    definitions = build_definitions(configured)
    assets = len(list(definitions.resolve_all_asset_keys()))
    on += names_that_should_run(definitions)
    return HealthCheck("definitions", Grade.OK, f"{assets} assets load")


def _database(stack: ExitStack, configured: Settings, opened: list[Installation]) -> Iterator[HealthCheck]:
    installation = stack.enter_context(open_installation(configured))  # brings the schema up to date
    opened.append(installation)
    yield from check_database(installation.ledger.database, installation.ledger.clock)
    yield check_readers(installation.ledger.database, finance_login(configured, stack))


def _alerts(configured: Settings) -> HealthCheck:
    on = ["webhook"] * (configured.alert_webhook is not None) + ["mail"] * (configured.alert_mail_server is not None)
    canary = ", with a canary each hour" if configured.canary else ""
    if not on:
        text = f"off{canary}: nobody gets a message when something is wrong"
        return HealthCheck("alerts", Grade.OK, text, "FRIDGE_ALERT_WEBHOOK or FRIDGE_ALERT_SMTP switches them on")
    return HealthCheck("alerts", Grade.OK, f"go to {' and '.join(on)}{canary}")
