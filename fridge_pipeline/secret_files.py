"""Secrets by file: ``<NAME>_FILE`` names a file that holds what the variable would."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

#: What Docker's official images, Compose and systemd's credentials made usual.
FILE_SUFFIX = "_FILE"

#: A DSN or a key is far shorter. What is longer is some other file, named by mistake.
SECRET_BYTES_MAX = 16 * 1024


class SecretFileError(ValueError):
    """A file that should hold a secret does not. The text names variable and file, never what the file holds."""


def with_secrets(given: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """The variables, with those secrets that are given by file put in; white space around a secret is no part of it.

    ``names`` are the variables that hold a secret. Raises ``SecretFileError``.
    """
    found = dict(given)
    for name in names:
        file = given.get(name + FILE_SUFFIX)
        if file is None:
            continue
        if name in given:
            raise SecretFileError(f"{name} and {name}{FILE_SUFFIX} are both set; unset one of them")
        found[name] = read_secret(name + FILE_SUFFIX, Path(file))
    return found


def read_secret(variable: str, file: Path) -> str:
    """What a file holds that a variable names; raises ``SecretFileError``."""
    if not file.is_absolute():  # the processes that read it work in different folders
        raise SecretFileError(f"{variable} must be an absolute path, got {str(file)!r}")
    try:
        with file.open("rb") as stream:
            content = stream.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise SecretFileError(f"{variable}: cannot read {file}: {error.strerror}") from None
    if len(content) > SECRET_BYTES_MAX:
        raise SecretFileError(f"{variable}: {file} holds more than {SECRET_BYTES_MAX:,} bytes; that is not a secret")
    try:
        secret = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise SecretFileError(f"{variable}: {file} is not text") from None  # the cause would show bytes of it
    if not secret:
        raise SecretFileError(f"{variable}: {file} is empty")
    if not secret.isprintable():
        raise SecretFileError(f"{variable}: {file} holds more than one line")
    return secret
