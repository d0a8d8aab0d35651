"""Who was billed as which customer, from when on, by whom and why: written by the database, whoever changes tenants."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import psycopg
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.ingest.landing.local import LocalLanding
from tests.laws.test_one_tenant_per_customer import customers_are
from tests.people import signed_in
from tests.pipeline import Pipeline, readings


def history(pipeline: Pipeline) -> list[tuple[str, str | None, str | None]]:
    """(tenant, customer, reason) of every change, in order."""
    return pipeline.rows("select tenant_id, stripe_customer_id, reason from fridge.tenant_changes order by change_id")


def imported(pipeline: Pipeline, reason: str, *tenants: tuple[str, str | None], dry_run: bool = False) -> None:
    with pipeline.database.connect() as connection:
        rows = [Tenant(tenant, None, customer) for tenant, customer in tenants]
        import_tenants(connection, rows, pipeline.clock(), may_remove_customers=True, dry_run=dry_run, reason=reason)


def test_each_change_is_one_row_with_who_and_why_and_a_swap_is_one_step_and_nothing_new_none(
    pipeline: Pipeline,
) -> None:
    imported(pipeline, "first contracts", ("a", "cus_1"), ("b", "cus_2"), ("c", None))
    imported(pipeline, "again", ("a", "cus_1"), ("c", None))
    imported(pipeline, "only looking", ("a", "cus_9"), dry_run=True)
    imported(pipeline, "mixed up", ("a", "cus_2"), ("b", "cus_1"))
    assert sorted(history(pipeline)[:3]) == [
        ("a", "cus_1", "first contracts"),
        ("b", "cus_2", "first contracts"),
        ("c", None, "first contracts"),
    ]
    assert sorted(history(pipeline)[3:]) == [("a", "cus_2", "mixed up"), ("b", "cus_1", "mixed up")]
    assert pipeline.rows("select count(*) from fridge.tenant_changes where acted_by = '' or acted_at is null") == [(0,)]
    assert pipeline.rows(
        "select customer_before, customer_after from fridge.mapping_changes where tenant_id = 'a' order by change_id"
    ) == [(None, "cus_1"), ("cus_1", "cus_2")]


def test_an_import_that_a_person_makes_is_that_persons(pipeline: Pipeline) -> None:
    as_olga = signed_in(pipeline.database, "olga")
    with pipeline.database.connect() as connection, as_olga.acting(connection) as acting:
        import_tenants(acting, [Tenant("a", "A", "cus_1")], pipeline.clock(), reason="a new contract")
    assert pipeline.rows("select changed_by, reason from fridge.mapping_changes") == [("olga", "a new contract")]


def test_whoever_changes_the_table_by_sql_leaves_the_same_trace_and_nobody_writes_or_edits_it(
    pipeline: Pipeline,
) -> None:
    with pipeline.database.owned.connect() as connection:
        connection.execute("insert into fridge.tenants (tenant_id, stripe_customer_id) values ('a', 'cus_1')")
        connection.execute("update fridge.tenants set stripe_customer_id = 'cus_2'")
    assert history(pipeline) == [("a", "cus_1", None), ("a", "cus_2", None)]
    with pipeline.database.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("insert into fridge.tenant_changes (tenant_id) values ('b')")
    for statement in ("update fridge.tenant_changes set reason = 'x'", "delete from fridge.tenant_changes"):
        with (
            pipeline.database.owned.connect() as connection,
            pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.InsufficientPrivilege)),
        ):
            connection.execute(statement.encode())


def test_a_restated_hour_goes_to_the_customer_it_was_first_stated_for_also_after_its_total_was_0(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    pipeline, hour = replace(pipeline, catalogue=CATALOGUE[:1]), Hour(two_days_ago)
    first = pipeline.add_tenant_with_readings("cohoes", hour, 1, 10)
    pipeline.run(hour)
    zone = LocalLanding(str(pipeline.landing))
    withdraw_file(pipeline.database, zone, f"{hour.folder}/a.csv", "test bench", "ada", pipeline.clock)
    pipeline.run(hour)
    customers_are(pipeline, {"cohoes": "cus_second"})
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 1, 3, start=4))
    pipeline.run(hour)
    assert pipeline.rows("select stripe_customer_id, value from fridge.meter_events order by revision") == [
        (first, 10),
        (first, 0),
        (first, 3),
    ]
    assert pipeline.rows("select kind from fridge.open_exceptions") == []

    later = hour.plus(1)
    pipeline.land(later, "c.csv", readings("cohoes", later, 1, 2, start=4))
    pipeline.run(later)
    assert (
        pipeline.one("select stripe_customer_id from fridge.meter_events where hour = %s", later.start) == "cus_second"
    )


def test_an_hour_that_came_down_to_0_moves_on_once_another_tenant_has_that_customers_hour(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    pipeline, hour = replace(pipeline, catalogue=CATALOGUE[:1]), Hour(two_days_ago)
    first = pipeline.add_tenant_with_readings("one", hour, 1, 10)
    pipeline.land(hour, "b.csv", readings("two", hour, 1, 6))
    pipeline.run(hour)
    zone = LocalLanding(str(pipeline.landing))
    withdraw_file(pipeline.database, zone, f"{hour.folder}/a.csv", "the old id", "ada", pipeline.clock)
    pipeline.run(hour)
    customers_are(pipeline, {"one": "cus_own", "two": first})
    pipeline.run(hour)
    pipeline.land(hour, "c.csv", readings("one", hour, 1, 3, start=4))
    pipeline.run(hour)
    assert pipeline.rows(
        "select tenant_id, stripe_customer_id, value from fridge.meter_events where status = 'accepted' and value > 0"
        " order by 1"
    ) == [("one", "cus_own", 3), ("two", first, 6)]


def test_when_that_customer_is_deleted_the_hour_is_no_one_elses_and_waits_for_a_person(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    pipeline, hour = replace(pipeline, catalogue=CATALOGUE[:1]), Hour(two_days_ago)
    customer = pipeline.add_tenant_with_readings("cohoes", hour, 1, 10)
    pipeline.run(hour)
    customers_are(pipeline, {"cohoes": "cus_second"})
    pipeline.sandbox.settings(report_seconds=0, deleted_customers="refuse")
    pipeline.sandbox.client().v1.customers.delete(customer)
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 1, 3, start=4))
    pipeline.run(hour)
    assert pipeline.rows("select kind, owed from fridge.open_exceptions") == [("customer_gone", 3)]
