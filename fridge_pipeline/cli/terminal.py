"""What all commands have in common: settings and the installation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from fridge_pipeline.cli.echo import echo
from fridge_pipeline.database.kept_sessions import kept_sessions
from fridge_pipeline.installation import Installation, Ledger, open_installation, open_ledger
from fridge_pipeline.settings import Settings, read_settings

__all__ = ["echo", "installation", "ledger", "settings"]  # what a command takes from here


def settings() -> Settings:
    """What the environment says."""
    return read_settings(os.environ)


@contextmanager
def ledger() -> Iterator[Ledger]:
    """The opened books, for a command that needs neither landing zone nor Stripe."""
    with open_ledger(settings()) as opened, kept_sessions():
        yield opened


@contextmanager
def installation(*, decides_start: bool = False) -> Iterator[Installation]:
    """All of the installation, for the time of a command."""
    with open_installation(settings(), decides_start=decides_start) as opened, kept_sessions():
        yield opened
