"""Neither a shell's PG variables nor the defaults of a database or a role change what is loaded, counted and billed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime

import psycopg
import pytest
import sqlalchemy
from psycopg import sql

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.logins import ServerAddress
from fridge_pipeline.orchestration.dagster_storage import session_url
from fridge_pipeline.orchestration.instance import storage_dsn
from fridge_pipeline.orchestration.own_environment import settle_environment
from tests.console_script import Run
from tests.pipeline import Pipeline, csv_of, readings
from tests.world import World

#: Each changes or breaks a connection of at least one of the drivers, were it read.
VARIABLES = {
    "PGTZ": "Asia/Kathmandu",
    "PGDATESTYLE": "SQL, DMY",
    "PGCLIENTENCODING": "LATIN1",
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGSSLROOTCERT": "/nowhere/root.crt",
    "PGCHANNELBINDING": "require",
    "PGTARGETSESSIONATTRS": "standby",
    "PGSERVICE": "nowhere",
    "PGSERVICEFILE": "/nowhere/pg_service.conf",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGREQUIREAUTH": "none",
    "PGGSSENCMODE": "require",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGDATABASE": "nowhere",
    "PGPASSFILE": "/nowhere/pgpass",
    "PGCONNECT_TIMEOUT": "x",
    "PGMINPROTOCOLVERSION": "x",
    "PGLOADBALANCEHOSTS": "x",
}

DEFAULTS = {
    "timezone": "Asia/Kathmandu",
    "datestyle": "SQL, DMY",
    "intervalstyle": "iso_8601",
    "client_encoding": "LATIN1",
    "search_path": "nowhere",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "array_nulls": "off",
    "exit_on_error": "on",
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
}


def bills_as_ever(pipeline: Pipeline, hour: Hour) -> None:
    """Loads and bills an hour, and looks at the readings, the statements, and what SQL derives for itself."""
    pipeline.add_tenant("cohoes")
    rows = readings("cohoes", hour, 2, 5)
    pipeline.land(hour, "a.csv", csv_of(rows) + f"cohoes,sensör,{hour.start:%Y-%m-%dT%H:%M:%SZ},-0.1\n".encode())
    assert pipeline.run(hour).delivery.accepted == 2
    pipeline.run_models(hour)
    assert pipeline.usage() == {("cohoes", hour.key): (11, 3)}
    assert pipeline.stripe_totals("cohoes") == {
        ("temperature_readings", hour.key): 11,
        ("active_sensors", hour.key): 3,
    }
    stored = pipeline.rows("select sensor_id, recorded_at, temperature_c from fridge.readings order by 1, 2")
    assert stored == [*((sensor, at, celsius) for _, sensor, at, celsius in rows), ("sensör", hour.start, -0.1)]
    derived = pipeline.rows("select hour, measure, quantity from fridge.derived_usage order by measure")
    assert derived == [(hour.start, "active_sensors", 3), (hour.start, "inserted_count", 11)]
    assert pipeline.one("select count(*) from fridge.exceptions where closed_at is null") == 0


def dagsters_session(dsn: str) -> tuple[str, ...]:
    """How Dagster's storage, which comes to PostgreSQL by SQLAlchemy, finds its sessions."""
    engine = sqlalchemy.create_engine(session_url(dsn))
    names = ("timezone", "datestyle", "client_encoding", "default_transaction_isolation", "search_path")
    with engine.connect() as connection:
        shown = tuple(str(connection.exec_driver_sql(f"show {name}").scalar()) for name in names)
    engine.dispose()
    return shown


OURS = ("UTC", "ISO, MDY", "UTF8", "read committed", '"$user",public')


