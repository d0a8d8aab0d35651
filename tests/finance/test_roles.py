"""What the two roles cannot do, tried on everything that there is; and the little that finance can.

What the pipeline may write is the list in ``tests/security/test_rights.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.embedded.logins import FINANCE
from fridge_pipeline.database.models import STAGING, read_models
from fridge_pipeline.settings import MODELS_FOLDER
from tests.pipeline import Pipeline, readings
from tests.world import World

RELATIONS = """
    select relname from pg_class where relnamespace = 'fridge'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
    order by relname
"""
MARTS = [model.name for model in read_models(MODELS_FOLDER) if model.layer != STAGING]
DECISIONS = ("decisions", "people", "people_changes")
READABLE = sorted(
    [
        *(*MARTS, *DECISIONS, "billing_starts", "evidence_packs", "month_signoffs", "releases", "withdrawals"),
        *("settlements", "settlement_decisions", "settlement_approvals", "tenant_changes"),
        *("corrections", "correction_proposals", "correction_approvals", "correction_documents"),
        *("correction_losses", "correction_arrivals", "correction_edits", "settlement_outcomes"),
    ]
)

GRANTS = (
    "all on all tables in schema fridge",
    "update, delete on fridge.stored_readings",
    "create on schema fridge",
    "pg_write_all_data",
    "fridge",
)

#: Who may do what to everything in the schema, and who is a member of what.
RIGHTS = """
    select relname, relacl::text from pg_class where relnamespace = 'fridge'::regnamespace
    union all
    select nspname, nspacl::text from pg_namespace
    union all
    select roleid::regrole::text, member::regrole::text from pg_auth_members
    order by 1, 2
"""

#: Functions that work with the rights of their owner, and whether whoever asks may call them.
OWNERS_FUNCTIONS = """
    select proname, has_function_privilege(oid, 'execute') from pg_proc
    where pronamespace = 'fridge'::regnamespace and prosecdef order by proname
"""

#: Those of them that triggers run, for whichever table they are made on.
OWNERS_TRIGGERS = """
    select proname from pg_proc
    where pronamespace = 'fridge'::regnamespace and prosecdef and prorettype = 'trigger'::regtype order by proname
"""

CHANGES_OF_THE_SCHEMA = (
    "create table fridge.mine (number integer)",
    "create view fridge.mine as select 1 as number",
    "create function fridge.mine() returns integer language sql return 1",
    "create type fridge.mine as (number integer)",
    "create sequence fridge.mine",
    "create index on fridge.tenants (name)",
    "create trigger mine before insert on fridge.tenants for each row execute function fridge.refuse_change()",
    "create rule mine as on insert to fridge.tenants do nothing",
    "create table public.mine (number integer)",
    "create schema mine",
    "create role mine",
    "alter table fridge.tenants add column mine text",
    "alter table fridge.meter_events disable trigger all",
    "alter table fridge.stored_readings disable trigger stored_readings_append_only",
    "alter table fridge.exceptions drop constraint exceptions_kind",
    "alter table fridge.tenants owner to current_user",
    "alter view fridge.tie_out rename to mine",
    "alter function fridge.refuse_change() rename to mine",
    "create or replace view fridge.closed_months as select * from fridge.month_signoffs",
    "create or replace function fridge.month_is_closed(moment timestamptz) returns boolean language sql return false",
    "drop table fridge.exceptions",
    "drop view fridge.tie_out cascade",
    "drop function fridge.refuse_change cascade",
    "drop schema fridge cascade",
    "set session_replication_role = replica",
    "select fridge.grant_rights(array['tie_out'])",
)

#: What finance could gain most by calling.
FUNCTIONS = (
    "select fridge.drop_month('2026-01-01 00:00+00', 'finance', now())",
    "select fridge.ensure_month('2031-01-01 00:00+00')",
    "select fridge.summarize_block_ranges()",
    "select fridge.grant_rights(array['tenants'])",
)

UPDATE, DELETE = 'update {table} set "{column}" = default', "delete from {table}"
WRITES = ("insert into {table} default values", UPDATE, DELETE, "truncate {table} cascade")

#: A view that is a query says that it cannot be written to before anybody's rights are asked for.
NO_TABLE = (
    psycopg.errors.ObjectNotInPrerequisiteState,
    psycopg.errors.WrongObjectType,
    psycopg.errors.FeatureNotSupported,
)


@pytest.fixture
def billed(pipeline: Pipeline, two_days_ago: datetime) -> Pipeline:
    """An hour that was billed, so that there are readings, in a partition of their own, and models with rows."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.run(hour)
    pipeline.run_models(hour)
    return pipeline


@pytest.fixture
def as_pipeline(billed: Pipeline) -> Iterator[psycopg.Connection]:
    """As everything that the pipeline does."""
    with billed.database.connect() as connection:
        assert connection.execute("select current_user").fetchone() == ("fridge_pipeline",)
        yield connection


@pytest.fixture
def as_finance(billed: Pipeline, world: World) -> Iterator[psycopg.Connection]:
    """Signed in with finance's own password."""
    login = world.signed_in(FINANCE)
    dsn = make_conninfo(billed.database.dsn, user=login.user, password=login.password)
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert connection.execute("select session_user").fetchone() == ("fridge_finance",)
        connection.execute("set default_transaction_read_only = off")  # a session may: rights alone have to hold
        yield connection


