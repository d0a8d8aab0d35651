"""Where to look at a running installation."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.database.embedded.binaries import carried_programs
from fridge_pipeline.settings import DEFAULT_HOME

if TYPE_CHECKING:
    from fridge_pipeline.cli.up import Running


def show_addresses(started: Running) -> None:
    """Prints the address of each part, and how to reach the database."""
    console.print(f"\n  Dagster UI      {started.ui_url}")
    console.print(f"  Console         {started.console_url}")
    if not started.has_finance:
        console.print("                  reports only: FRIDGE_FINANCE_DATABASE_URL names no login", style="yellow")
    console.print(f"  Metrics         {started.metrics_url}")
    console.print(f"  Landing zone    {started.installation.ledger.settings.landing_uri}")
    console.print(f"  Usage goes to   {started.stripe_location}")
    if started.sandbox is not None:
        console.print("                  no STRIPE_API_KEY is set: nobody is billed", style="yellow")
    if started.installation.ledger.billing_start.restriction is not None:
        console.print(f"                  {started.installation.ledger.billing_start.restriction}", style="yellow")
    console.print(f'  Database        psql "$({_home(started)}{_program()} db url)"', soft_wrap=True)
    if started.embedded is not None and shutil.which("psql") is None:
        console.print(f"                  psql is in {_from_here(carried_programs())}", soft_wrap=True)
    stays = " but the database, which `fridge db url` has started" if started.keeps_database_up else ""
    console.print(f"\nCtrl-C stops everything{stays}.\n")


def _home(started: Running) -> str:
    """What another terminal has to be told to find this installation."""
    home = started.installation.ledger.settings.home
    return "" if home == DEFAULT_HOME else f"FRIDGE_HOME={shlex.quote(str(home))} "


def _program() -> str:
    """This command line as whoever started it here can type it."""
    return _from_here(Path(sys.argv[0]).absolute())


def _from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
