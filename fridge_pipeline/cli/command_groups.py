"""Groups of commands whose help shows whole sentences, and one that imports a command when it is run."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, MutableMapping
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

#: Longer than any sentence: click would cut it, and end it in three dots.
UNCUT = 10_000


class Entry(NamedTuple):
    """A command that is not imported yet.

    ``target`` is its module in this folder and its name there; ``sentence`` is the first one of its help.
    """

    name: str
    target: str
    sentence: str

    def load(self) -> click.Command:
        """The command itself, for which its module is imported."""
        module, attribute = self.target.split(":")
        command: click.Command = getattr(importlib.import_module(f"{__package__}.{module}"), attribute)
        return command


class Section(NamedTuple):
    """Commands that stand together in the help."""

    title: str
    entries: tuple[Entry, ...]


class SentenceGroup(click.Group):
    """A group whose help and completion show the first sentence of each command, and all of it."""

    def sections(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Titles, and under each the names of commands with their sentences."""
        shown = [(name, self.commands[name]) for name in sorted(self.commands)]
        return [("Commands", [(name, each.get_short_help_str(UNCUT)) for name, each in shown if not each.hidden])]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 # click's
        """Writes them into the help."""
        sections = self.sections()
        width = max(len(name) for _, rows in sections for name, _ in rows)
        for title, rows in sections:
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), sentence) for name, sentence in rows])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin like this, and the group's own options."""
        rows = [row for _, section in self.sections() for row in section]
        found = [CompletionItem(name, help=sentence) for name, sentence in rows if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


class LazyGroup(SentenceGroup):
    """A group that knows names and sentences, and imports a command when it is run or asked for its own help."""

    def __init__(self, *arguments: Any, table: tuple[Section, ...], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.table = table
        self.commands = _Commands(table)

    def sections(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What the table says, without an import."""
        return [(title, [(each.name, each.sentence) for each in entries]) for title, entries in self.table]


class _Commands(MutableMapping[str, click.Command]):
    """The commands by name, each imported when it is first looked up."""

    def __init__(self, table: tuple[Section, ...]) -> None:
        self._known: dict[str, Entry | click.Command] = {
            each.name: each for section in table for each in section.entries
        }

    def __getitem__(self, name: str) -> click.Command:
        known = self._known[name]
        if isinstance(known, Entry):
            self._known[name] = known = known.load()
        return known

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)
