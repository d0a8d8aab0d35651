"""Secrets by file: the same settings, clear errors, and nothing of what a file holds in any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fridge_pipeline.secret_files import FILE_SUFFIX, SecretFileError
from fridge_pipeline.settings import SECRETS, read_settings

VALUES = {
    "STRIPE_API_KEY": "rk_test_of_a_file",
    "FRIDGE_DATABASE_URL": "postgresql://u:of_a_file@h/d",
    "FRIDGE_FINANCE_DATABASE_URL": "postgresql://f:of_a_file@h/d",
    "FRIDGE_ALERT_WEBHOOK": "https://hooks.example/of_a_file",
    "FRIDGE_ALERT_SMTP": "smtps://u:of_a_file@mail.example",
}
MAIL = {"FRIDGE_ALERT_FROM": "a@example.com", "FRIDGE_ALERT_TO": "b@example.com"}


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    """All secrets by file, each with the line end that an editor leaves."""
    environ = dict(MAIL)
    for name, value in VALUES.items():
        file = tmp_path / name.lower()
        file.write_text(f"{value}\n")
        environ[name + FILE_SUFFIX] = str(file)
    return environ


def test_every_secret_means_the_same_by_file_and_by_environment(given: dict[str, str]) -> None:
    assert set(VALUES) == set(SECRETS)
    assert read_settings(given) == read_settings({**MAIL, **VALUES})
    assert "of_a_file" not in repr(read_settings(given))


def test_a_variable_that_is_empty_leaves_the_word_to_the_other(given: dict[str, str]) -> None:
    assert read_settings({**given, "STRIPE_API_KEY": " "}).stripe_key == read_settings(given).stripe_key
    both = {**given, "FRIDGE_DATABASE_URL_FILE": "", "FRIDGE_DATABASE_URL": "postgresql://h/other"}
    assert read_settings(both).database_url == "postgresql://h/other"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_is_given_twice_is_refused_without_showing_either(name: str, given: dict[str, str]) -> None:
    with pytest.raises(SecretFileError, match=f"{name} and {name}_FILE are both set; unset one of them") as refused:
        read_settings({**given, name: VALUES[name]})
    assert "of_a_file" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, r"STRIPE_API_KEY_FILE: cannot read .*/secret: No such file or directory"),
        (b" \n", "STRIPE_API_KEY_FILE: .*/secret is empty"),
        (b"of_a_file\nand_more", "STRIPE_API_KEY_FILE: .*/secret holds more than one line"),
        (b"of_a_file\xff", "STRIPE_API_KEY_FILE: .*/secret is not text"),
        (b"of_a_file" * 2000, "STRIPE_API_KEY_FILE: .*/secret holds more than 16,384 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_an_error_that_names_it_and_shows_nothing_of_it(
    content: bytes | None, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SecretFileError, match=told) as refused:
        read_settings({"STRIPE_API_KEY_FILE": str(file)})
    assert "of_a_file" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None, "a traceback would show it"


def test_a_folder_and_a_relative_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match=r"cannot read .*: Is a directory"):
        read_settings({"STRIPE_API_KEY_FILE": str(tmp_path)})
    with pytest.raises(SecretFileError, match="STRIPE_API_KEY_FILE must be an absolute path, got 'secrets/key'"):
        read_settings({"STRIPE_API_KEY_FILE": "secrets/key"})
