"""What every command needs: the settings, the opened installation, and errors as one clear line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from fridge_pipeline.installation import Installation, open_installation
from fridge_pipeline.settings import Settings, read_settings


def settings() -> Settings:
    """What the environment says."""
    return read_settings(os.environ)


@contextmanager
def installation(*, decides_start: bool = False) -> Iterator[Installation]:
    """The opened installation for the time of a command."""
    with open_installation(settings(), decides_start=decides_start) as opened:
        yield opened
