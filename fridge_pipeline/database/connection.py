"""How to reach the database: sessions that are always the same, single statements, frames of rows, one snapshot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import adbc_driver_manager
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fridge_pipeline.database.kept_sessions import kept_here
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.text_arrays import TextArrays

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi as adbc_dbapi
    from polars import DataFrame


#: Everything that would change a result, an order of events or a right, and that any role may set for itself.
#: PostgreSQL's own defaults, but for the time zone: hours are UTC hours.
_PARAMETERS = {
    "timezone": "UTC",
    "datestyle": "ISO,MDY",
    "intervalstyle": "postgres",
    "client_encoding": "UTF8",
    "search_path": '"$user",public',
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "row_security": "on",
    "check_function_bodies": "on",
    "exit_on_error": "off",
    "default_transaction_isolation": "read committed",  # locks and marks rely on seeing what others have committed
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}


def session_options(given: str | None, **changed: str) -> str:
    """The value of libpq's ``options``: what the DSN gives first, so that ours hold."""
    ours = [f"-c {name}={_escaped(value)}" for name, value in {**_PARAMETERS, **changed}.items()]
    return " ".join([*([given] if given else []), *ours])


def _escaped(value: str) -> str:
    """PostgreSQL splits the options at white space that no backslash stands before."""
    return re.sub(r"([\\\s])", r"\\\1", value)


#: Long enough for a server that is just recovering from a crash.
CONNECT_TIMEOUT_SECONDS = 10

#: Ids and names may hold any character.
ENCODING = "UTF8"


class DatabaseUnreachableError(ConnectionError):
    """PostgreSQL did not answer; the text names host, port and database, never the password."""


class DatabaseEncodingError(RuntimeError):
    """The database cannot hold every character."""


class DatabaseMissingError(LookupError):
    """A database that we need does not exist, and we may not create it."""


class NotEntitledError(PermissionError):
    """Whoever is signed in may not do that; the text says who may."""


def refused_text(error: psycopg.Error) -> str:
    """What the database refuses, and what to do, in one line."""
    return ". ".join(part for part in (error.diag.message_primary, error.diag.message_hint) if part)


@dataclass(frozen=True, slots=True)
class SystemUser:
    """Who works at which machine, as its operating system says; beside every act of a person (law L15)."""

    user: str
    host: str


