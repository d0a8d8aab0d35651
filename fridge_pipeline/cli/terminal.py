"""What all commands have in common: settings, the installation, and how text reaches the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook
from rich.segment import Segment

from fridge_pipeline.cli.echo import echo
from fridge_pipeline.installation import Installation, Ledger, open_installation, open_ledger
from fridge_pipeline.settings import Settings, read_settings
from fridge_pipeline.visible import visible

__all__ = ["console", "echo", "installation", "ledger", "settings"]  # what a command takes from here


def settings() -> Settings:
    """What the environment says."""
    return read_settings(os.environ)


def ledger() -> AbstractContextManager[Ledger]:
    """The opened books, for a command that needs neither landing zone nor Stripe."""
    return open_ledger(settings())


def installation(*, decides_start: bool = False) -> AbstractContextManager[Installation]:
    """All of the installation, for the time of a command."""
    return open_installation(settings(), decides_start=decides_start)


class _AsText:
    """What is to be printed, with every character that would act written out."""

    def __init__(self, printed: RenderableType) -> None:
        self._printed = printed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._printed, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


class _Everything(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_AsText(each) for each in renderables]


#: For people: progress and tables. What scripts read goes to standard output with ``echo``.
console = Console(stderr=True, markup=False, emoji=False, highlight=False)
console.push_render_hook(_Everything())
