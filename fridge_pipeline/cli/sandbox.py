"""``fridge sandbox``: the local Stripe sandbox alone."""

from __future__ import annotations

import time
from pathlib import Path

import click

from fridge_pipeline.adapters.local_sandbox import LocalSandbox
from fridge_pipeline.adapters.private_folder import make_private
from fridge_pipeline.cli.context import settings
from fridge_pipeline.cli.terminal import echo
from stripe_sandbox.server import DEFAULT_HOST, DEFAULT_PORT, serve
from stripe_sandbox.settings import SandboxClock


@click.command()
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port; 0 takes a free one.")
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path), help="Books file [default: FRIDGE_HOME/sandbox]."
)
@click.option("--memory", is_flag=True, help="Keep nothing across restarts.")
def sandbox(host: str, port: int, state: Path | None, memory: bool) -> None:
    """Run the local Stripe sandbox in the foreground until Ctrl-C; keeps its books across restarts.

    Point anything at it with STRIPE_API_BASE. Without --state it serves the books that `fridge bill` writes.
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
