"""``fridge ui``: only the UI, for people who look."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress

import click

from fridge_pipeline.cli.context import settings
from fridge_pipeline.cli.dagster_services import start_ui
from fridge_pipeline.cli.interruption import ended_by_signals
from fridge_pipeline.cli.services import Services
from fridge_pipeline.cli.terminal import console
from fridge_pipeline.cli.up import installation_environment
from fridge_pipeline.installation import open_installation
from fridge_pipeline.orchestration.instance import dagster_environment

#: Beside that of ``fridge up``.
FINANCE_UI_PORT = 3002  # fridge up has 3000 for its UI, and 3001 for reports
WATCH_SECONDS = 1.0


@click.command()
@click.option("--read-only", is_flag=True, help="Show everything, and let nothing be launched, changed or stopped.")
@click.option(
    "--port", default=FINANCE_UI_PORT, show_default=True, help="Port of the UI; another is taken if it is in use."
)
def ui(*, read_only: bool, port: int) -> None:
    """Show the Dagster UI of this installation until Ctrl-C, beside a `fridge up` or without one.

    It starts no daemon: nothing is watched, billed or scheduled by it.

    Example for finance: fridge ui --read-only
    """
    configured = settings()
    with ExitStack() as stack:
        stack.enter_context(ended_by_signals())
        opened = stack.enter_context(open_installation(configured))
        services = Services(configured.home / f"ui-{port}.json")
        services.stop_left_over()
        stack.callback(services.stop)
        variables = {**installation_environment(opened), **dagster_environment(configured)}
        url = start_ui(services, configured, variables, port, read_only=read_only)
        console.print(f"\n  Dagster UI      {url}{' (read-only)' if read_only else ''}")
        console.print("\nCtrl-C stops it.\n")
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(WATCH_SECONDS)
                for service in services.end_dead():
                    services.restart(service)
                    console.print(f"{service.name} had ended and was started again; see {service.log}", style="yellow")
