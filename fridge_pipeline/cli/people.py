"""``fridge people``: who may act, each with a login of their own."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from fridge_pipeline.cli.command_groups import SentenceGroup
from fridge_pipeline.cli.person_option import Login
from fridge_pipeline.cli.terminal import echo, ledger, settings
from fridge_pipeline.database.people_record import Person, Role, add_person, new_password, remove_person
from fridge_pipeline.database.people_record import people as people_now
from fridge_pipeline.installation import administrator_login
from fridge_pipeline.visible import as_lines

ROLES = click.Choice([role.value for role in Role])


@click.group(cls=SentenceGroup)
def people() -> None:
    """The people who act, each with a login and with roles."""


@people.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_(*, as_json: bool) -> None:
    """List who may do what, since when, and who decided it."""
    with ledger() as opened, opened.database.connect() as connection:
        found = people_now(connection)
    echo(json.dumps([as_mapping(each) for each in found]) if as_json else as_text(found))


@people.command()
@click.argument("login", type=Login())
@click.option("--role", type=ROLES, required=True, help="What the person may do besides reading.")
@click.option(
    "--ask-password", is_flag=True, help="Ask for a password, or read it from standard input, instead of making one."
)
def add(login: str, role: str, ask_password: bool) -> None:
    """Give the person LOGIN a role, and a login of PostgreSQL.

    Its password is printed once. preparer: prepares months, asks to reopen them, proposes corrections. approver:
    approves all of these, and settles. operator: maps tenants, registers sensors, accepts columns, releases,
    withdraws, settles, corrects, decides about switches. reader: reads. A person may have several roles; two
    signatures still need two people. On your own server FRIDGE_DATABASE_URL must name an administrator for this
    one command.

    Example: fridge people add ada --role preparer
    """
    with ledger():
        pass  # the schema is there
    password = _asked() if ask_password else new_password()
    with administrator_login(settings()) as administrator, administrator.connect() as connection:
        is_new = add_person(connection, login, Role(role), password)
    echo(f"{login} is {role}")
    if not is_new:
        echo(f"The login {login} was there already: its password is as it was")
    elif not ask_password:
        echo(f"Password of {login}, shown this once: {password}")
        echo(f"Hand it to {login} alone. It is changed with psql, by \\password")


@people.command()
@click.argument("login", type=Login())
@click.option("--role", type=ROLES, help="Only this role [default: all, and the login].")
def remove(login: str, role: str | None) -> None:
    """Take a role of LOGIN back, or all of them. What the person did stays on record under this name permanently.

    Example: fridge people remove ada
    """
    with administrator_login(settings()) as administrator, administrator.connect() as connection:
        taken = remove_person(connection, login, Role(role) if role else None)
    echo(f"{login} is no longer {' and '.join(taken)}")


def as_mapping(person: Person) -> dict[str, object]:
    """One role of a person for scripts."""
    return {**asdict(person), "since": person.since.isoformat()}


def as_text(found: list[Person]) -> str:
    """The people, one role a line."""
    if not found:
        return "nobody. Months are closed by two: fridge people add LOGIN --role preparer, and one with --role approver"

    width = max(len(each.login) for each in found)
    return as_lines(
        [
            f"{each.login:<{width}}  {each.role:<8}  since {each.since:%Y-%m-%d}, by {each.added_by}"
            + (f" ({each.os_user} on {each.os_host})" if each.os_user else "")
            + ("" if each.may_sign_in else "; the server does not let this login in any more")
            for each in found
        ]
    )


def _asked() -> str:
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    return sys.stdin.readline().strip()