def is_denied(connection: psycopg.Connection, statement: str, relation: str | None = None) -> bool:
    """Whether PostgreSQL refuses it for want of a right; whatever it allows is rolled back."""
    query = statement
    if relation is not None:
        found = connection.execute(
            "select attname from pg_attribute where attrelid = %s::regclass order by attnum desc limit 1",
            [f"fridge.{relation}"],
        ).fetchone()
        query = statement.format(table=f"fridge.{relation}", column=found[0] if found else "")
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(query.encode())
    except psycopg.errors.InsufficientPrivilege:
        return True
    except NO_TABLE:
        return relation is not None
    except psycopg.Error:
        return False
    return False


def grant_oneself_rights(connection: psycopg.Connection, role: str) -> None:
    """Tries to; where one right of several is one's own to use, PostgreSQL only warns that it granted nothing."""
    for what in GRANTS:
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"grant {what} to {role}".encode())


def relations(connection: psycopg.Connection) -> list[str]:
    found = [name for (name,) in connection.execute(RELATIONS).fetchall()]
    assert len(found) > 60
    return found


def test_the_pipeline_changes_no_schema_and_gives_itself_no_rights(as_pipeline: psycopg.Connection) -> None:
    assert [statement for statement in CHANGES_OF_THE_SCHEMA if not is_denied(as_pipeline, statement)] == []
    before = as_pipeline.execute(RIGHTS).fetchall()
    grant_oneself_rights(as_pipeline, "fridge_pipeline")
    assert as_pipeline.execute(RIGHTS).fetchall() == before


def test_the_pipeline_borrows_the_owners_rights_by_no_trigger_on_a_table_of_its_own(
    as_pipeline: psycopg.Connection,
) -> None:
    as_pipeline.execute("create temporary table mine (hour timestamptz)")
    functions = [name for (name,) in as_pipeline.execute(OWNERS_TRIGGERS).fetchall()]
    assert len(functions) == 16
    made = "create trigger mine after insert on mine for each statement execute function fridge.{}('select now()')"
    assert [name for name in functions if not is_denied(as_pipeline, made.format(name))] == []
    as_pipeline.execute("insert into fridge.tenants (tenant_id) values ('troy')")  # ours run all the same


def test_a_partition_that_a_load_makes_is_as_append_only_as_the_others(as_pipeline: psycopg.Connection) -> None:
    as_pipeline.execute("select fridge.ensure_month('2031-01-01 00:00+00')")
    attempts = (*WRITES, "drop table {table}", "select * from {table}")
    assert [how for how in attempts if not is_denied(as_pipeline, how, "stored_readings_2031_01")] == []


def test_finance_reads_every_mart_and_decision_and_nothing_else(as_finance: psycopg.Connection) -> None:
    readable = [name for name in relations(as_finance) if not is_denied(as_finance, "select * from {table}", name)]
    assert readable == READABLE
    for mart in ("tie_out", "billing_ledger", "usage_hourly", "sensor_hours"):
        assert as_finance.execute(f"select count(*) from fridge.{mart}".encode()).fetchone() != (0,)


def test_finance_writes_nothing_and_changes_no_schema(as_finance: psycopg.Connection) -> None:
    written = [(name, how) for name in relations(as_finance) for how in WRITES if not is_denied(as_finance, how, name)]
    changed = [statement for statement in CHANGES_OF_THE_SCHEMA if not is_denied(as_finance, statement)]
    assert (written, changed) == ([], [])
    before = as_finance.execute(RIGHTS).fetchall()
    grant_oneself_rights(as_finance, "fridge_finance")
    assert as_finance.execute(RIGHTS).fetchall() == before


def test_finance_calls_nothing_that_works_with_the_owners_rights(as_finance: psycopg.Connection) -> None:
    assert [call for call in FUNCTIONS if not is_denied(as_finance, call)] == []
    assert as_finance.execute(OWNERS_FUNCTIONS).fetchall() == [
        ("drop_month", False),
        ("ensure_month", False),
        ("guard_correction_approval", False),
        ("guard_correction_proposal", False),
        ("guard_invoice_settlement", False),
        ("guard_invoice_settlement_approval", False),
        ("guard_month_signoff", False),
        ("guard_people_change", False),
        ("guard_settled_correction", False),
        ("guard_settlement", False),
        ("guard_settlement_approval", False),
        ("keep_signed_hours", False),
        ("mark_withdrawn_hours", False),
        ("note_changed_hours", False),
        ("open_month_before", False),
        ("record_tenant_change", False),
        ("refuse_changed_past", False),
        ("require_no_correction_under_way", False),
        ("require_person", False),
        ("summarize_block_ranges", False),
        ("wait_for_register", False),
        ("wait_for_staging", False),
    ]


def test_finance_becomes_nobody_else(as_finance: psycopg.Connection) -> None:
    for role in ("fridge_pipeline", "fridge", "postgres"):
        assert is_denied(as_finance, f"set role {role}")
