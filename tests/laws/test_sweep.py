"""The sweep compares what has changed since it was found delivered, and still strands no hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import psycopg
import pytest

from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.billing.ledger import undelivered_hours
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.ingest.landing.local import LocalLanding
from tests.pipeline import CLOSE_AFTER, Pipeline, ProcessDied, dies_after, readings

MARKS = "select count(*) from fridge.marked_hours"

#: What may happen to an hour that was found delivered, as SQL that takes the hour's start.
CHANGES = {
    "more usage": "update fridge.usage set quantity = quantity + 1 where measure = 'inserted_count' and hour = %s",
    "usage of another tenant": "insert into fridge.usage values ('dale', %s, 'active_sensors', 3, now())",
    "less usage": "delete from fridge.usage where measure = 'active_sensors' and hour = %s and tenant_id = 'cohoes'",
    "usage moved away": """
        update fridge.usage set hour = hour + interval '1 day' where measure = 'inserted_count' and hour = %s
    """,
    "usage emptied": "truncate fridge.usage",
    "another meter's usage emptied": "delete from fridge.usage where measure = 'active_sensors'",
    "another file": """
        insert into fridge.landing_files
        select 999, 'new.csv', landing_hour, 'x', 'x', 1, 7, 7, 0, 0, status, null, null, 'r', now()
        from fridge.landing_files where landing_hour = %s limit 1
    """,
    "a file withdrawn": """
        insert into fridge.withdrawals select file_id, 'broken sensor', 'ada', now()
        from fridge.landing_files where landing_hour = %s limit 1
    """,
    "counted from other files": "update fridge.counted_hours set files_hash = 'x' where landing_hour = %s",
    "not counted": "delete from fridge.counted_hours where landing_hour = %s",
    "counting forgotten": "truncate fridge.counted_hours",
    "refused later": "update fridge.meter_events set status = 'refused' where hour = %s and revision = 1",
    "staged": """
        insert into fridge.meter_events (identifier, event_name, tenant_id, stripe_customer_id, hour, revision, value,
        timestamp, staged_at, run_id) select 'x', event_name, tenant_id, stripe_customer_id, hour, 2, 1, timestamp,
        now(), 'r' from fridge.meter_events where hour = %s and event_name = 'active_sensors'
    """,
    "a cancellation": """
        insert into fridge.meter_event_adjustments (identifier, staged_at, run_id)
        select identifier, now(), 'r' from fridge.meter_events where hour = %s limit 1
    """,
}

#: What may happen to an hour that holds usage of a tenant without a customer, and nothing else to deliver.
ENDS = {
    "mapped": "update fridge.tenants set stripe_customer_id = 'cus_new' where tenant_id = 'dale'",
    "imported": "insert into fridge.tenants values ('erie', 'Erie', 'cus_erie')",
    "closed": "update fridge.exceptions set closed_at = now() where tenant_id in ('dale', 'erie')",
}


def swept(pipeline: Pipeline) -> list[Hour]:
    """What a sweep finds; a sweep that compares every hour finds the same."""
    with pipeline.database.connect() as connection:
        found = undelivered_hours(connection, pipeline.catalogue, pipeline.clock())
        connection.execute("update fridge.swept_catalogue set event_names = '{}'")
        assert undelivered_hours(connection, pipeline.catalogue, pipeline.clock()) == found
    return found


@pytest.fixture
def hour(pipeline: Pipeline, two_days_ago: datetime) -> Hour:
    """An hour of two that were delivered and found so."""
    first = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for each in (first, first.plus(1)):
        pipeline.land(each, "a.csv", readings("cohoes", each, 2, 10))
    pipeline.run(first, first.plus(1))
    with pipeline.database.connect() as connection:  # whose rows are in a file is written before the file
        connection.execute("insert into fridge.landing_file_tenants values (999, 'cohoes', 7, 7, 0, 0)")
    assert swept(pipeline) == []
    assert pipeline.one(MARKS) == 0
    return first


def change(connection: psycopg.Connection, statement: str, hour: Hour) -> None:
    """As somebody does who knows nothing of sweeps."""
    connection.execute(statement, [hour.start] * statement.count("%s") or None)


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_a_delivered_hour_is_found_and_found_again_until_it_is_delivered(
    pipeline: Pipeline, hour: Hour, what: str
) -> None:
    with pipeline.database.owned.connect() as connection:
        change(connection, CHANGES[what], hour)
    assert hour in swept(pipeline)
    assert hour in swept(pipeline)


def test_only_the_hours_that_changed_are_compared(pipeline: Pipeline, hour: Hour) -> None:
    with pipeline.database.connect() as connection:
        change(connection, CHANGES["more usage"], hour)
        marked = connection.execute("select distinct hour from fridge.marked_hours").fetchall()
        assert marked == [(hour.start,)]
        change(
            connection,
            "update fridge.usage set quantity = quantity - 1 where measure = 'inserted_count' and hour = %s",
            hour,
        )
    assert swept(pipeline) == []
    assert pipeline.one(MARKS) == 0


@pytest.mark.parametrize("what", ["more usage", "a file withdrawn", "refused later", "not counted"])
def test_a_change_that_was_not_committed_when_the_hour_was_compared_is_found_afterwards(
    pipeline: Pipeline, hour: Hour, what: str
) -> None:
    """The mark that the sweep removes is another one than the one that the change is making meanwhile."""
    with pipeline.database.connect() as connection, pipeline.database.connect() as other:
        connection.execute("insert into fridge.marked_hours (hour) values (%s)", [hour.start])
        with other.transaction():
            change(other, CHANGES[what], hour)
            assert undelivered_hours(connection, pipeline.catalogue, pipeline.clock()) == []
            assert pipeline.one(MARKS) == 0
        assert pipeline.one(MARKS) > 0
    assert swept(pipeline) == [hour]


@pytest.mark.parametrize("end", ENDS)
def test_an_hour_that_waits_for_a_customer_is_compared_only_when_the_tenant_has_one_or_the_exception_ends(
    pipeline: Pipeline, hour: Hour, end: str
) -> None:
    tenant = "erie" if end == "imported" else "dale"
    with pipeline.database.connect() as connection:
        connection.execute("insert into fridge.tenants values ('dale', 'Dale', null)")
    pipeline.land(hour, "b.csv", readings(tenant, hour, 2, 10))
    pipeline.run(hour)
    assert swept(pipeline) == []
    assert pipeline.one(MARKS) == 0
    with pipeline.database.connect() as connection:
        change(connection, ENDS[end], hour)
    assert swept(pipeline) == [hour]


def test_with_a_further_meter_every_hour_is_compared_anew(pipeline: Pipeline, hour: Hour) -> None:
    pipeline.catalogue = (replace(CATALOGUE[0], event_name="billed_readings"), *CATALOGUE[1:])
    assert swept(pipeline) == [hour, hour.plus(1)]
    pipeline.catalogue = CATALOGUE
    assert swept(pipeline) == []


def test_books_that_were_kept_before_there_were_marks_are_compared_as_a_whole(pipeline: Pipeline, hour: Hour) -> None:
    with pipeline.database.connect() as connection:
        change(connection, CHANGES["more usage"], hour)
        connection.execute("delete from fridge.marked_hours")
        connection.execute("update fridge.swept_catalogue set event_names = default, measures = default")
        assert undelivered_hours(connection, pipeline.catalogue, pipeline.clock()) == [hour]


@pytest.mark.parametrize(("withdrawn", "left"), [(["a.csv"], ["3 temperature_readings"]), (["a.csv", "b.csv"], [])])
def test_what_waits_is_said_anew_when_a_run_ended_after_it_had_counted_other_usage(
    pipeline: Pipeline, two_days_ago: datetime, withdrawn: list[str], left: list[str]
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("dale", hour, 1, 4))
    pipeline.land(hour, "b.csv", readings("dale", hour, 1, 3, start=20))
    pipeline.run(hour)
    assert [figure for figure in waiting(pipeline) if "readings" in figure] == ["7 temperature_readings"]
    assert swept(pipeline) == []
    for name in withdrawn:
        withdraw_file(
            pipeline.database, LocalLanding(str(pipeline.landing)), f"{hour.folder}/{name}", "x", "ada", pipeline.clock
        )
    with pytest.raises(ProcessDied):
        pipeline.count(hour, at_failpoint=dies_after(Failpoint.USAGE_WRITTEN))
    assert swept(pipeline) == [hour]
    pipeline.run(hour)
    assert [figure for figure in waiting(pipeline) if "readings" in figure] == left
    assert swept(pipeline) == []


def waiting(pipeline: Pipeline) -> list[str]:
    """The figures of the exceptions that are open."""
    found = pipeline.rows("select detail from fridge.exceptions where closed_at is null order by detail")
    return [detail.partition(":")[0] for (detail,) in found]


def test_an_hour_that_was_billed_before_the_grid_and_is_not_delivered_is_told_although_no_run_can_take_it_up(
    pipeline: Pipeline, hour: Hour
) -> None:
    """Billed by a command once, as the runbook says, and withdrawn from, or left by Stripe, later."""
    zone, grid = LocalLanding(str(pipeline.landing)), HourRange(hour.plus(1), hour.plus(9))

    def waiting(*, is_sweep: bool = False) -> list[Hour]:
        return find_hours_to_bill(pipeline.as_run(), zone, grid, CLOSE_AFTER, is_sweep=is_sweep)

    assert waiting() == waiting(is_sweep=True) == []
    withdraw_file(pipeline.database, zone, f"{hour.folder}/a.csv", "test bench", "ada", pipeline.clock)
    assert waiting() == [hour]
    assert waiting(is_sweep=True) == []
    pipeline.run(hour)
    assert waiting() == []
