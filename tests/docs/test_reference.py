"""docs/reference/ is what the code says, and the code says everything that it reads."""

from __future__ import annotations

import ast
import re

import pytest

from fridge_pipeline.settings import REPOSITORY
from fridge_pipeline.variables import VARIABLES
from scripts import reference

NAME = re.compile(r"(FRIDGE|STRIPE)_[A-Z_]+")


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_the_committed_page_is_what_the_code_makes(name: str) -> None:
    committed = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert committed == reference.pages()[name], "run: make reference"


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