def test_no_variable_of_a_shell_changes_what_is_loaded_and_billed(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    settle_environment(os.environ)
    bills_as_ever(pipeline, Hour(two_days_ago))
    assert dagsters_session(pipeline.database.dsn) == OURS


def test_no_variable_of_a_shell_changes_what_a_command_and_its_dagster_run_do(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    done = run("bill", "--from", hour.key, "--to", hour.key, **VARIABLES)
    assert done.returncode == 0, done.stderr
    assert pipeline.usage() == {("cohoes", hour.key): (10, 2)}
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 10


@pytest.fixture
def superuser(world: World) -> Iterator[psycopg.Connection]:
    """What an administrator of the server signs in as."""
    with world.as_superuser(world.address.dsn("postgres")) as connection:
        yield connection


def name_of(database: Database) -> sql.Identifier:
    return sql.Identifier(database.location.rpartition("/")[2])


def test_no_default_of_a_database_or_a_role_changes_what_is_loaded_and_billed(
    pipeline: Pipeline, server: ServerAddress, superuser: psycopg.Connection, two_days_ago: datetime
) -> None:
    """Of the role in this database: it goes before the database's own, and nobody else's tests see it."""
    role = sql.SQL("alter role {} in database {} set").format(sql.Identifier(server.user), name_of(pipeline.database))
    for parameter, value in DEFAULTS.items():
        superuser.execute(sql.SQL("{} {} = {}").format(role, sql.SQL(parameter), sql.Literal(value)))
    bills_as_ever(pipeline, Hour(two_days_ago))
    assert dagsters_session(pipeline.database.dsn) == OURS


def test_what_not_every_role_may_set_for_itself_is_refused_in_one_line_with_the_way_out(
    run: Run, pipeline: Pipeline, superuser: psycopg.Connection
) -> None:
    for parameter, value in (("session_replication_role", "replica"), ("transaction_timeout", "1h")):
        default = sql.SQL("alter database {} set {} = {}").format(
            name_of(pipeline.database), sql.SQL(parameter), sql.Literal(value)
        )
        superuser.execute(default)
    done = run("bill", "--from", "2026-01-24-00:00", "--to", "2026-01-24-00:00")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "gives our sessions session_replication_role = replica, transaction_timeout = 1h; nothing was done" in line
    assert "alter database NAME reset session_replication_role" in line


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
@pytest.mark.parametrize("command", [("migrate",), ("db", "url"), ("doctor",)])
def test_a_database_that_is_not_utf8_is_refused_in_one_line_before_anything_is_made(
    run: Run, server: ServerAddress, encoding: str, command: tuple[str, ...]
) -> None:
    name = f"{encoding}_{'_'.join(command)}_{os.getpid()}".lower()
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(
            f"create database {name} encoding '{encoding}' locale_provider libc locale 'C' template template0"
        )
    done = run(*command, FRIDGE_DATABASE_URL=server.dsn(name))
    assert done.returncode == 1
    (line,) = [each for each in (done.stdout + done.stderr).splitlines() if encoding in each]
    assert f"/{name} is encoded in {encoding}, which cannot hold every id and name; nothing was made" in line
    assert "encoding 'UTF8'" in line
    with psycopg.connect(server.dsn(name)) as connection:
        assert connection.execute("select 1 from pg_namespace where nspname = 'fridge'").fetchall() == []
        made = connection.execute("select 1 from pg_database where datname = %s", [f"{name}_dagster"]).fetchall()
    assert made == []


def test_options_and_tls_of_the_address_itself_stay(pipeline: Pipeline) -> None:
    """They are a decision; only what our sessions need goes before them."""
    given = "?options=-c%20application_name%3Dmine%20-c%20timezone%3DAsia/Tokyo&sslmode=prefer"
    database = Database(pipeline.database.dsn + given)
    with database.connect() as connection:
        assert connection.execute("show timezone").fetchone() == ("UTC",)
        assert connection.pgconn.options.decode().startswith("-c application_name=mine -c timezone=Asia/Tokyo -c ")
    assert "sslmode=prefer" in session_url(storage_dsn(database.dsn))
    assert dagsters_session(database.dsn) == OURS
