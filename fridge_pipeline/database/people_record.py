"""People: logins of their own, the roles in which they act (law L15), and what a reader must not do (law L16)."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from fridge_pipeline.database.connection import refused_text
from fridge_pipeline.database.queries import statement

#: The database has the same rule; it leaves no room for characters that look alike or are not seen.
LOGIN = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)

#: What the program and PostgreSQL call their own logins.
RESERVED = ("fridge", "pg_", "postgres")

#: Characters of a generated password: 144 bits.
PASSWORD_BYTES = 18

PASSWORD_MIN = 12


class Role(StrEnum):
    """What a person may do besides reading."""

    PREPARER = "preparer"  # prepares months, and asks to reopen them
    APPROVER = "approver"  # approves both
    OPERATOR = "operator"  # releases, withdraws, settles, decides about switches
    READER = "reader"  # nothing

    @property
    def group(self) -> str:
        """The role of PostgreSQL whose members have its rights."""
        return "fridge_finance" if self is Role.READER else f"fridge_{self.value}"


class PersonRefusedError(ValueError):
    """A person is not added or removed as asked; the text says why."""


class NotAnAdministratorError(PermissionError):
    """Whoever signs in may make no logins; the text says what an administrator has to run."""


@dataclass(frozen=True, slots=True)
class Person:
    """A role that a person has, since when, and who gave it; ``may_sign_in`` says whether the server lets it in."""

    login: str
    role: str
    since: datetime
    added_by: str
    os_user: str | None
    os_host: str | None
    may_sign_in: bool


def require_login(login: str) -> str:
    """The login; raises ``PersonRefusedError`` with the rule when it is none for a person."""
    if not LOGIN.fullmatch(login) or login.startswith(RESERVED):
        raise PersonRefusedError(
            f"{login!r} is not a login for a person: it takes lower-case letters, digits and _, begins with a letter, "
            f"has at most 63 characters, and does not begin with {', '.join(RESERVED)}"
        )
    return login


def new_password() -> str:
    """One that nobody guesses."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def people(connection: psycopg.Connection) -> list[Person]:
    """Everybody who has a role now, by login."""
    with connection.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(statement("people")).fetchall()


def add_person(administrator: psycopg.Connection, login: str, role: Role, password: str) -> bool:
    """Gives a person a role, and a login with this password where it has none that works; says whether it got one.

    A login that the server has already, as from a directory service, stays as it is. Raises ``PersonRefusedError`` for
    a role that the person has, a login that is somebody else's, or one that looks like another's; and
    ``NotAnAdministratorError``.
    """
    require_login(login)
    if len(password) < PASSWORD_MIN:
        raise PersonRefusedError(f"a password has at least {PASSWORD_MIN} characters, this one has {len(password)}")
    try:
        with administrator.transaction():
            administrator.execute(statement("change_person"), {"login": login, "role": role.value, "action": "add"})
            is_new = _give_login(administrator, login, password)
            administrator.execute(_about(login, "join_group", granted=sql.Identifier(role.group)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotAnAdministratorError(_for_an_administrator(login, role, error)) from error
    except psycopg.errors.UndefinedObject as error:
        raise NotAnAdministratorError(
            f"{error.diag.message_primary}: have an administrator make it (create role {role.group}) and run fridge "
            "migrate"
        ) from error
    except psycopg.errors.RestrictViolation as error:
        raise PersonRefusedError(refused_text(error)) from error
    restrict_readers(administrator)
    return is_new


def remove_person(administrator: psycopg.Connection, login: str, role: Role | None) -> list[Role]:
    """Takes one role back, or all; with the last one the login ends too. Returns which.

    A login that the server has lost, as after a restore, is only taken off the record. Raises ``PersonRefusedError``
    and ``NotAnAdministratorError``. What the person did stays on record.
    """
    has = [Role(each.role) for each in people(administrator) if each.login == login]
    taken = [each for each in has if role in {None, each}]
    if not taken:
        raise PersonRefusedError(f"{login} has {'not that role' if has else 'no role'}: fridge people list shows all")
    is_there = administrator.execute(statement("person_login"), {"login": login}).fetchone() is not None
    try:
        with administrator.transaction():
            for each in taken:
                administrator.execute(
                    statement("change_person"), {"login": login, "role": each.value, "action": "remove"}
                )
                if is_there:
                    administrator.execute(_about(login, "leave_group", granted=sql.Identifier(each.group)))
            if is_there and taken == has:
                administrator.execute(_about(login, "end_person_login"))
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotAnAdministratorError(
            f"{error.diag.message_primary}: run it with the DSN of an administrator in FRIDGE_DATABASE_URL"
        ) from error
    return taken


def _give_login(administrator: psycopg.Connection, login: str, password: str) -> bool:
    found = administrator.execute(statement("person_login"), {"login": login}).fetchone()
    can_sign_in, does_more = found or (False, False)
    if does_more:
        raise PersonRefusedError(
            f"{login} is a login that does other work and belongs to no person: choose another name"
        )
    if can_sign_in:
        return False
    # Hashed here: the server's log shows a statement that failed.
    hashed = administrator.pgconn.encrypt_password(password.encode(), login.encode()).decode()
    name = "restore_person_login" if found else "create_person_login"
    administrator.execute(_about(login, name, password=sql.Literal(hashed)))
    return True


def _about(login: str, name: str, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(statement(name)).format(person=sql.Identifier(login), **parts)


def _for_an_administrator(login: str, role: Role, error: psycopg.Error) -> str:
    return (
        f"{error.diag.message_primary}: whoever signs in may make no login. Run this with the DSN of an administrator "
        f"in FRIDGE_DATABASE_URL; or have one run create role {login} login password '…'; grant {role.group} to "
        f"{login}; and then this again, with the DSN of the schema's owner"
    )


@dataclass(frozen=True, slots=True)
class ReaderDrift:
    """One thing that finance's logins could do, or that does not bound them, and the statements that end it."""

    says: str
    repair: str


def find_reader_drift(connection: psycopg.Connection) -> list[ReaderDrift]:
    """Whatever is not as it should be; everybody may ask, also before there is a schema."""
    return [ReaderDrift(*row) for row in connection.execute(statement("reader_drift")).fetchall()]


def restrict_readers(connection: psycopg.Connection) -> list[ReaderDrift]:
    """Ends what it may, and returns what is left: some of it needs a superuser, some the database's owner."""
    found = find_reader_drift(connection)
    for drift in found:
        # Refused, or another process is at it: what is not done then is found below.
        with suppress(psycopg.Error), connection.transaction():
            connection.execute(drift.repair.encode())
    return find_reader_drift(connection) if found else []
