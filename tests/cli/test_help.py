"""Help and completion, as a terminal of 80 columns shows them."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from fridge_pipeline.cli.command_groups import UNCUT
from fridge_pipeline.cli.command_table import COMMANDS
from fridge_pipeline.cli.main import _say as say
from fridge_pipeline.cli.main import fridge

#: With its name beside it a sentence takes two lines of a terminal at most.
SENTENCE_MAX = 80


def groups(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        yield path
        for name, child in command.commands.items():
            yield from groups((*path, name), child)


def test_the_table_of_commands_says_what_the_commands_say_themselves() -> None:
    entries = [entry for section in COMMANDS for entry in section.entries]
    loaded = [entry.load() for entry in entries]
    assert [(each.name, each.sentence) for each in entries] == [
        (each.name, each.get_short_help_str(UNCUT)) for each in loaded
    ]
    assert len({each.name for each in entries}) == len(entries) > 30


@pytest.mark.parametrize("path", list(groups((), fridge)), ids=lambda path: " ".join(path) or "fridge")
def test_the_help_of_a_group_shows_the_whole_first_sentence_of_each_command(path: tuple[str, ...]) -> None:
    shown = " ".join(CliRunner().invoke(fridge, [*path, "--help"], terminal_width=80).output.split())
    group: click.Command = fridge
    for name in path:
        assert isinstance(group, click.Group)
        group = group.commands[name]
    assert isinstance(group, click.Group)
    for name, command in group.commands.items():
        sentence = command.get_short_help_str(UNCUT)
        assert f" {name} {sentence}" in shown
        assert (sentence[-1], len(sentence) <= SENTENCE_MAX) == (".", True), f"{name}: {sentence}"
    assert "..." not in shown.replace("[ARGS]...", "")


def test_the_help_has_its_sections_in_the_order_in_which_people_meet_them() -> None:
    lines = CliRunner().invoke(fridge, ["--help"], terminal_width=80).output.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Options:", "Day by day:", "Month by month:", "Evidence:", "The installation:"]


def test_a_mistyped_command_is_told_what_was_probably_meant() -> None:
    told = CliRunner().invoke(fridge, ["explian"])
    assert (told.exit_code, "Did you mean 'explain'?" in told.output) == (2, True)


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("fridge ex", ["exceptions", "explain"]),
        ("fridge db ", ["schema", "stop", "url"]),
        ("fridge exceptions --kind unma", ["unmapped"]),
        ("fridge tenants import --rem", ["--remove-customers"]),
        ("fridge --deb", ["--debug"]),
    ],
)
def test_completion_names_commands_and_options(words: str, completed: list[str]) -> None:
    environment = {
        "_FRIDGE_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    told = CliRunner().invoke(fridge, [], env=environment, prog_name="fridge")
    assert [line.split(",", 1) for line in told.output.splitlines()] == [["plain", each] for each in completed]


def test_completion_for_zsh_brings_the_whole_sentence() -> None:
    environment = {"_FRIDGE_COMPLETE": "zsh_complete", "COMP_WORDS": "fridge explain", "COMP_CWORD": "1"}
    told = CliRunner().invoke(fridge, [], env=environment, prog_name="fridge")
    assert told.output.splitlines() == ["plain", "explain", "Say why TENANT's number in HOUR is what it is."]


def options(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[str, click.Option]]:
    for option in command.params:
        if isinstance(option, click.Option):
            yield " ".join(path), option
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from options((*path, name), child)


def test_no_port_is_taken_that_no_port_can_be_and_dash_h_is_the_help_of_every_command() -> None:
    ports = 0
    for command, option in options((), fridge):
        assert "-h" not in option.opts, command
        if option.name is not None and option.name.endswith("port"):
            ports += 1
            with pytest.raises(click.BadParameter, match="65535"):
                option.type.convert("65536", option, click.Context(fridge))
    assert ports >= 7


def test_what_was_asked_and_not_confirmed_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert say(click.Abort()) == 1
    assert capsys.readouterr().err == "fridge: it was not confirmed, and nothing was done\n"
