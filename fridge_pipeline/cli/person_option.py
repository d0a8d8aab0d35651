"""``--as LOGIN``: as whom an act is recorded (law L15), and where the password of that person comes from."""

from __future__ import annotations

import getpass
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from fridge_pipeline.database.people_record import PersonRefusedError, require_login
from fridge_pipeline.installation import Ledger
from fridge_pipeline.secret_files import SecretFileError, read_secret

VARIABLE = "FRIDGE_PERSON_PASSWORD_FILE"


class Login(click.ParamType[str]):
    """The login of a person on the command line."""

    name = "LOGIN"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The login, or a usage error that says what one is made of."""
        try:
            return require_login(str(value))
        except PersonRefusedError as error:
            self.fail(str(error), param, ctx)

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """What a signature takes; the names that commands of before took are labels by now."""
        role = "approver" if ctx is not None and ctx.info_name == "approve" else "preparer"
        return (
            f"A signature takes the login of a person, {param.opts[0]} LOGIN; a typed name is only shown beside it. "
            f"fridge people list shows who may sign, and fridge people add LOGIN --role {role} adds somebody."
        )


def as_option(*, signs: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option; a signature takes one, another act is recorded with the program's own login without it."""
    without = "" if signs else " [default: the program's own login, with the user of this machine]"
    told = f"The person who does it, by the login that fridge people add made{without}."
    return click.option("--as", "login", type=Login(), required=signs, help=told)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who decides something: the person's login, and a name that was typed, each where there is one."""

    login: str | None
    name: str | None

    @property
    def label(self) -> str:
        """The name that was typed, else the login, else who works at this terminal; a usage error without any."""
        return who_decided(self.login if self.name is None else self.name)


def actor_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--as`` and ``--by`` of an act that one person does; the command gets both as ``actor``."""

    @wraps(command)
    def with_actor(*arguments: Any, login: str | None, name: str | None, **options: Any) -> Any:
        return command(*arguments, actor=Actor(login, name), **options)

    label = click.option(
        "--by", "name", help="A name to show beside it [default: the login, or who is at this terminal]."
    )
    return as_option()(label(with_actor))


def who_decided(name: str | None) -> str:
    """The name that was given, else that of who works at this terminal; a usage error when there is neither."""
    decided_by = login_name() if name is None else name.strip()
    if not decided_by:
        raise click.UsageError("--by is empty; say who decided it")
    return decided_by


def login_name() -> str:
    """Who works at this terminal; a usage error when the system does not know."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError) as error:
        raise click.UsageError("this user has no login name; say who decided it with --by NAME") from error


def sign_in(books: Ledger, login: str | None) -> None:
    """From now on acts are recorded with the person's login. Raises ``DatabaseUnreachableError`` when it is refused."""
    if login is None:
        return
    file = books.settings.person_password_file
    password = _password_in(file) if file is not None else _asked(login)
    books.database = books.database.as_person(login, password)
    if books.database.person is not None:
        with books.database.person.connect():
            return


def _asked(login: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"Password of {login}", hide_input=True, err=True))
    if password := sys.stdin.readline().rstrip("\r\n"):
        return password
    raise SecretFileError(
        f"no password of {login}, and no terminal to ask for it at: name a file with it in {VARIABLE}"
    )


def _password_in(file: Path) -> str:
    try:
        found = file.stat()
    except OSError as error:
        raise SecretFileError(f"{VARIABLE}: cannot read {file}: {error.strerror}") from None
    if stat.S_IMODE(found.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretFileError(
            f"{VARIABLE}: {file} has the mode {stat.S_IMODE(found.st_mode):04o}, so others than its owner may read it: "
            f"chmod 600 {file}"
        )
    return read_secret(VARIABLE, file)
