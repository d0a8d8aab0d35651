"""What Prometheus is told of an installation: numbers that the books hold, and nothing that nobody has read."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.logins import METRICS
from fridge_pipeline.database.people_record import find_reader_drift
from fridge_pipeline.operations.expose_signals import Exposition
from fridge_pipeline.operations.read_signals import BOOKS, DAGSTER, read_signals
from fridge_pipeline.operations.rules.signals import SIGNALS, Sample
from fridge_pipeline.orchestration.lost_runs import make_storage
from tests.operations.observed import Installation, bill_and_leave_some, dagster_beside, observe
from tests.pipeline import Pipeline
from tests.world import World


@pytest.fixture
def installation(pipeline: Pipeline) -> Installation:
    unbilled = bill_and_leave_some(pipeline)
    return Installation(pipeline, observe(pipeline), unbilled)


def test_the_signals_are_the_numbers_of_the_books(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = installation.pipeline
    with dagster_beside(pipeline, monkeypatch):
        told = installation.read()
    age = (pipeline.clock() - installation.unbilled.start - timedelta(hours=1)).total_seconds()
    assert told["fridge_undelivered_hours", ()] == 1
    assert told["fridge_oldest_unbilled_hour_age_seconds", ("pipeline",)] == age
    assert told["fridge_oldest_unbilled_hour_age_seconds", ("person",)] == age + 2 * 3600
    assert told["fridge_open_exceptions", ("unmapped",)] == 2
    assert told["fridge_open_exceptions", ("unexplained",)] == 0
    assert told["fridge_unmapped_usage", ("temperature_readings",)] == 6
    assert told["fridge_unmapped_usage", ("active_sensors",)] == 2
    assert told["fridge_unmapped_hours", ()] == 1
    deadline = pipeline.one("select min(deadline_at) from fridge.exceptions where kind = 'unmapped'")
    until = told["fridge_exception_deadline_seconds", ("unmapped",)]
    assert until == (deadline - pipeline.clock()).total_seconds() > 32 * 86400
    assert (told["fridge_drafts", ()], told["fridge_drafts_at_risk", ()]) == (1, 1)
    assert told["fridge_stripe_attempts", ("accepted",)] == 2
    assert told["fridge_stripe_attempts", ("key_refused",)] == 0
    assert told["fridge_stripe_calls_per_second", ()] == pytest.approx(2 / 300)
    assert told["fridge_stripe_calls_per_second_max", ()] == 1000
    assert told["fridge_landing_files", ("canonical", "loaded")] == 4
    assert told["fridge_landing_rows", ("canonical", "inserted")] == 18
    assert told["fridge_landing_rows", ("canonical", "rejected")] == 1
    assert told["fridge_stripe_read_age_seconds", ("reconciliation",)] == 7200
    assert told["fridge_stripe_reads", ()] >= 3
    assert told["fridge_daemon_heartbeat_age_seconds", ("SENSOR",)] == pytest.approx(40, abs=1)
    assert told["fridge_tick_age_seconds", ("landing_sensor",)] == pytest.approx(25, abs=1)
    off = {name: told["fridge_switched_off", (name,)] for name in ("landing_sensor", "hourly_billing")}
    assert off == {"landing_sensor": 0, "hourly_billing": 1}
    assert told["fridge_runs", ("QUEUED",)] == told["fridge_runs_ended", ("load_and_bill", "SUCCESS")] == 1
    assert 0 <= told["fridge_run_wait_seconds", ("load_and_bill",)] < 60
    assert min(told["fridge_database_bytes", (name,)] for name in ("books", "dagster")) > 1_000_000
    assert {told["fridge_part_was_read", (part,)] for part in (*BOOKS, *DAGSTER)} == {1}


def test_what_nobody_has_read_is_absent_and_not_zero(pipeline: Pipeline) -> None:
    told = Installation(pipeline, observe(pipeline), unbilled=None).read()  # type: ignore[arg-type]
    names = {name.removeprefix("fridge_") for name, _ in told}
    assert names.isdisjoint(
        {
            *("drafts", "drafts_at_risk", "draft_at_risk_final_seconds", "stripe_read_age_seconds"),
            *("stripe_calls_per_second_max", "stripe_headroom_ratio", "load_age_seconds", "evidence_pack_age_seconds"),
            *("oldest_unbilled_hour_age_seconds", "exception_deadline_seconds", "landing_files", "landing_rows"),
            *("runs", "daemon_heartbeat_age_seconds", "tick_age_seconds", "switched_off"),
        }
    ), "Dagster's database is not there, and in the books nothing has happened"
    assert told["fridge_part_was_read", ("dagster",)] == 0
    assert told["fridge_undelivered_hours", ()] == told["fridge_unmapped_hours", ()] == 0


@pytest.mark.parametrize("ends_by_itself", [True, False])
def test_a_draft_that_stripe_never_makes_final_by_itself_has_no_time_left_and_pages_nobody(
    pipeline: Pipeline,
    ends_by_itself: bool,  # noqa: FBT001 # a table of cases
) -> None:
    """As of a paused subscription; it was told as final an hour after it was made, for good."""
    unbilled = bill_and_leave_some(pipeline, ends_by_itself=ends_by_itself)
    told = Installation(pipeline, observe(pipeline), unbilled).read()
    assert told["fridge_drafts_at_risk", ()] == 1
    assert (("fridge_draft_at_risk_final_seconds", ()) in told) is ends_by_itself


def test_a_part_that_cannot_be_read_is_left_out_and_hides_no_other(installation: Installation) -> None:
    with installation.pipeline.database.owned.connect() as owner, owner.transaction():
        owner.execute("alter table fridge.stripe_reads rename to elsewhere")
    told = installation.read()
    assert (told["fridge_part_was_read", ("reads",)], told["fridge_part_was_read", ("files",)]) == (0, 1)
    assert ("fridge_stripe_reads", ()) not in told
    assert told["fridge_undelivered_hours", ()] == 1


def test_a_scrape_waits_for_no_lock_longer_than_it_may_take(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fridge_pipeline.operations.read_signals.SCRAPE_SECONDS_MAX", 0.5)
    with installation.pipeline.database.owned.connect() as owner, owner.transaction():
        owner.execute("lock table fridge.exceptions in access exclusive mode")
        told = installation.read()
    assert {told["fridge_part_was_read", (part,)] for part in BOOKS} == {0}


def test_no_label_holds_a_tenant(installation: Installation) -> None:
    labels = {label for _, values in installation.read() for label in values}
    assert labels.isdisjoint({"cohoes", "nobody", *installation.pipeline.customers.values()})
    assert {label for signal in SIGNALS.values() for label in signal.labels} == {
        *("part", "waits_for", "kind", "meter", "answer", "purpose", "source", "verdict"),
        *("database", "daemon", "name", "status", "job"),
    }


def test_who_scrapes_at_the_same_time_costs_one_look() -> None:
    looks: list[int] = []

    def read() -> list[Sample]:
        looks.append(1)
        return [Sample("undelivered_hours", (), 3), Sample("load_age_seconds", (), None)]

    exposition = Exposition(read)
    bodies: list[bytes] = []
    scrapers = [threading.Thread(target=lambda: bodies.append(exposition.body("")[0])) for _ in range(8)]
    for scraper in scrapers:
        scraper.start()
    for scraper in scrapers:
        scraper.join()
    assert (len(looks), len(set(bodies))) == (1, 1)
    assert b"\nfridge_undelivered_hours 3.0\n" in bodies[0]
    assert b"load_age" not in bodies[0]


#: Every right on a relation that the metrics' role has, membership and grants to everybody included.
RIGHTS = """
    select relname, string_agg(privilege, ' ' order by privilege)
    from pg_class
    cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'trigger', 'references']) as privilege
    where
        relnamespace = %s::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
        and has_table_privilege('fridge_metrics', pg_class.oid, privilege)
    group by relname
