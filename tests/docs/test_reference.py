"""The reference that `make docs` writes has all that there is, and the code says everything that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from fridge_pipeline.cli.main import fridge
from fridge_pipeline.database.models import read_models
from fridge_pipeline.settings import MODELS_FOLDER, SECRETS, Settings, read_settings
from scripts import reference


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
    names = {field.validation_alias for field in Settings.model_fields.values()}
    assert [each for each in names if f"| `{each}` | " not in pages["environment.md"]] == []
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


def test_the_table_in_the_readme_is_what_the_settings_say() -> None:
    assert reference.README.read_text(encoding="utf-8") == reference.readme(), "run: make docs"


def test_the_table_has_every_variable_that_the_settings_read_and_no_other() -> None:
    rows = [row.split("`")[1] for row in reference.variables("docs/")]
    assert sorted(rows) == sorted({f"{field.validation_alias}" for field in Settings.model_fields.values()})


def test_what_the_reference_says_is_secret_shows_in_no_repr_of_the_settings() -> None:
    """Secrets are given as values that would be seen."""
    given = {
        "FRIDGE_DATABASE_URL": "postgresql://u:seen@h/b",
        "FRIDGE_FINANCE_DATABASE_URL": "postgresql://u:seen@h/b",
        "FRIDGE_ALERT_WEBHOOK": "https://h/seen",
        "FRIDGE_ALERT_SMTP": "smtp://u:seen@h",
        "FRIDGE_ALERT_FROM": "a@b",
        "FRIDGE_ALERT_TO": "a@b",
        "STRIPE_API_KEY": "sk_test_seen",
    }
    assert set(SECRETS) == given.keys() - {"FRIDGE_ALERT_FROM", "FRIDGE_ALERT_TO"}
    assert "seen" not in repr(read_settings(given))
