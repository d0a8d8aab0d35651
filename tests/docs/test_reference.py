"""The reference that `make docs` writes has all that there is, and the code says everything that it reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

from fridge_pipeline.cli.main import fridge
from fridge_pipeline.database.models import read_models
from fridge_pipeline.settings import MODELS_FOLDER, REPOSITORY
from fridge_pipeline.variables import VARIABLES
from scripts import reference

NAME = re.compile(r"(FRIDGE|STRIPE)_[A-Z_]+")


def test_every_command_that_there_is_has_its_heading_and_options_in_the_reference() -> None:
    page = reference.pages()["commands.md"]
    commands = list(leaves("fridge", fridge))
    assert len(commands) > 30
    missing = [path for path, _ in commands if f"\n### {path}\n\n`{path}" not in page]
    options = {option for _, command in commands for each in command.params for option in each.opts if "-" in option}
    assert [*missing, *(each for each in options if f"`{each}`" not in page)] == []


def leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, child in command.commands.items():
        if not child.hidden:
            yield from leaves(f"{path} {name}", child)


def test_every_variable_and_every_sql_model_with_its_columns_stands_in_the_reference() -> None:
    pages = reference.pages()
    assert [each.name for each in VARIABLES if f"| `{each.name}` | " not in pages["environment.md"]] == []
    sections = dict(section.split("\n", 1) for section in pages["tables.md"].split("\n### ")[1:])
    assert sections.keys() == {
        file.stem for layer in ("marts", "staging") for file in (MODELS_FOLDER / layer).glob("*.sql")
    }
    models = read_models(MODELS_FOLDER)
    assert [(m.name, c) for m in models for c in m.columns if f"\n| {c} | " not in sections[m.name]] == []


def test_the_pages_are_written_and_hold_no_link_to_what_is_not_there(tmp_path: Path) -> None:
    reference.write(tmp_path)
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert written == reference.pages()
    linked = {target for text in written.values() for target in re.findall(r"\]\(([^)#:]+)", text)}
    missing = {each for each in linked if not (reference.FOLDER / each).resolve().exists()}
    assert missing - {*written, "schema.md"} == set(), "make docs writes schema.md beside them"


def test_every_variable_that_the_settings_read_is_described_and_no_other() -> None:
    settings = REPOSITORY / "fridge_pipeline" / "settings.py"
    read = {
        node.value
        for node in ast.walk(ast.parse(settings.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value)
    }
    assert read == {variable.name for variable in VARIABLES}


def test_the_readme_names_every_variable() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert [variable.name for variable in VARIABLES if f"`{variable.name}`" not in readme] == []


def test_what_the_reference_says_is_secret_shows_in_no_repr_of_the_settings() -> None:
    """Secrets are given as values that would be seen."""
    from fridge_pipeline.settings import read_settings  # noqa: PLC0415

    given = {
        "FRIDGE_DATABASE_URL": "postgresql://u:seen@h/b",
        "FRIDGE_ALERT_WEBHOOK": "https://h/seen",
        "FRIDGE_ALERT_SMTP": "smtp://u:seen@h",
        "FRIDGE_ALERT_FROM": "a@b",
        "FRIDGE_ALERT_TO": "a@b",
        "STRIPE_API_KEY": "sk_test_seen",
    }
    assert {each.name for each in VARIABLES if each.secret} == given.keys() - {"FRIDGE_ALERT_FROM", "FRIDGE_ALERT_TO"}
    assert "seen" not in repr(read_settings(given))
