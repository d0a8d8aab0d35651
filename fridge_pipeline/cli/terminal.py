"""What all commands have in common: settings and the installation."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

from fridge_pipeline.cli.echo import echo
from fridge_pipeline.installation import Installation, Ledger, open_installation, open_ledger
from fridge_pipeline.settings import Settings, read_settings

__all__ = ["echo", "installation", "ledger", "settings"]  # what a command takes from here


def settings() -> Settings:
    """What the environment says."""
    return read_settings(os.environ)


def ledger() -> AbstractContextManager[Ledger]:
    """The opened books, for a command that needs neither landing zone nor Stripe."""
    return open_ledger(settings())


def installation(*, decides_start: bool = False) -> AbstractContextManager[Installation]:
    """All of the installation, for the time of a command."""
    return open_installation(settings(), decides_start=decides_start)