"""

#: What a login that gets into the wrong hands must not do, also once its sessions are no longer read-only.
HARM = (
    "delete from fridge.marked_hours",
    "insert into fridge.metrics_reads values ('readings')",
    "select * from fridge.stored_readings",
    "select * from fridge.tenant_changes",
    "create table public.mine (a text)",
    "create temporary table mine (a text)",
    "select pg_advisory_lock(1)",
    "select lo_create(0)",
    "set role fridge_pipeline",
    "alter role fridge_metrics connection limit -1",
)


def test_the_metrics_sign_in_as_a_role_that_reads_what_they_show_and_does_nothing_else(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    login, books = world.signed_in(METRICS), installation.observed.books
    with dagster_beside(installation.pipeline, monkeypatch):
        dagster = make_storage(books)
        as_metrics = [
            Database(make_conninfo(each.dsn, user=login.user, password=login.password)) for each in (books, dagster)
        ]
        observed = replace(installation.observed, books=as_metrics[0], dagster=as_metrics[1])
        samples = read_signals(observed, installation.pipeline.clock)
        parts = {sample.labels[0]: sample.value for sample in samples if sample.name == "part_was_read"}
        assert parts == dict.fromkeys((*BOOKS, *DAGSTER), 1)
        with dagster.connect() as connection:
            rights = dict(connection.execute(RIGHTS, ["public"]).fetchall())
        assert rights == dict.fromkeys(("daemon_heartbeats", "instigators", "job_ticks", "runs"), "select")
    with books.connect() as connection:
        rights = dict(connection.execute(RIGHTS, ["fridge"]).fetchall())
        reads = connection.execute("select relation from fridge.metrics_reads").fetchall()
        assert rights == {name: "select" for (name,) in reads}
        assert find_reader_drift(connection) == []
    with psycopg.connect(as_metrics[0].dsn, autocommit=True) as connection:
        limits = "select rolconnlimit, current_setting('statement_timeout') from pg_roles where rolname = current_user"
        assert connection.execute(limits).fetchone() == (5, "10s")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create table public.mine (a text)")
        connection.execute("set default_transaction_read_only = off")
        for statement in HARM:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_the_pipelines_rights_are_enough(installation: Installation) -> None:
    samples = read_signals(installation.observed, installation.pipeline.clock)
    parts = {sample.labels[0]: sample.value for sample in samples if sample.name == "part_was_read"}
    assert installation.observed.books.role == "fridge_pipeline"
    assert parts == dict.fromkeys(BOOKS, 1) | dict.fromkeys(DAGSTER, 0)
