"""Where the server answers, and as whom to speak to it: roles and their passwords."""

from __future__ import annotations

import importlib.resources
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql

from fridge_pipeline.database.embedded.layout import HOST, DataDirectoryError, write_durably
from fridge_pipeline.database.people_record import restrict_readers

if TYPE_CHECKING:
    from fridge_pipeline.database.embedded.layout import Layout


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Host, port, role and database of a running server. The password never shows in its ``repr``."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    def dsn(self, database: str | None = None) -> str:
        """``postgresql://user:password@host:port/database``; holds the password, so never log it."""
        name = self.database if database is None else database
        user, password, path = (quote(part, safe="") for part in (self.user, self.password, name))
        return f"postgresql://{user}:{password}@{self.host}:{self.port}/{path}"


SUPERUSER = "postgres"
#: Owns the schema: migrations sign in with it, and daily work does not.
OWNER = "fridge"
#: What daily work signs in with: a member of ``fridge_pipeline``, and the owner of Dagster's database.
APPLICATION = "fridge_app"
FINANCE = "fridge_finance"
METRICS = "fridge_metrics"
PASSWORD_BYTES = 32


def read_or_create_password(layout: Layout, role: str) -> str:
    """The password of a role, made on first use and the same ever after."""
    file = layout.password_file(role)
    if not file.exists():
        write_durably(file, secrets.token_hex(PASSWORD_BYTES) + "\n")
    return file.read_text().strip()


def read_password(layout: Layout, role: str) -> str:
    """The password of a role of an existing server. Raises ``DataDirectoryError`` when its file is gone."""
    file = layout.password_file(role)
    if not file.exists():
        raise DataDirectoryError(
            f"{file} is missing, but {layout.data} was made with the password in it: put the file back "
            "from a backup; without it nobody can sign in to this server"
        )
    return file.read_text().strip()


DAGSTER_DATABASE = "fridge_dagster"


def ensure_roles(layout: Layout, port: int) -> None:
    """Makes them where they are missing, as in a data directory of an earlier version, with Dagster's database.

    Readers get back the password of their file and their bounds: they may change their own.
    """
    superuser = read_password(layout, SUPERUSER)
    address = ServerAddress(HOST, port, SUPERUSER, superuser, "postgres")
    with psycopg.connect(address.dsn(), autocommit=True) as connection:

        def hashed(role: str) -> sql.Literal:
            """Hashed by the client: the server's log shows a statement that failed."""
            password = read_or_create_password(layout, role)
            return sql.Literal(connection.pgconn.encrypt_password(password.encode(), role.encode()).decode())

        roles = sql.SQL(_statements("more_roles.sql"))
        passwords = {"application": APPLICATION, "finance": FINANCE, "metrics": METRICS}
        connection.execute(roles.format(**{f"{name}_password": hashed(role) for name, role in passwords.items()}))
    with psycopg.connect(address.dsn(OWNER), autocommit=True) as connection:
        restrict_readers(connection)
    with psycopg.connect(address.dsn(DAGSTER_DATABASE), autocommit=True) as connection:
        connection.execute(_statements("dagster_database.sql").encode())


def _statements(name: str) -> str:
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
