"""Secrets: which variables hold one, or name with ``<NAME>_FILE`` a file that does, and who is given none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

#: The settings that hold a secret: a key, or an address with a password or a token in it.
SECRETS = ("STRIPE_API_KEY", "FRIDGE_DATABASE_URL", "FRIDGE_ALERT_WEBHOOK", "FRIDGE_ALERT_SMTP")

#: What Docker's official images, Compose and systemd's credentials made usual.
SUFFIX = "_FILE"

#: A DSN or a key is far shorter. What is longer is some other file, named by mistake.
SECRET_BYTES_MAX = 16 * 1024


#: How the credentials of object stores begin; their client reads more of them than we name.
STORE_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_")


class SecretFileError(ValueError):
    """A file that should hold a secret does not. The text names variable and file, never what the file holds."""


def with_secrets(given: Mapping[str, str]) -> dict[str, str]:
    """The variables, with those secrets that are given by file put in; white space around a secret is no part of it.

    Raises ``SecretFileError``.
    """
    found = dict(given)
    for name in SECRETS:
        file = given.get(name + SUFFIX)
        if file is None:
            continue
        if name in given:
            raise SecretFileError(f"{name} and {name}{SUFFIX} are both set; unset one of them")
        found[name] = _read(name + SUFFIX, Path(file))
    return found


def without_secrets(environ: Mapping[str, str], *, keep: Sequence[str] = ()) -> dict[str, str]:
    """The variables for a child process that needs no secret but those to ``keep``, given by file or not."""
    secrets = {name + suffix for name in SECRETS if name not in keep for suffix in ("", SUFFIX)}
    return {
        name: value for name, value in environ.items() if name not in secrets and not name.startswith(STORE_PREFIXES)
    }


def _read(variable: str, file: Path) -> str:
    if not file.is_absolute():  # the processes that read it work in different folders
        raise SecretFileError(f"{variable} must be an absolute path, got {str(file)!r}")
    try:
        with file.open("rb") as stream:
            content = stream.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise SecretFileError(f"{variable}: cannot read {file}: {error.strerror}") from None
    if len(content) > SECRET_BYTES_MAX:
        raise SecretFileError(f"{variable}: {file} holds more than {SECRET_BYTES_MAX:,} bytes; that is no secret")
    try:
        secret = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise SecretFileError(f"{variable}: {file} is not text") from None  # the cause would show bytes of it
    if not secret:
        raise SecretFileError(f"{variable}: {file} is empty")
    if not secret.isprintable():
        raise SecretFileError(f"{variable}: {file} holds more than one line")
    return secret
