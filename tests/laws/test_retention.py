"""Dropping old readings changes no number, and nothing that was dropped ever counts again (laws L1 and L2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.condition import read_condition
from fridge_pipeline.catalogue.measure import OF_NUMBERS, Aggregate, Measure
from fridge_pipeline.catalogue.measure_record import keep_measures
from fridge_pipeline.catalogue.reading_number import NumberType, ReadingNumber
from fridge_pipeline.corrections.withdraw import SealedHourError, withdraw_file
from fridge_pipeline.database.retention import first_month_to_keep, first_open_hour
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.rules.reading import Reason
from fridge_pipeline.ingest.sources_file import read_sources
from fridge_pipeline.operations.drop_old_readings import UncountedHoursError, drop_old_readings, old_months
from tests.pipeline import Pipeline, Row

NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
OLD = Hour(datetime(2026, 1, 24, 18, tzinfo=UTC))
LAST_OF_MONTH = Hour(datetime(2026, 1, 31, 23, tzinfo=UTC))
RECENT = Hour(datetime(2026, 6, 18, 9, tzinfo=UTC))
KEEP_MONTHS = 3  # March to May, and June


def readings(hour: Hour, sensors: range, minutes: range = range(2), shift: timedelta = timedelta()) -> list[Row]:
    """One reading per sensor and minute, from the start of an hour on."""
    at = hour.start + shift
    return [("t1", f"s{s}", at + timedelta(minutes=m), 4.5) for s in sensors for m in minutes]


def usage(pipeline: Pipeline) -> dict[tuple[str, Hour], tuple[int, int]]:
    """(tenant, hour) → readings inserted, sensors active, as the tables have it."""
    with pipeline.database.connect() as connection:
        rows = connection.execute(
            "select tenant_id, hour, inserted_count, active_sensors from fridge.inserted_counts"
            " join fridge.active_sensors using (tenant_id, hour)"
        ).fetchall()
    return {(tenant, Hour(hour)): (inserted, active) for tenant, hour, inserted, active in rows}


def stored(pipeline: Pipeline) -> int:
    """How many readings are stored."""
    with pipeline.database.connect() as connection:
        row = connection.execute("select count(*) from fridge.stored_readings").fetchone()
    assert row is not None
    return int(row[0])


def drop(pipeline: Pipeline) -> list[str]:
    """Drops what is old; returns the months."""
    dropped = drop_old_readings(pipeline.database, KEEP_MONTHS, "auditor", pipeline.clock)
    return [f"{each.month:%Y-%m}" for each in dropped]


@pytest.fixture
def aged(pipeline: Pipeline) -> Pipeline:
    """Readings of January, the last ones a minute after their hour, and June's, of which two came months late."""
    pipeline.clock.now = NOW
    pipeline.land(OLD, "old.csv", readings(OLD, range(3)))
    pipeline.land(LAST_OF_MONTH, "edge.csv", readings(LAST_OF_MONTH, range(4), range(59, 62)))
    pipeline.land(RECENT, "late.csv", readings(OLD, range(7, 9), range(1), timedelta(hours=5)))
    pipeline.land(RECENT, "new.csv", readings(RECENT, range(3)))
    for hour in (OLD, LAST_OF_MONTH, RECENT):
        pipeline.load(hour)
        pipeline.count(hour)
    return pipeline


def test_dropping_old_readings_frees_them_and_changes_no_usage(aged: Pipeline) -> None:
    before = usage(aged)

    assert drop(aged) == ["2026-01", "2026-02"]

    assert stored(aged) == 6
    assert usage(aged) == before
    aged.count(OLD, RECENT)
    assert usage(aged) == before
    assert before["t1", RECENT] == (8, 5)
    assert before["t1", LAST_OF_MONTH] == (12, 4)


def test_a_very_late_copy_of_a_dropped_reading_never_counts_again(aged: Pipeline) -> None:
    drop(aged)
    again = Hour(datetime(2026, 6, 19, 9, tzinfo=UTC))
    aged.land(again, "copy.csv", readings(OLD, range(3)) + readings(again, range(1)))
    aged.land(OLD, "new-in-old-folder.csv", readings(OLD, range(50, 52)))

    (loaded,) = aged.load(again)
    (old,) = aged.load(OLD)
    before = usage(aged)
    aged.count(OLD, again)

    assert (loaded.inserted, loaded.rejected, old.inserted, old.rejected) == (2, 6, 0, 4)
    with aged.database.connect() as connection:
        reasons = connection.execute("select distinct reason from fridge.rejected_readings").fetchall()
    assert reasons == [(Reason.TIME_NOT_KEPT.value,)]
    assert usage(aged) == {**before, ("t1", again): (2, 1)}


def test_postgresql_itself_refuses_to_store_what_was_dropped(aged: Pipeline) -> None:
    drop(aged)

    with aged.database.connect() as connection:
        with pytest.raises(psycopg.errors.RestrictViolation, match="dropped and never stored again"):
            connection.execute("select fridge.ensure_month(%s)", [OLD.start])
        with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
            connection.execute("insert into fridge.stored_readings values (%s, 4.5, 1, 1)", [OLD.start])


