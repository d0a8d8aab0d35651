"""Usage far above its tenant's own history is held until somebody releases it; everything else is billed as ever."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime
from statistics import median

import pytest

from fridge_pipeline.billing.bill import BillReport
from fridge_pipeline.billing.ledger import staging_cases
from fridge_pipeline.billing.open_stripe import keep_billing_start
from fridge_pipeline.billing.review import NothingHeldError, Release, UnsignedReleaseError, find_outliers, release_usage
from fridge_pipeline.billing.rules.staging import StagingVerdict, judge_staging
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.catalogue.meter import CATALOGUE, Tolerance, Variance, Window
from tests.pipeline import Pipeline, readings

READINGS = "temperature_readings"
SENSORS = "active_sensors"
USE = "insert into fridge.usage values ('cohoes', %s, 'inserted_count', %s, now())"


@pytest.fixture
def hour(two_days_ago: datetime) -> Hour:
    return Hour(two_days_ago)


def used_before(pipeline: Pipeline, hour: Hour, hours: int) -> None:
    """Cohoes used every hour before as much, of one sensor."""
    with pipeline.database.connect() as connection:
        for measure, used in (("inserted_count", 10), ("active_sensors", 1)):
            connection.execute(
                "insert into fridge.usage select %s, %s - n * interval '1 hour', %s, %s, now()"
                " from generate_series(1, %s) as n",
                ["cohoes", hour.start, measure, used, hours],
            )


@pytest.fixture
def cohoes(pipeline: Pipeline, hour: Hour) -> Pipeline:
    """A tenant with a day of history: ten readings of one sensor, hour by hour."""
    pipeline.add_tenant("cohoes")
    used_before(pipeline, hour, 24)
    return pipeline


def spike(pipeline: Pipeline, hour: Hour, number: int = 101, sensors: int = 1, name: str = "spike.csv") -> BillReport:
    pipeline.land(hour, name, readings("cohoes", hour, sensors, number, start=len(name)))
    return pipeline.run(hour)


def release(pipeline: Pipeline, hour: Hour, meter: str | None = None) -> Release:
    return release_usage(pipeline.as_run(), "cohoes", hour, meter, "Ada", "backlog of the outage")


def held(pipeline: Pipeline) -> list[str]:
    rows = pipeline.rows(
        "select subject from fridge.exceptions where kind = 'held_for_review' and closed_at is null order by subject"
    )
    return [subject for (subject,) in rows]


def waits_for_the_sweep(pipeline: Pipeline, hour: Hour) -> bool:
    return hour in pipeline.swept()


def stripe_total(pipeline: Pipeline, hour: Hour, meter: str = READINGS) -> int | None:
    return pipeline.stripe_totals("cohoes").get((meter, hour.key))


def test_a_spike_is_held_alone_and_billed_after_its_release(cohoes: Pipeline, hour: Hour) -> None:
    cohoes.add_tenant("troy")
    cohoes.land(hour, "b.csv", readings("troy", hour, 2, 10))
    report = spike(cohoes, hour)
    assert (report.unsettled, held(cohoes)) == ([], [READINGS])
    assert (stripe_total(cohoes, hour), stripe_total(cohoes, hour, SENSORS)) == (None, 1)
    assert cohoes.stripe_totals("troy")[READINGS, hour.key] == 20
    ((detail, deadline),) = cohoes.rows("select detail, deadline_at from fridge.exceptions")
    assert detail.startswith(
        "101 temperature_readings: far above this tenant's own history. In the 24 hours with usage"
    )
    assert "the median is 10, and up to 100 passes" in detail
    assert f"fridge release cohoes {hour} --meter temperature_readings --reason TEXT --as LOGIN" in detail
    assert deadline is not None
    assert not waits_for_the_sweep(cohoes, hour)

    assert release(cohoes, hour).released == {READINGS: 101}
    assert waits_for_the_sweep(cohoes, hour)
    cohoes.run(hour)
    assert (stripe_total(cohoes, hour), held(cohoes)) == (101, [])
    assert not waits_for_the_sweep(cohoes, hour)
    assert cohoes.rows("select event_name, value, released_by, reason from fridge.releases") == [
        (READINGS, 101, "Ada", "backlog of the outage")
    ]


def test_a_level_that_has_lasted_for_half_a_day_is_no_longer_held(cohoes: Pipeline, hour: Hour) -> None:
    used_before(cohoes, hour.plus(-24), 144)
    for grown, is_held in ((11, True), (12, False)):
        with cohoes.database.connect() as connection:
            connection.execute(
                "update fridge.usage set quantity = 500 where measure = 'inserted_count' and hour >= %s",
                [hour.plus(-grown).start],
            )
            connection.execute(USE, [hour.start, 500])
            cases = staging_cases(connection, HourRange(hour, hour), cohoes.catalogue)
            outliers = find_outliers(connection, [(case, StagingVerdict.STAGE) for case in cases], Variance.HOLD)
            assert bool(outliers) is is_held
            connection.execute("delete from fridge.usage where measure = 'inserted_count' and hour = %s", [hour.start])


@pytest.mark.parametrize(("number", "hours"), [(100, 24), (100_000, 23), (100_000, 0)])
def test_ordinary_usage_and_a_tenant_without_a_day_of_history_are_never_held(
    pipeline: Pipeline, hour: Hour, number: int, hours: int
) -> None:
    pipeline.add_tenant("cohoes")
    used_before(pipeline, hour, hours)
    with pipeline.database.connect() as connection:
        connection.execute(USE, [hour.start, number])
    pipeline.bill(hour)
    assert (stripe_total(pipeline, hour), held(pipeline)) == (number, [])


def test_a_restatement_passes_the_gate_too_and_stripe_keeps_what_it_has(cohoes: Pipeline, hour: Hour) -> None:
    spike(cohoes, hour, number=10, name="ordinary.csv")
    spike(cohoes, hour, number=300)
    assert (stripe_total(cohoes, hour), held(cohoes)) == (10, [READINGS])
    assert "310 temperature_readings, of which Stripe has 10: far above" in cohoes.one(
        "select detail from fridge.exceptions"
    )
    release(cohoes, hour)
    cohoes.run(hour)
    assert (stripe_total(cohoes, hour), held(cohoes)) == (310, [])


def test_a_release_covers_what_was_released_and_more_than_that_is_held_anew(cohoes: Pipeline, hour: Hour) -> None:
    spike(cohoes, hour, number=200)
    release(cohoes, hour)
    spike(cohoes, hour, number=50, name="more.csv")
    assert (stripe_total(cohoes, hour), held(cohoes)) == (None, [READINGS])
    assert not waits_for_the_sweep(cohoes, hour)
    with cohoes.database.connect() as connection:
        connection.execute(
            "insert into fridge.withdrawals select file_id, 'x', 'x', now() from fridge.landing_files"
            " where path like '%more.csv'"
        )
    cohoes.run(hour)
    assert (stripe_total(cohoes, hour), held(cohoes)) == (200, [])


def test_a_release_of_one_meter_leaves_the_other_held(cohoes: Pipeline, hour: Hour) -> None:
    spike(cohoes, hour, number=20, sensors=20)
    assert held(cohoes) == [SENSORS, READINGS]
    with pytest.raises(
        NothingHeldError, match=r"no readings usage .* held there: active_sensors, temperature_readings"
    ):
        release(cohoes, hour, "readings")
    release(cohoes, hour, SENSORS)
    cohoes.run(hour)
    assert (held(cohoes), stripe_total(cohoes, hour, SENSORS), stripe_total(cohoes, hour)) == ([READINGS], 20, None)
    assert release(cohoes, hour).released == {READINGS: 400}
    cohoes.run(hour)
    assert (held(cohoes), stripe_total(cohoes, hour)) == ([], 400)


def test_a_release_says_who_and_why_and_is_about_something_held(cohoes: Pipeline, hour: Hour) -> None:
    with pytest.raises(NothingHeldError, match=r"no usage of tenant 'cohoes' .* is held for review"):
        release(cohoes, hour)
    spike(cohoes, hour)
    for name, reason in ((" ", "why"), ("Ada", " ")):
        with pytest.raises(UnsignedReleaseError, match="who releases cohoes"):
            release_usage(cohoes.as_run(), "cohoes", hour, None, name, reason)
    assert cohoes.one("select count(*) from fridge.releases") == 0


def test_a_held_spike_that_is_withdrawn_leaves_nothing_behind(cohoes: Pipeline, hour: Hour) -> None:
    spike(cohoes, hour, number=10, name="ordinary.csv")
    spike(cohoes, hour, number=300)
    with cohoes.database.connect() as connection:
        connection.execute(
            "insert into fridge.withdrawals select file_id, 'x', 'x', now() from fridge.landing_files"
            " where path like '%spike.csv'"
        )
    assert waits_for_the_sweep(cohoes, hour)
    cohoes.run(hour)
    assert (stripe_total(cohoes, hour), held(cohoes)) == (10, [])


@pytest.mark.parametrize(("variance", "warned"), [(Variance.WARN, 1), (Variance.OFF, 0)])
def test_with_the_gate_on_warning_or_off_a_spike_is_billed(
    cohoes: Pipeline, hour: Hour, variance: Variance, warned: int
) -> None:
    cohoes.variance = variance
    report = spike(cohoes, hour)
    assert (stripe_total(cohoes, hour), held(cohoes)) == (101, [])
    assert [len(bill.outliers) for bill in report.hours] == [warned]


def test_what_is_held_stays_held_when_the_gate_is_switched_off_and_what_comes_then_is_billed(
    cohoes: Pipeline, hour: Hour
) -> None:
    spike(cohoes, hour)
    cohoes.variance = Variance.OFF
    spike(cohoes, hour.plus(1))
    cohoes.bill(hour)
    assert (stripe_total(cohoes, hour), stripe_total(cohoes, hour.plus(1)), held(cohoes)) == (None, 101, [READINGS])


@pytest.mark.parametrize("way", ["a pause of billing", "no customer for a while"])
def test_what_is_held_stays_held_when_the_gate_is_switched_off_and_something_else_stood_in_the_way(
    cohoes: Pipeline, hour: Hour, way: str
) -> None:
    spike(cohoes, hour)
    cohoes.variance = Variance.OFF
    with cohoes.database.connect() as connection:
        if way == "a pause of billing":
            keep_billing_start(connection, BillingStart(None), cohoes.catalogue, cohoes.clock())
        else:
            connection.execute("update fridge.tenants set stripe_customer_id = null")
    cohoes.bill(hour)
    assert held(cohoes) == []
    with cohoes.database.connect() as connection:
        if way == "a pause of billing":
            keep_billing_start(connection, BillingStart(hour), cohoes.catalogue, cohoes.clock())
        else:
            connection.execute("update fridge.tenants set stripe_customer_id = %s", [cohoes.customers["cohoes"]])
    cohoes.bill(hour)
    assert (stripe_total(cohoes, hour), held(cohoes)) == (None, [READINGS])
    release(cohoes, hour)
    cohoes.bill(hour)
    assert stripe_total(cohoes, hour) == 101
    spike(cohoes, hour, number=300, name="late.csv")
    assert (stripe_total(cohoes, hour), held(cohoes)) == (401, [])


def test_on_a_meter_that_adds_up_the_hours_total_is_judged_and_not_the_difference(cohoes: Pipeline, hour: Hour) -> None:
    raw = replace(CATALOGUE[0], event_name="raw_readings", window=Window.NONE)
    cohoes.catalogue = (raw,)
    cohoes.gateway.create_meter(raw)
    spike(cohoes, hour, number=60, name="half.csv")
    spike(cohoes, hour, number=60, name="the other half.csv")
    assert (stripe_total(cohoes, hour, "raw_readings"), held(cohoes)) == (60, ["raw_readings"])
    release(cohoes, hour)
    cohoes.run(hour)
    assert stripe_total(cohoes, hour, "raw_readings") == 120


def test_a_meter_of_the_catalogue_may_have_a_tolerance_of_its_own(cohoes: Pipeline, hour: Hour) -> None:
    cohoes.catalogue = (replace(CATALOGUE[0], tolerance=Tolerance(factor=2, deviations=1)), CATALOGUE[1])
    spike(cohoes, hour, number=21)
    assert held(cohoes) == [READINGS]


def test_the_database_picks_exactly_the_cases_that_the_method_holds(pipeline: Pipeline, hour: Hour) -> None:
    """Against the method written out here, on histories of any length, scatter and gaps, and hours around the limit."""
    dice = random.Random(5)  # noqa: S311 # a repeatable choice, not a secret
    tolerance = Tolerance(factor=3, deviations=4, hours=20, hours_min=6)
    expected, rows = set(), []
    for number in range(300):
        tenant = f"t{number}"
        scatter = dice.choice([0, 5, 80])
        past = [100 + dice.randint(-scatter, scatter) for _ in range(dice.randint(0, 30))]
        value = dice.choice([0.9, 1, 1.1]) * dice.choice([300, 100 + 4 * 1.4826 * scatter / 2])
        rows += [
            (tenant, hour.plus(position - len(past) - dice.choice([0, 500])).start, used)
            for position, used in enumerate(past)
        ]
        rows.append((tenant, hour.start, round(value)))
        newest = [used for _, _, used in sorted(row for row in rows if row[0] == tenant and row[1] < hour.start)][-20:]
        if len(newest) < 6:
            continue
        middle = median(newest)
        distance = median(abs(used - middle) for used in newest)
        if round(value) > max(middle + max(4 * 1.4826 * distance, 2 * middle), 3 * median(newest[-6:])):
            expected.add(tenant)
    with pipeline.database.connect() as connection:
        with (
            connection.cursor() as cursor,
            cursor.copy("copy fridge.usage (tenant_id, hour, measure, quantity, computed_at) from stdin") as copy,
        ):
            for tenant, at, used in rows:
                copy.write_row((tenant, at, "inserted_count", used, at))
        connection.execute(
            "insert into fridge.tenants select distinct tenant_id, null, 'cus_' || tenant_id"
            " from fridge.inserted_counts"
        )
        catalogue = (replace(CATALOGUE[0], tolerance=tolerance),)
        cases = staging_cases(connection, HourRange(hour, hour), catalogue)
        judged = [(case, judge_staging(case, pipeline.clock())) for case in cases]
        assert {verdict for _, verdict in judged} == {StagingVerdict.STAGE}
        found = {outlier.case.tenant_id for outlier in find_outliers(connection, judged, Variance.HOLD)}
    assert found == expected
    assert 30 < len(expected) < 270
