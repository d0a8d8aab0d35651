"""Measures and meters that a file declares: billed, counted twice, and never anything else."""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from adbc_driver_manager import dbapi as adbc_dbapi

from fridge_pipeline.billing.decisions_record import Subject, decisions_about, keep_settings
from fridge_pipeline.billing.ledger import undelivered_hours
from fridge_pipeline.billing.review import NothingHeldError, release_usage
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.condition import HOUR_IN_SQL, SENSOR_ID, TEMPERATURE_C, condition_of, read_condition
from fridge_pipeline.catalogue.measure import BUILT_IN, Aggregate, Measure
from fridge_pipeline.catalogue.measure_record import (
    MeasureChangedError,
    MeterChangedError,
    declared_in_force,
    keep_measures,
    measures_in_force,
    require_same_meters,
)
from fridge_pipeline.catalogue.measures_file import read_measures
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter
from fridge_pipeline.catalogue.meters_file import read_catalogue
from fridge_pipeline.finance.backtest_hours import backtest
from fridge_pipeline.finance.explain_hour import explain_hour
from fridge_pipeline.finance.report_month import read_books, write_report
from fridge_pipeline.finance.verify_evidence import verify_evidence
from fridge_pipeline.stripe.writes import create_missing_meters
from tests.finance.books import FinanceBooks
from tests.finance.evidence.books import made
from tests.pipeline import CLOSE_AFTER, Pipeline, Row, ndjson_of, readings

METERS = """
[[meter]]
event_name = "temperature_readings"
display_name = "Temperature readings stored"
measure = "inserted_count"
formula = "sum"
window = "hour"

[[meter]]
event_name = "active_sensors"
display_name = "Active sensor-hours"
measure = "active_sensors"
formula = "sum"
window = "hour"
"""

#: What somebody appends to the file of FRIDGE_METERS.
DECLARED = """
[[measure]]
name = "door_alarms"
aggregate = "count"
where = "temperature_c > 8 AND NOT sensor_id LIKE 'spare%'"
from = "{start}"

[[measure]]
name = "freezers"
aggregate = "distinct"
column = "sensor_id"
where = "sensor_id LIKE 'freezer\\\\_%' and extract(hour from recorded_at) between 0 and 23"
from = "{start}"

[[measure]]
name = "warmth"
aggregate = "sum"
column = "temperature_c"
scale = 10
where = "temperature_c >= 0"
from = "{start}"

[[meter]]
event_name = "alarms"
display_name = "Readings above 8 degrees"
measure = "door_alarms"
formula = "sum"
window = "hour"

[[meter]]
event_name = "freezers"
display_name = "Freezers, by the hour"
measure = "freezers"
formula = "sum"
window = "none"

[[meter]]
event_name = "warmth"
display_name = "Tenths of a degree"
measure = "warmth"
formula = "last"
window = "hour"
"""


def declare(line: Pipeline, text: str) -> tuple[Meter, ...]:
    """What `fridge stripe setup` and `fridge up` do with a file of meters."""
    document = tomllib.loads(text)
    catalogue = read_catalogue(document)
    create_missing_meters(line.gateway, catalogue)
    with line.database.connect() as connection:
        keep_measures(connection, read_measures(document), line.clock())
    return catalogue


def warm(tenant: str, hour: Hour) -> list[Row]:
    """Six readings: three above 8 degrees, one of them of a spare sensor; two freezers, and one that only looks so."""
    told = [("freezer_1", -18.25), ("freezer_2", 0.25), ("freezerx3", 8.0), ("a", 8.05), ("a", 9.15), ("spare_1", 30.0)]
    return [(tenant, sensor, hour.start + n * timedelta(minutes=7), at) for n, (sensor, at) in enumerate(told)]


def quantities(line: Pipeline, table: str) -> list[tuple[str, str, str, int]]:
    """(tenant, hour key, measure, quantity) of the declared measures."""
    found = line.rows(
        f"select tenant_id, hour, measure, quantity::bigint from fridge.{table}"
        " where measure not in ('inserted_count', 'active_sensors') order by tenant_id, hour, measure"
    )
    return [(tenant, Hour(hour).key, measure, quantity) for tenant, hour, measure, quantity in found]


