"""A database of the last version before the squash comes up to the schema of today, with all that it holds."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.binaries import INSTALLATION, PACKAGE
from fridge_pipeline.database.embedded.logins import ServerAddress
from fridge_pipeline.database.queries import PACKAGE as OURS
from fridge_pipeline.database.schema import (
    FEATURES,
    MigrationChangedError,
    SchemaTooOldError,
    applied_migrations,
    grant_rights,
    migrate,
    migrations,
    pending_migrations,
    schema,
)
from fridge_pipeline.operations.prepare_database import prepare_database
from fridge_pipeline.settings import MODELS_FOLDER

NOW = datetime(2026, 2, 1, tzinfo=UTC)
UNSQUASHED = Path(__file__).parent / "last_unsquashed.sql"

#: Something in every table that a restatement, a withdrawal, a closed month and a reconciliation leave rows in.
ROWS = """
insert into fridge.causes values ('lagging', 1, 'stripe', true, 'lagging', 'Lagging.');
insert into fridge.exception_kinds values ('unmapped', 1, 'means', 'do', 'meter', null, true);
insert into fridge.tenants (tenant_id, stripe_customer_id) values ('cohoes', 'cus_1'), ('troy', null);
insert into fridge.sensors (tenant_id, sensor_id) values ('cohoes', 'a'), ('cohoes', 'b'), ('troy', 'a');
insert into fridge.landing_file_tenants values (1, 'cohoes', 3, 2, 1, 0), (1, 'troy', 2, 1, 0, 1);
insert into fridge.landing_files values (
    1, '2026-01-24/18/a.csv', '2026-01-24 18:00Z', 'hash', 'v', 9, 5, 3, 1, 1, 'loaded', now(), now(), 'run', now()
);
select fridge.ensure_month('2026-01-24 18:00Z');
insert into fridge.stored_readings values
('2026-01-24 18:01Z', 4.5, 1, 1), ('2026-01-24 18:02Z', 4.5, 2, 1), ('2026-01-24 18:03Z', 4.5, 3, 1);
insert into fridge.rejected_readings values (1, '2026-01-24/18/a.csv', 5, 'no sensor_id', 'troy,,', 'troy');
insert into fridge.inserted_counts values ('cohoes', '2026-01-24 18:00Z', 2, '2026-01-24 19:05Z');
insert into fridge.inserted_counts values ('troy', '2026-01-24 18:00Z', 1, '2026-01-24 19:05Z');
insert into fridge.inserted_counts values ('troy', '2026-01-24 19:00Z', 0, '2026-01-24 20:05Z');
insert into fridge.active_sensors values ('cohoes', '2026-01-24 18:00Z', 2, '2026-01-24 19:06Z');
insert into fridge.active_sensors values ('gone', '2026-01-24 18:00Z', 7, '2026-01-24 19:06Z');
insert into fridge.counted_hours values ('2026-01-24 18:00Z', 'inserted_counts', 'files', now());
insert into fridge.counted_hours values ('2026-01-24 18:00Z', 'active_sensors', 'files', now());
insert into fridge.meters values ('temperature_readings', 'inserted_count', 'sum', 'hour');
insert into fridge.meter_events (
    identifier, event_name, tenant_id, stripe_customer_id, hour, revision, value, timestamp, staged_at, run_id
) values (
    'temperature_readings:cohoes:2026012418:r1', 'temperature_readings', 'cohoes', 'cus_1', '2026-01-24 18:00Z', 1, 2,
    '2026-01-24 18:30Z', now(), 'run'
);
update fridge.meter_events set status = 'sent', first_sent_at = now(), last_sent_at = now(), attempts = 1;
update fridge.meter_events set status = 'accepted', settled_at = now(), http_status = 200;
insert into fridge.releases (tenant_id, hour, value, released_by, reason, released_at)
values ('cohoes', '2026-01-24 18:00Z', 2, 'ada', 'seen', now());
insert into fridge.exceptions (kind, tenant_id, hour, subject, detail, opened_at)
values ('unmapped', 'troy', '2026-01-24 18:00Z', 'temperature_readings', 'no customer', now());
insert into fridge.stripe_reconciliation (day, tenant_id, event_name, usage_value, cause, run_id)
values ('2026-01-24', 'cohoes', 'temperature_readings', 2, 'lagging', 'run');
"""

#: What a preparation fills from the code, and what says which schema it is.
MADE_ANEW = {
    "causes",
    "exception_kinds",
    "pipeline_rights",
    "schema_migrations",
    "sql_models",
    "sql_models_built",
}


@pytest.fixture
def made(server: ServerAddress) -> Callable[[], Database]:
    """Makes empty databases."""

    def make() -> Database:
        name = f"way_up_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return Database(server.dsn(name))

    return make


@pytest.fixture
def older(made: Callable[[], Database]) -> Database:
    """As the last version before the squash has left it, rights and rows included."""
    database = made()
    with database.connect() as connection:
        connection.execute(UNSQUASHED.read_text(encoding="utf-8"))
        grant_rights(connection, [])
        connection.execute(ROWS)
    return database


def schema_of(database: Database) -> str:
    """All of it, with comments and rights, as pg_dump writes it."""
    (package,) = (find_spec(PACKAGE) or pytest.fail("no server")).submodule_search_locations or []
    program = Path(package) / INSTALLATION / "bin" / "pg_dump"
    options = ("--schema-only", "--schema=fridge", "--no-owner", "--restrict-key=one")
    with database.connect() as connection:
        info = connection.info
        place = {"PGHOST": info.host, "PGPORT": str(info.port), "PGUSER": info.user, "PGDATABASE": info.dbname}
        environment = {**os.environ, **place, "PGPASSWORD": info.password}
    return subprocess.run([program, *options], env=environment, check=True, capture_output=True, text=True).stdout


def rows_of(database: Database, before: dict[str, list[Any]] | None = None) -> dict[str, list[Any]]:
    """Every row of every table, and of the two views that were tables; with the columns that there were before."""
    relations = """
        select relname from pg_class where relnamespace = 'fridge'::regnamespace
        and (relkind in ('r', 'p') or relname in ('inserted_counts', 'active_sensors')) order by relname
    """
    with database.connect() as connection:
        names = [name for (name,) in connection.execute(relations) if name not in MADE_ANEW]
        found = {name: connection.execute(f"select to_jsonb(t) from fridge.{name} as t").fetchall() for name in names}
    columns = {name: set(rows[0]) for name, rows in (before or {}).items() if rows}
    return {
        name: sorted(({column: row[column] for column in sorted(columns.get(name, row))} for (row,) in rows), key=str)
        for name, rows in found.items()
    }


def test_a_database_of_the_last_unsquashed_version_comes_up_to_the_schema_of_a_new_one_and_keeps_its_rows(
    made: Callable[[], Database], older: Database
) -> None:
    new, before = made(), rows_of(older)
    for database in (new, older):
        prepare_database(database, MODELS_FOLDER, NOW)
    with new.connect() as connection:
        connection.execute("select fridge.ensure_month('2026-01-24 18:00Z')")
        rights = connection.execute("select * from fridge.pipeline_rights order by relation").fetchall()
    assert schema_of(older) == schema_of(new)
    after = rows_of(older, before)
    assert {name: after[name] for name in before} == before
    with older.connect() as connection:
        assert connection.execute("select * from fridge.pipeline_rights order by relation").fetchall() == rights
        assert pending_migrations(connection) == []


def test_a_database_that_is_older_is_told_which_version_brings_it_on_and_is_left_as_it_is(older: Database) -> None:
    with older.connect() as connection:
        connection.execute("delete from fridge.schema_migrations where number > 12")
    before = schema_of(older), rows_of(older)
    with pytest.raises(SchemaTooOldError, match=r"has run 12 of the 29 migrations .* migrate of version 0\.1\.0"):
        prepare_database(older, MODELS_FOLDER, NOW)
    with older.connect() as connection, pytest.raises(SchemaTooOldError):
        migrate(connection)
    assert (schema_of(older), rows_of(older)) == before


def test_a_database_that_has_run_other_migrations_than_were_squashed_is_refused(older: Database) -> None:
    with older.connect() as connection:
        connection.execute("update fridge.schema_migrations set sha256 = 'edited' where number = 7")
        with pytest.raises(MigrationChangedError, match="0001 to 0029 of this database are not those of version"):
            migrate(connection)


def test_a_new_database_has_run_nothing_but_the_schema_and_has_all_migrations_behind_it(
    made: Callable[[], Database],
) -> None:
    with made().connect() as connection:
        assert migrate(connection) == [schema()]
        assert applied_migrations(connection) == {each.number: each.sha256 for each in (schema(), *migrations())}
        assert pending_migrations(connection) == []


def test_the_schema_of_every_feature_is_part_of_the_schema() -> None:
    assert {path.parent.name for path in OURS.glob("*/schema.sql")} == set(FEATURES)
