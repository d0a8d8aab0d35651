"""Of what is billed in a month it is known in which months it was recorded, and it adds up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.operations.drop_old_readings import drop_old_readings
from tests.pipeline import Pipeline, Row, readings

READINGS, SENSORS = "temperature_readings", "active_sensors"
NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
FIRST_OF_JUNE = Hour(datetime(2026, 6, 1, tzinfo=UTC))
ADD_UP = {"service_months_add_up_to_the_month", "recorded_months_are_what_was_derived"}


def at(sensor: str, *moments: datetime) -> list[Row]:
    """Readings of one sensor of troy, recorded whenever."""
    return [("troy", sensor, moment, 4.5) for moment in moments]


def service_months(pipeline: Pipeline) -> set[tuple[str, str, date, date | None, int]]:
    """The mart: tenant, meter, month billed, month recorded, quantity."""
    return set(pipeline.rows("select tenant_id, meter, month_billed, month_recorded, quantity"
                             " from fridge.usage_by_service_month"))  # fmt: skip


def run(pipeline: Pipeline, first: Hour, last: Hour | None = None) -> None:
    """Loads, counts and derives."""
    pipeline.load(first, last)
    pipeline.count(first, last)
    pipeline.run_models(first, last)


def deliver(pipeline: Pipeline) -> None:
    """Hours of May and June: in time, late, of two months in one sensor-hour, and four minutes ahead of the hour."""
    pipeline.clock.now = NOW
    late, early = FIRST_OF_JUNE.plus(-30).start, Hour(datetime(2026, 5, 31, 23, tzinfo=UTC))
    pipeline.land(early, "may.csv", [*readings("troy", early, 2, 3), *at("s0", early.end + timedelta(minutes=4))])
    pipeline.land(FIRST_OF_JUNE, "june.csv", [
        *readings("albany", FIRST_OF_JUNE, 1, 4),
        *at("old", late, late + timedelta(minutes=1)),
        *at("both", late, late + timedelta(minutes=1), FIRST_OF_JUNE.start),
    ])  # fmt: skip
    pipeline.land(FIRST_OF_JUNE.plus(1), "plain.csv", at("old", late + timedelta(minutes=2)))
    run(pipeline, early, FIRST_OF_JUNE.plus(1))


def test_a_reading_is_of_the_month_it_was_recorded_in_and_a_sensor_hour_of_the_month_of_its_newest_reading(
    pipeline: Pipeline,
) -> None:
    deliver(pipeline)
    assert service_months(pipeline) == {
        ("troy", READINGS, MAY, MAY, 6),
        ("troy", READINGS, MAY, JUNE, 1),
        ("troy", SENSORS, MAY, MAY, 1),
        ("troy", SENSORS, MAY, JUNE, 1),
        ("troy", READINGS, JUNE, MAY, 5),
        ("troy", READINGS, JUNE, JUNE, 1),
        ("troy", SENSORS, JUNE, MAY, 2),
        ("troy", SENSORS, JUNE, JUNE, 1),
        ("albany", READINGS, JUNE, JUNE, 4),
        ("albany", SENSORS, JUNE, JUNE, 1),
    }
    assert pipeline.failing_tests() & ADD_UP == set()


def test_usage_that_is_not_split_by_month_yet_stands_without_one_and_is_never_left_out(pipeline: Pipeline) -> None:
    deliver(pipeline)
    more = FIRST_OF_JUNE.plus(5)
    pipeline.land(more, "more.csv", readings("troy", more, 2, 3))
    pipeline.load(more)
    pipeline.count(more)
    assert {row for row in service_months(pipeline) if row[3] is None} == {
        ("troy", READINGS, JUNE, None, 6),
        ("troy", SENSORS, JUNE, None, 2),
    }
    assert pipeline.failing_tests() & ADD_UP == set()
    pipeline.run_models(more)
    assert {row for row in service_months(pipeline) if row[3] is None} == set()


def test_a_withdrawn_file_leaves_every_month_and_a_tampered_split_is_found(pipeline: Pipeline) -> None:
    deliver(pipeline)
    zone = LocalLanding(str(pipeline.landing))
    withdraw_file(pipeline.database, zone, f"{FIRST_OF_JUNE.folder}/june.csv", "a bench", "ada", pipeline.clock)
    run(pipeline, FIRST_OF_JUNE)
    assert {row for row in service_months(pipeline) if row[2] == JUNE} == {
        ("troy", READINGS, JUNE, MAY, 1),
        ("troy", SENSORS, JUNE, MAY, 1),
    }
    with pipeline.database.connect() as connection:
        connection.execute("delete from fridge.recorded_months where month_recorded = %s", (MAY,))
    assert pipeline.failing_tests() & ADD_UP == {"recorded_months_are_what_was_derived"}


def test_what_was_recorded_when_outlives_the_readings(pipeline: Pipeline) -> None:
    deliver(pipeline)
    before = service_months(pipeline)
    pipeline.clock.now = datetime(2026, 8, 20, tzinfo=UTC)
    drop_old_readings(pipeline.database, 2, "auditor", pipeline.clock)
    late = FIRST_OF_JUNE.plus(1)
    pipeline.land(late, "later.csv", at("old", late.start, late.start + timedelta(minutes=1)))
    run(pipeline, FIRST_OF_JUNE.plus(-1), late)
    changed = {("troy", READINGS, JUNE, JUNE), ("troy", SENSORS, JUNE, JUNE), ("troy", SENSORS, JUNE, MAY)}
    assert {row for row in service_months(pipeline) if row[:4] not in changed} == {
        row for row in before if row[:4] not in changed
    }
    assert {row for row in service_months(pipeline) if row[:4] in changed} == {
        ("troy", READINGS, JUNE, JUNE, 3),  # one that was there, and the two of the late file
        ("troy", SENSORS, JUNE, JUNE, 2),  # its sensor had nothing newer than May before
        ("troy", SENSORS, JUNE, MAY, 1),
    }
    assert pipeline.failing_tests() & ADD_UP == set()
