from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.finance.backtest_hours import Backtest, backtest
from fridge_pipeline.operations.drop_old_readings import drop_old_readings
from fridge_pipeline.usage.rules.comparing import DifferingHour
from tests.pipeline import Pipeline, readings


@pytest.fixture
def billed(pipeline: Pipeline, two_days_ago: datetime) -> HourRange:
    """Two tenants in three hours, one of them without a Stripe customer."""
    hours = HourRange(Hour(two_days_ago), Hour(two_days_ago).plus(2))
    pipeline.add_tenant("cohoes")
    for hour in hours.hours():
        pipeline.land(hour, "a.csv", [*readings("cohoes", hour, 2, 5), *readings("unmapped", hour, 1, 3)])
    pipeline.run(hours.first, hours.last)
    return hours


def result_of(pipeline: Pipeline, hours: HourRange) -> Backtest:
    return backtest(pipeline.database, hours, CATALOGUE)


def test_untouched_books_are_what_the_code_comes_to(pipeline: Pipeline, billed: HourRange) -> None:
    result = result_of(pipeline, billed)
    assert result.differences == []
    assert (result.compared, result.never_stated, result.not_recomputable) == (12, 6, None)


def test_an_edited_usage_row_and_a_deleted_one_are_named_with_their_amounts(
    pipeline: Pipeline, billed: HourRange
) -> None:
    with pipeline.database.owned.connect() as connection:
        connection.execute(
            "update fridge.usage set quantity = 12"
            " where measure = 'inserted_count' and tenant_id = 'cohoes' and hour = %s",
            [billed.first.start],
        )
        connection.execute(
            "delete from fridge.usage where measure = 'active_sensors' and tenant_id = 'unmapped' and hour = %s",
            [billed.last.start],
        )
    edited, deleted = result_of(pipeline, billed).differences
    assert (edited.tenant_id, edited.meter, edited.beside) == ("cohoes", "temperature_readings", "usage")
    assert (edited.hours, edited.amount, edited.examples) == (1, 2, (DifferingHour(billed.first, 10, 12),))
    assert (deleted.tenant_id, deleted.meter, deleted.beside) == ("unmapped", "active_sensors", "usage")
    assert deleted.examples == (DifferingHour(billed.last, 1, None),)


def test_readings_deleted_behind_the_programs_back_differ_from_what_was_sent(
    pipeline: Pipeline, billed: HourRange
) -> None:
    with pipeline.database.owned.connect() as connection:
        connection.execute("alter table fridge.stored_readings disable trigger user")
        connection.execute("grant delete on fridge.stored_readings to current_user")
        gone = connection.execute(
            "delete from fridge.stored_readings using fridge.sensors"
            " where stored_readings.sensor_key = sensors.sensor_key and tenant_id = 'cohoes' and recorded_at < %s",
            [billed.first.end],
        ).rowcount
    assert gone == 10
    found = {
        (each.tenant_id, each.meter, each.beside): each.examples for each in result_of(pipeline, billed).differences
    }
    assert found == {
        ("cohoes", meter, beside): (DifferingHour(billed.first, None, quantity),)
        for meter, quantity in (("temperature_readings", 10), ("active_sensors", 2))
        for beside in ("usage", "statements")
    }


def test_a_backtest_writes_nothing_and_could_not(pipeline: Pipeline, billed: HourRange) -> None:
    def state() -> list[tuple[object, ...]]:
        return pipeline.rows(
            "select relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables where schemaname = 'fridge'"
            " order by relname"
        )

    pipeline.rows("select pg_stat_force_next_flush()")
    before, counted = state(), pipeline.rows("select * from fridge.counted_hours order by 1, 2")
    result_of(pipeline, billed)
    assert state() == before
    assert pipeline.rows("select * from fridge.counted_hours order by 1, 2") == counted
    reading = pipeline.database.read_only()
    with reading.connect() as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("insert into fridge.tenants (tenant_id) values ('x')")
    with (
        reading.connect_bulk(autocommit=True) as bulk,
        bulk.cursor() as cursor,
        pytest.raises(Exception, match="read-only transaction"),
    ):
        cursor.execute("insert into fridge.tenants (tenant_id) values ('x')")


def test_hours_whose_readings_were_dropped_are_named_and_not_taken_for_zero(pipeline: Pipeline) -> None:
    pipeline.clock.now = datetime(2026, 6, 20, 12, tzinfo=UTC)
    old, recent = (Hour(datetime(2026, month, 10, 9, tzinfo=UTC)) for month in (1, 6))
    for hour in (old, recent):
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
        pipeline.load(hour)
        pipeline.count(hour)
    drop_old_readings(pipeline.database, 3, "auditor", pipeline.clock)
    result = result_of(pipeline, HourRange(old, recent))
    assert result.differences == []
    assert result.not_recomputable is not None
    assert (result.not_recomputable.first, result.not_recomputable_tenant_hours) == (old, 1)
    assert result.compared == 2
