"""Progress and tables for people, on standard error; commands that print lines alone do without, and start sooner."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook
from rich.segment import Segment

from fridge_pipeline.visible import visible


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


#: What scripts read goes to standard output with ``echo``.
console = Console(stderr=True, markup=False, emoji=False, highlight=False)
console.push_render_hook(_Everything())