def test_readings_that_no_usage_was_counted_from_are_not_dropped(aged: Pipeline) -> None:
    aged.land(OLD, "uncounted.csv", readings(OLD, range(20, 21)))
    aged.load(OLD)

    with pytest.raises(UncountedHoursError, match="fridge bill --from 2026-01-24-18:00"):
        drop(aged)

    assert stored(aged) == 28


def test_a_withdrawal_counts_out_what_is_still_known_and_is_refused_where_nothing_is(aged: Pipeline) -> None:
    drop(aged)
    zone = LocalLanding(str(aged.landing))

    withdrawal = withdraw_file(aged.database, zone, f"{RECENT.folder}/late.csv", "a test bench", "auditor", aged.clock)
    aged.count(RECENT)

    assert withdrawal.readings == {"t1": 2}
    assert usage(aged)["t1", RECENT] == (6, 3)
    with pytest.raises(SealedHourError, match=r"those before 2026-03-01 are not kept"):
        withdraw_file(aged.database, zone, f"{OLD.folder}/old.csv", "a test bench", "auditor", aged.clock)


def test_dropping_twice_drops_nothing_more_and_looking_changes_nothing(aged: Pipeline) -> None:
    assert len(old_months(aged.database, KEEP_MONTHS, NOW)) == 2
    assert stored(aged) == 26

    drop(aged)

    assert drop(aged) == []


def test_a_month_is_kept_until_so_many_whole_months_lie_after_it() -> None:
    assert first_month_to_keep(NOW, 3) == datetime(2026, 3, 1, tzinfo=UTC)
    assert first_month_to_keep(NOW, 6) == datetime(2025, 12, 1, tzinfo=UTC)
    # What lands in the hour before may be five minutes into the month that is kept.
    assert first_open_hour(datetime(2026, 3, 1, tzinfo=UTC)) == Hour(datetime(2026, 2, 28, 23, tzinfo=UTC))


def test_declared_measures_of_dropped_readings_stay_what_they_were_by_polars_and_by_sql(aged: Pipeline) -> None:
    """Of a reading that is gone nobody can ask whether it was above 4 degrees."""
    warm = read_condition("temperature_c > 4", {"temperature_c": float})
    declared = [
        Measure(each.value, each, "temperature_c" if each in OF_NUMBERS else "sensor_id", warm, counted_from=OLD.start)
        for each in Aggregate
    ]
    with aged.database.connect() as connection:
        keep_measures(connection, declared, aged.clock())
    aged.count(OLD, RECENT)
    of_recent = "select measure, quantity from fridge.{} where hour = %s order by measure"
    before = aged.rows(of_recent.format("usage"), RECENT.start)
    drop(aged)
    aged.count(OLD, RECENT)
    aged.run_models(RECENT)
    named = dict(before)
    assert named == {"inserted_count": 8, "active_sensors": 5, "count": 8, "distinct": 5, "sum": 32, "min": 4, "max": 4}
    assert aged.rows(of_recent.format("usage"), RECENT.start) == before
    assert aged.rows(of_recent.format("derived_usage"), RECENT.start) == before


def test_numbers_of_dropped_readings_stay_what_they_were_by_polars_and_by_sql(aged: Pipeline) -> None:
    """Half a unit of January and half of June are one in June's sum: what is kept is not rounded."""
    source = """
    [[source]]
    name = "energy"
    match = "energy-*"
    tenant_id = { value = "t1" }
    sensor_id = { value = "s1" }
    recorded_at = { column = "at" }
    temperature = { column = "t" }
    numbers.energy = { column = "e", type = "decimal" }
    """
    aged.zone = LocalLanding(str(aged.landing), read_sources(source))
    rows = [f"{at:%FT%TZ},4.5,{e}" for at, e in ((OLD.start + timedelta(days=1), 2.25), (RECENT.plus(1).start, 1.25))]
    aged.land(RECENT.plus(1), "energy-1.csv", "\n".join(["at,t,e", *rows]).encode())
    aged.load(RECENT.plus(1))
    number = ReadingNumber("energy", NumberType.DECIMAL)
    above = read_condition("energy >= 0", {"energy": float})
    declared = [
        Measure(each.value, each, "energy", above, counted_from=OLD.start, numbers=(number,)) for each in OF_NUMBERS
    ]
    with aged.database.connect() as connection:
        keep_measures(connection, declared, aged.clock())
    aged.count(OLD, RECENT.plus(1))
    drop(aged)
    aged.count(OLD, RECENT.plus(1))
    aged.run_models(RECENT.plus(1))
    of_recent = "select measure, quantity from fridge.{} where hour = %s order by measure"
    for table in ("usage", "derived_usage"):
        found = dict(aged.rows(of_recent.format(table), RECENT.plus(1).start))
        assert found == {"inserted_count": 2, "active_sensors": 1, "max": 2, "min": 1, "sum": 4}, table


def test_a_measure_declared_from_before_the_kept_readings_leaves_no_hour_waiting_for_ever(aged: Pipeline) -> None:
    drop(aged)
    with aged.database.connect() as connection:
        keep_measures(connection, [Measure("cold", Aggregate.COUNT, counted_from=OLD.start)], aged.clock())
        aged.count(OLD, RECENT)
        assert connection.execute("select distinct hour from fridge.hours_to_count").fetchall() == []
