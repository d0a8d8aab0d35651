"""``fridge stripe`` and ``fridge sandbox``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from fridge_pipeline.billing.meters_at_stripe import wrong_meters
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.cli.command_groups import SentenceGroup
from fridge_pipeline.cli.options import PORT
from fridge_pipeline.cli.terminal import echo, installation, settings
from fridge_pipeline.database.private_folder import make_private
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.local_sandbox import LocalSandbox
from fridge_pipeline.stripe.writes import create_missing_meters
from fridge_pipeline.visible import one_line
from stripe_sandbox.server import DEFAULT_HOST, DEFAULT_PORT, serve
from stripe_sandbox.settings import SandboxClock

WHAT_TO_DO = (
    "Nothing is sent for such a meter. Stripe never changes a meter's formula, window and keys: deactivate it in "
    "Stripe and run fridge stripe setup, which makes another, or give it another event_name in the file of "
    "FRIDGE_METERS. One that is only inactive is reactivated in Stripe."
)


@click.group(cls=SentenceGroup)
def stripe() -> None:
    """The catalogue's meters in Stripe."""


@stripe.command()
def setup() -> None:
    """Create the catalogue's meters that Stripe does not have yet. Formula and window can never be changed later.

    Exit code 1 if a meter in Stripe does not agree with the catalogue.
    """
    with installation() as opened:
        gateway = opened.stripe.gateway()
        created = create_missing_meters(gateway, opened.ledger.catalogue)
        echo(
            f"{gateway.location}: created {', '.join(created)}" if created else f"{gateway.location}: all meters exist"
        )
        agrees = show_disagreements(gateway, opened.ledger.catalogue)
    if not agrees:
        sys.exit(1)


@stripe.command()
def check() -> None:
    """Check that Stripe's meters agree with the catalogue. Exit code 1 when they do not."""
    with installation() as opened:
        gateway = opened.stripe.gateway()
        agrees = show_disagreements(gateway, opened.ledger.catalogue)
        if agrees:
            echo(f"{gateway.location}: {len(opened.ledger.catalogue)} meters agree with the catalogue")
    if not agrees:
        sys.exit(1)


def show_disagreements(gateway: StripeGateway, catalogue: tuple[Meter, ...]) -> bool:
    """A line for each meter that is not the catalogue's, and what to do; says whether all agree."""
    wrong = wrong_meters(gateway, catalogue)
    for name, why in wrong.items():
        echo(one_line(f"{name}: {why}"))
    if wrong:
        echo(WHAT_TO_DO)
    return not wrong


@click.command()
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=DEFAULT_PORT, show_default=True, help="Port; 0 takes a free one.")
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path), help="State file [default: FRIDGE_HOME/sandbox]."
)
@click.option("--memory", is_flag=True, help="Keep nothing across restarts.")
def sandbox(host: str, port: int, state: Path | None, memory: bool) -> None:
    """Run the local Stripe sandbox in the foreground until Ctrl-C.

    It keeps its state across restarts. Point anything at it with STRIPE_API_BASE. Without --state it uses the state of
    `fridge bill`.
    """
    home = settings().home
    local = LocalSandbox(home / "sandbox")
    if state is None and not memory:
        running = local.running_url()
        if running is not None:
            echo(f"The sandbox of this installation already runs on {running}")
            return
        make_private(home)
        local.state_file.parent.mkdir(exist_ok=True)
        state = local.state_file
    serve(host, port, None if memory else state, address_file=None, exact_port=False, clock=SandboxClock(time.time))