@dataclass(frozen=True)
class Database:
    """A PostgreSQL database by its DSN (``postgresql://user:password@host:port/name``)."""

    dsn: str = field(repr=False)

    #: Whose rights connections have, where it is not the role that signs in.
    role: str | None = None

    is_read_only: bool = False

    #: What sessions are told of who works here; given at the top.
    system_user: SystemUser | None = None

    #: The same database signed in as the person whose acts are recorded; ``None`` for the login of daily work.
    person: Database | None = None

    @property
    def location(self) -> str:
        """Host, port and database name, to show to people."""
        parts = conninfo_to_dict(self.dsn)
        return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A psycopg connection in autocommit: transactions are the explicit ``connection.transaction()``.

        As new, also where it is of ``kept_sessions``. Raises ``DatabaseUnreachableError``, also when the server goes
        away while it is in use, and ``DatabaseEncodingError``.
        """
        kept = kept_here()
        connection, closing = (kept and kept.take(self._conninfo)) or self._opened()
        try:
            with closing:
                yield connection
                if kept is not None:
                    kept.take_back(self._conninfo, connection, closing)
        except psycopg.OperationalError as error:
            if not connection.broken:
                raise
            raise DatabaseUnreachableError(
                f"PostgreSQL at {self.location} went away: {_reason(error)}. What was committed stays; try again"
            ) from None

    def _opened(self) -> tuple[psycopg.Connection, ExitStack]:
        """A new session, and what closes it."""
        try:
            connection = psycopg.connect(
                self._conninfo, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS, application_name="fridge"
            )
        except psycopg.OperationalError as error:
            raise DatabaseUnreachableError(f"PostgreSQL at {self.location}: {_reason(error)}") from None
        with ExitStack() as closing:
            closing.enter_context(connection)
            self._require_encoding(connection)
            connection.adapters.register_dumper(list, TextArrays)
            return connection, closing.pop_all()

    @contextmanager
    def connect_bulk(self, *, autocommit: bool = False) -> Iterator[adbc_dbapi.Connection]:
        """An Arrow connection: frames in by binary COPY, frames out by columns.

        Without ``autocommit`` the caller commits; leaving without a commit rolls back.
        Raises ``DatabaseUnreachableError``, also when the connection is lost meanwhile.
        """
        # It brings pyarrow: 47 MiB that a tick, the UI's code server and most commands never need.
        from adbc_driver_postgresql import dbapi as adbc_postgresql  # noqa: PLC0415

        try:
            connection = adbc_postgresql.connect(self._conninfo, autocommit=autocommit)
        except adbc_driver_manager.Error as error:
            raise DatabaseUnreachableError(f"PostgreSQL at {self.location}: {_reason(error)}") from None
        with connection:
            try:
                yield connection
            except adbc_driver_manager.OperationalError as error:
                raise DatabaseUnreachableError(f"PostgreSQL at {self.location} went away: {_reason(error)}") from error

    def acting_as(self, role: str) -> Database:
        """The same database with the rights of another role, of which the one that signs in is a member."""
        return replace(self, role=role)

    def as_person(self, login: str, password: str) -> Database:
        """The same database, on which acts are recorded as those of a person with a login of its own (law L15)."""
        dsn = make_conninfo(self.dsn, user=login, password=password)
        return replace(self, person=Database(dsn, system_user=self.system_user))

    @property
    def signs_in_as(self) -> str:
        """The login that acts are recorded with."""
        return str(conninfo_to_dict((self.person or self).dsn).get("user", ""))

    @contextmanager
    def acting(self, connection: psycopg.Connection) -> Iterator[psycopg.Connection]:
        """A transaction in which an act of a person is written: signed in as the person where one is named.

        Else it is the given connection's. Keep locks that the act waits for out of that connection. Raises
        ``NotEntitledError`` when the login may not do it.
        """
        try:
            if self.person is None:
                with connection.transaction():
                    yield connection
            else:
                with self.person.connect() as own, own.transaction():
                    yield own
        except psycopg.errors.InsufficientPrivilege as error:
            who_may = "" if error.diag.message_hint else f" to {self.signs_in_as}: fridge people list shows who may"
            raise NotEntitledError(f"{refused_text(error)}{who_may}") from error

    @property
    def owned(self) -> Database:
        """The same database with the rights of the role that signs in."""
        return replace(self, role=None)

    def read_only(self) -> Database:
        """The same database by connections on which PostgreSQL refuses every write."""
        return replace(self, is_read_only=True)

    @property
    def _conninfo(self) -> str:
        """How both drivers sign in: the DSN, and a session of ours."""
        return _conninfo(self)

    def _require_encoding(self, connection: psycopg.Connection) -> None:
        found = connection.info.parameter_status("server_encoding")
        if found != ENCODING:
            raise DatabaseEncodingError(
                f"the database at {self.location} is encoded in {found}, which cannot hold every id and name; nothing "
                f"was made. Have one made in {ENCODING}, and name it in FRIDGE_DATABASE_URL: "
                f"create database NAME encoding '{ENCODING}' template template0"
            )

    def create_beside(self, other: Database) -> None:
        """Creates the other database on this one's server where it does not exist yet, by the role that signs in.

        Raises ``DatabaseUnreachableError``, and ``DatabaseMissingError`` when the role may not create it.
        """
        name = str(conninfo_to_dict(other.dsn)["dbname"])
        with self.owned.connect() as connection:
            if connection.execute(statement("database_exists"), {"name": name}).fetchone():
                return
            try:
                connection.execute(sql.SQL(statement("create_database")).format(name=sql.Identifier(name)))
            except psycopg.errors.DuplicateDatabase:
                return  # another process was faster
            except psycopg.errors.InsufficientPrivilege as error:
                raise DatabaseMissingError(
                    f"the database {name!r} does not exist and this role may not create it; "
                    f"have it created beside {self.location}, owned by this role"
                ) from error


@lru_cache  # libpq reads an address anew each time
def _conninfo(database: Database) -> str:
    changed = {"role": database.role} if database.role else {}
    changed |= {"default_transaction_read_only": "on"} if database.is_read_only else {}
    if (worker := database.system_user) is not None:
        changed |= {"fridge.os_user": worker.user, "fridge.os_host": worker.host}
    given = conninfo_to_dict(database.dsn).get("options")
    options = session_options(str(given) if given is not None else None, **changed)
    return make_conninfo(database.dsn, options=options, client_encoding=ENCODING)


def _reason(error: Exception) -> str:
    """The server's own words in one line. Drivers quote the host, not the password."""
    return " ".join(str(error).split())


def streamed(connection: adbc_dbapi.Connection, name: str, **values: object) -> Iterator[DataFrame]:
    """What a query with values, or parts of SQL, in its braces gives.

    They stand in its text because Arrow's driver streams only what it can make a COPY of, and a COPY takes no
    parameters: with them it would hold the whole result.
    """
    # Whoever streams works on frames; most sessions do not, and it takes as long as all else that they need.
    import polars as pl  # noqa: PLC0415

    literals = {
        key: value if isinstance(value, sql.Composable) else sql.Literal(value) for key, value in values.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement(name)).format(**literals).as_string())
        for batch in cursor.fetch_record_batch():
            yield pl.DataFrame(pl.from_arrow(batch))


@contextmanager
def one_snapshot(connection: psycopg.Connection) -> Iterator[None]:
    """A transaction that sees the books as they are now until it ends; PostgreSQL refuses any write in it."""
    before = (connection.isolation_level, connection.read_only)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    try:
        with connection.transaction():
            yield
    finally:
        if not connection.closed:
            connection.isolation_level, connection.read_only = before