def test_three_blocks_of_toml_and_stripe_setup_bill_three_more_measures_of_an_installation_with_history(
    books: FinanceBooks, tmp_path: Path
) -> None:
    line, (*before, third, fourth) = books.pipeline, books.hours
    for hour in before:
        line.land(hour, "a.csv", [*readings("cohoes", hour, 2, 5), *warm("troy", hour)])
    line.clock.now = books.now - timedelta(hours=9)
    line.run(before[0], before[1])
    billed = line.stripe_totals("troy")

    line.catalogue = declare(line, METERS + DECLARED.format(start=third.key))
    line.land(third, "a.csv", [*warm("troy", third), *readings("cohoes", third, 1, 2)])
    line.run(third, fourth)
    line.land(third, "late.csv", [("troy", "freezer_9", third.start - timedelta(days=40), 8.0625)])
    line.land(fourth, "a.csv", warm("troy", fourth)[:1])
    line.run(before[0], fourth)
    books.look()

    warmth = sum(round(at * 10) for *_, at in [*warm("troy", third), ("", "", 0, 8.0625)] if at >= 0)
    declared = [
        ("cohoes", third.key, "warmth", 90),
        ("troy", third.key, "door_alarms", 3),
        ("troy", third.key, "freezers", 3),
        ("troy", third.key, "warmth", warmth),
        ("troy", fourth.key, "freezers", 1),
    ]
    assert quantities(line, "usage") == declared
    assert quantities(line, "derived_usage") == declared, "SQL alone counts the same"
    stated = {
        ({"door_alarms": "alarms"}.get(measure, measure), hour): quantity
        for tenant, hour, measure, quantity in declared
        if tenant == "troy"
    }
    of_stripe = line.stripe_totals("troy")
    defaults = {meter.event_name for meter in CATALOGUE}
    assert {key: value for key, value in of_stripe.items() if key[0] not in defaults} == stated
    assert {key: of_stripe[key] for key in billed} == billed, "hours before are as they were"
    assert books.untied() == []
    assert line.failing_tests() == set()
    assert line.rows("select * from fridge.exceptions") == []

    assert backtest(line.database, HourRange(before[0], fourth), line.catalogue).differences == []
    with line.database.connect() as connection:
        keep_settings(line.database, line.variance, line.catalogue)
        decided = decisions_about(connection, Subject.METERS)[-1].setting
    assert "of door_alarms, count(sensor_id) where temperature_c > 8 and (not sensor_id like 'spare%')" in decided
    assert explain_hour(line.as_run(), None, "troy", third, CLOSE_AFTER).usage["door_alarms"] == 3
    month = Month.containing(third.start)
    (hourly := tmp_path / "hours").mkdir()
    marts, _ = read_books(line.database, month, line.catalogue, CLOSE_AFTER, line.clock(), hourly)
    report = write_report(marts, [], tmp_path, line.clock(), line.workspace)
    totals = {meter["meter"]: (meter["derived"], meter["usage"], meter["stated"]) for meter in report.summary.meters}
    assert totals["alarms"] == (3,) * 3
    assert totals["freezers"] == (4,) * 3
    assert totals["warmth"] == (warmth + 90,) * 3
    assert list(verify_evidence(made(line, month, tmp_path / "pack.zip")))


