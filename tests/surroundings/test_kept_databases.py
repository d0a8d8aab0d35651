"""A database that is given on from test to test is as a new one, or it is not given on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.connection import Database
from tests.conftest import KEPT, fresh_database
from tests.kept_databases import KeptDatabases
from tests.pipeline import Clock, Pipeline
from tests.sandbox_process import SandboxProcess
from tests.world import World

RELATIONS = """
select
    oid::regclass::text,
    case
        when relkind = 'S' then 'select row(last_value, is_called)::text from ' || oid::regclass
        else 'select t::text from ' || oid::regclass || ' as t'
    end
from pg_class
where oid >= 16384 and relkind in ('r', 'p', 'S') and relnamespace = 'fridge'::regnamespace
"""


@pytest.fixture
def kept(world: World) -> Iterator[KeptDatabases]:
    databases = KeptDatabases(lambda: fresh_database(world.address), world.as_superuser, KEPT)
    yield databases
    databases.end()


def content_of(database: Database) -> dict[str, list[tuple[str]]]:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        selects: dict[str, str] = dict(connection.execute(RELATIONS).fetchall())
        return {name: sorted(connection.execute(select.encode()).fetchall()) for name, select in selects.items()}


def test_what_a_test_did_is_not_found_by_the_next(
    kept: KeptDatabases, stripe_sandbox: SandboxProcess, tmp_path: Path, clock: Clock, two_days_ago: datetime
) -> None:
    database, hour = kept.take(), Hour(two_days_ago)
    before = content_of(database)
    pipeline = Pipeline(database, stripe_sandbox, tmp_path / "landing", tmp_path / "work", clock)
    pipeline.add_tenant_with_readings("shop", hour, sensors=2, per_sensor=3)
    pipeline.run(hour)
    pipeline.run_models(hour)
    assert content_of(database) != before

    kept.give_back()

    assert kept.take().dsn == database.dsn
    assert content_of(database) == before


@pytest.mark.parametrize(
    "act",
    [
        "alter table fridge.tenants disable trigger all",
        "grant update on fridge.settlements to public",
        "create table fridge.more (number integer)",
        "alter table fridge.tenants add column more integer",
        "drop view fridge.inserted_counts cascade",
        "create or replace function fridge.kept_from() returns timestamptz language sql as 'select now()'",
        "analyze fridge.causes",
    ],
)
def test_a_database_that_is_another_is_not_given_on(kept: KeptDatabases, act: str) -> None:
    first = kept.take()
    with psycopg.connect(first.dsn, autocommit=True) as connection:
        connection.execute(act.encode())

    kept.give_back()

    assert kept.take().dsn != first.dsn