def test_a_meter_that_was_sent_usage_of_one_measure_is_refused_with_another(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour, (one, two) = Hour(two_days_ago), CATALOGUE
    pipeline.add_tenant("troy")
    swapped = replace(one, measure=two.measure), replace(two, measure=one.measure)
    with pipeline.database.connect() as connection:
        require_same_meters(connection, swapped)
        pipeline.land(hour, "a.csv", readings("troy", hour, 2, 10))
        pipeline.run(hour)
        require_same_meters(connection, CATALOGUE)
        require_same_meters(connection, [replace(two, event_name="sensors")])
        pipeline.catalogue = (replace(one, event_name="readings"),)  # both were removed for a while
        for _ in range(2):
            with pytest.raises(MeterChangedError, match="active_sensors has the measure inserted_count, and usage of"):
                require_same_meters(connection, swapped)
            pipeline.run_models(hour)


def test_a_quantity_of_more_digits_than_stripe_takes_waits_for_a_person_and_nobody_waits_for_it(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """As of counters that only rise, added up over many sensors in thousandths."""
    hour = Hour(two_days_ago)
    for tenant in ("troy", "dale"):
        pipeline.add_tenant(tenant)
    pipeline.catalogue = declare(pipeline, METERS + DECLARED.format(start=hour.key))
    pipeline.land(hour, "a.csv", [*warm("troy", hour), *warm("dale", hour)])
    pipeline.load(hour)
    pipeline.count(hour)
    with pipeline.database.connect() as connection:
        connection.execute(
            "update fridge.usage set quantity = 1000000000000000 where measure = 'warmth' and tenant_id = 'troy'"
        )
    assert pipeline.bill(hour).unsettled == []
    assert pipeline.stripe_totals("dale")["warmth", hour.key] > 0
    totals = pipeline.stripe_totals("troy")
    assert (totals["temperature_readings", hour.key], totals.get(("warmth", hour.key))) == (6, None)
    ((kind, subject, detail),) = pipeline.rows("select kind, subject, detail from fridge.open_exceptions")
    assert (kind, subject) == ("held_for_review", "warmth")
    assert "1000000000000000 warmth: more than the 15 digits that Stripe takes" in detail
    with pytest.raises(NothingHeldError, match=r"held there: warmth \(more than Stripe takes: withdraw the file\)"):
        release_usage(pipeline.as_run(), "troy", hour, None, "ada", "it is right")
    assert pipeline.swept() == []


def test_hours_that_changed_while_a_measure_was_gone_from_the_file_are_counted_once_it_is_back(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("troy")
    text = METERS + DECLARED.format(start=hour.key)
    pipeline.catalogue = declare(pipeline, text)
    pipeline.land(hour, "a.csv", warm("troy", hour))
    pipeline.run(hour)

    declare(pipeline, METERS)  # by a process that another one with all measures is beside
    pipeline.land(hour, "late.csv", [("troy", "freezer_9", hour.start, 9.0)])
    pipeline.run(hour)
    assert pipeline.swept() == []
    declare(pipeline, text)
    assert pipeline.swept() == [hour]
    pipeline.run(hour)
    assert pipeline.stripe_totals("troy")["alarms", hour.key] == 3
    with pipeline.database.connect() as connection:
        assert undelivered_hours(connection, pipeline.catalogue, pipeline.clock()) == []
        declare(pipeline, text)
        assert connection.execute("select count(*) from fridge.marked_hours").fetchone() == (0,)


COLUMNS = {SENSOR_ID: str, TEMPERATURE_C: float}

#: Among them what has a meaning of its own in a pattern, a regular expression or SQL.
SENSORS = ("a", "a.c", "abc", "a_c", "a%c", "A'c", "a\\c", "é\nc", "")


def some_condition(chance: random.Random, depth: int = 0) -> str:
    """A condition of the grammar."""
    if depth < 3 and chance.random() < 0.5:
        joined = chance.choice((" and ", " OR "))
        parts = [f"({some_condition(chance, depth + 1)})" for _ in range(chance.randint(1, 3))]
        return chance.choice(("", "not ")) + f"({joined.join(parts)})"

    def text(among: Sequence[str]) -> str:
        return "'" + chance.choice(among).replace("'", "''") + "'"

    def number(column: str) -> str:
        return str(chance.randrange(24) if column != TEMPERATURE_C else chance.choice((-18.5, 0, 4.25, 8, 8.1)))

    negated, column = chance.choice(("", "not ")), chance.choice((SENSOR_ID, TEMPERATURE_C, HOUR_IN_SQL))
    if column == SENSOR_ID:
        pattern = text(("a%", "%c", "a_c", r"a\_c", r"a\%c", r"a\\c", "a.c", "%", "", "A'_", "é_c"))
        listed = f"{negated}in ({', '.join(text(SENSORS) for _ in range(chance.randint(1, 3)))})"
        compared = f"{chance.choice(('=', '<>'))} {text(SENSORS)}"
        return f"{column} {chance.choice((f'{negated}like {pattern}', listed, compared))}"
    listed = f"{negated}in ({', '.join(number(column) for _ in range(chance.randint(1, 3)))})"
    between = f"{negated}between {number(column)} and {number(column)}"
    compared = f"{chance.choice(('=', '<>', '!=', '<', '<=', '>', '>='))} {number(column)}"
    return f"{column} {chance.choice((listed, between, compared))}"


def some_measure(chance: random.Random, number: int) -> Measure:
    """A measure that a file might declare; sums of what is below zero are no quantities."""
    aggregate, condition = chance.choice(list(Aggregate)), some_condition(chance)
    if aggregate in {Aggregate.COUNT, Aggregate.DISTINCT}:
        return Measure(f"m{number}", aggregate, condition=read_condition(condition, COLUMNS))
    above = read_condition(f"{TEMPERATURE_C} >= 0 and ({condition})", COLUMNS)
    return Measure(f"m{number}", aggregate, TEMPERATURE_C, above, chance.choice((1, 10, 1000)))


def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored readings stream as they do by the million: another question on the same connection would end them."""
    cursor = adbc_dbapi.Connection.cursor

    def small(connection: adbc_dbapi.Connection, **options: Any) -> adbc_dbapi.Cursor:
        made = cursor(connection, **options)
        made.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": "256"})
        return made

    monkeypatch.setattr(adbc_dbapi.Connection, "cursor", small)


def test_polars_and_sql_make_the_same_of_every_definition(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour, chance = Hour(two_days_ago), random.Random(19)  # noqa: S311 # not for secrets
    sensors = [each for each in SENSORS if each]
    rows = [
        (
            tenant,
            sensor,
            hour.start - timedelta(minutes=37 * n),
            chance.choice((-18.5, 0.0, 4.25, 8.0, 8.1, 8.05, 0.15)),
        )
        for tenant in ("cohoes", "troy")
        for n, sensor in enumerate(sensors * 6)
    ]
    for name, part in (("a.ndjson", rows[::2]), ("b.ndjson", rows[1::2])):
        pipeline.land(hour, name, ndjson_of(part))
    pipeline.load(hour)
    measures = [some_measure(chance, number) for number in range(150)]
    with pipeline.database.connect() as connection:
        keep_measures(connection, [replace(each, counted_from=hour.start) for each in measures], pipeline.clock())
        assert declared_in_force(connection) == tuple(sorted(measures, key=lambda each: each.name))
    in_small_batches(monkeypatch)
    pipeline.count(hour)
    pipeline.run_models(hour)
    counted = quantities(pipeline, "usage")
    assert quantities(pipeline, "derived_usage") == counted
    assert len(counted) > 150, "most of them count something"


def test_a_condition_means_the_same_when_it_is_written_anew_and_from_its_tree() -> None:
    chance = random.Random(20)  # noqa: S311 # not for secrets
    for _ in range(300):
        condition = read_condition(some_condition(chance), COLUMNS)
        assert read_condition(str(condition), COLUMNS) == condition
        assert condition_of(json.loads(json.dumps(condition.tree))) == condition


def test_where_nothing_was_counted_yet_a_measure_is_counted_from_the_first_file_on(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    warm = Measure("warm", Aggregate.COUNT, condition=read_condition("temperature_c > 4", COLUMNS))
    with pipeline.database.connect() as connection:
        keep_measures(connection, [warm], pipeline.clock())
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.load(hour)
    pipeline.count(hour)
    pipeline.run_models(hour)
    cold = Measure("cold", Aggregate.COUNT, condition=read_condition("temperature_c <= 4", COLUMNS))
    with pipeline.database.connect() as connection:
        keep_measures(connection, [warm, cold], pipeline.clock())
        starts = {each.name: each.counted_from for each in declared_in_force(connection)}
    assert starts["cold"] == Hour.containing(pipeline.clock()).start, "there are hours behind it by now"
    counted = quantities(pipeline, "usage")
    assert sum(quantity for *_, measure, quantity in counted if measure == "warm") > 0
    assert quantities(pipeline, "derived_usage") == counted


def test_a_measure_that_usage_was_counted_by_never_changes_its_meaning(pipeline: Pipeline) -> None:
    alarms = Measure("alarms", Aggregate.COUNT, condition=read_condition("temperature_c > 8", COLUMNS))
    hour = Hour.containing(pipeline.clock())
    pipeline.land(hour.plus(-2), "a.csv", readings("cohoes", hour.plus(-2), 1, 1))
    pipeline.load(hour.plus(-2))
    pipeline.count(hour.plus(-2))
    with pipeline.database.connect() as connection:
        keep_measures(connection, [alarms], pipeline.clock())
        pipeline.clock.advance(days=1)
        keep_measures(connection, [alarms], pipeline.clock())
        (kept,) = declared_in_force(connection)
        assert kept.counted_from == hour.start, "the hour in which it was declared first"
        other = replace(alarms, condition=read_condition("temperature_c > 9", COLUMNS))
        told = (
            "alarms is .* where temperature_c > 9, and in the books it is .* where temperature_c > 8, from .*new name"
        )
        with pytest.raises(MeasureChangedError, match=told):
            keep_measures(connection, [other], pipeline.clock())
        with pytest.raises(MeasureChangedError, match="from 2026-01-01-00:00 on, and in the books"):
            keep_measures(
                connection, [replace(alarms, counted_from=datetime(2026, 1, 1, tzinfo=UTC))], pipeline.clock()
            )
        keep_measures(connection, [], pipeline.clock())
        assert measures_in_force(connection) == BUILT_IN, "what the file no longer has is not counted"
        with pytest.raises(psycopg.errors.Error, match=r"append only|permission denied"):
            connection.execute("update fridge.declared_measures set scale = 2")


def test_the_sweep_counts_a_new_measure_from_its_first_hour_and_no_earlier_one(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hours = [Hour(two_days_ago).plus(n) for n in range(3)]
    for hour in hours:
        pipeline.land(hour, "a.csv", warm("troy", hour))
    pipeline.load(hours[0], hours[-1])
    pipeline.count(hours[0], hours[-1])
    uncounted = "select hour, usage_table from fridge.hours_to_count order by hour"
    assert pipeline.rows(uncounted) == []
    declare(pipeline, METERS + DECLARED.format(start=hours[1].key).replace('from = "', '# "', 2))
    assert pipeline.rows(uncounted) == [(hour.start, "warmth") for hour in hours[1:]]
    pipeline.count(hours[0], hours[-1])
    assert pipeline.rows(uncounted) == []
    assert [hour for _, hour, *_ in quantities(pipeline, "usage")] == [hour.key for hour in hours[1:]]
