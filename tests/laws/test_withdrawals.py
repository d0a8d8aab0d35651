"""A withdrawn file is not usage: its hour shrinks, nothing of it is deleted, and nothing of it ever counts again."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import psycopg
import pytest

from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import ACTIVE_SENSORS, INSERTED_COUNT
from fridge_pipeline.catalogue.meter import Formula, Meter, Window
from fridge_pipeline.corrections.withdraw import (
    AlreadyWithdrawnError,
    NoReasonError,
    NothingStoredError,
    NotLoadedError,
    UnknownFileError,
    Withdrawal,
    withdraw_file,
)
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.usage import count
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

RAW = (Meter("raw_readings", "Readings", INSERTED_COUNT, Formula.SUM, Window.NONE),)


def withdraw(pipeline: Pipeline, path: str, reason: str = "test bench") -> Withdrawal:
    zone = LocalLanding(str(pipeline.landing))
    return withdraw_file(pipeline.database, zone, path, reason, "ada", pipeline.clock)


def swept(pipeline: Pipeline, hour: Hour) -> list[Hour]:
    """The hours that the next hourly_billing takes."""
    zone, grid = LocalLanding(str(pipeline.landing)), HourRange(hour.plus(-5), hour.plus(40))
    return find_hours_to_bill(pipeline.as_run(), zone, grid, CLOSE_AFTER)


def billed_hour(pipeline: Pipeline, start: datetime) -> Hour:
    """A delivered hour: good.csv with 20 readings of 2 sensors, bad.csv with 15 of 3 other ones."""
    hour = Hour(start)
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "bad.csv", readings("cohoes", hour, 3, 5, start=10))
    pipeline.land(hour, "good.csv", readings("cohoes", hour, 2, 10))
    pipeline.run(hour)
    assert pipeline.usage() == {("cohoes", hour.key): (35, 5)}
    assert swept(pipeline, hour) == []
    pipeline.clock.advance(minutes=1)
    return hour


def test_the_readings_of_a_withdrawn_file_are_not_usage_and_the_next_revision_says_so_on_both_meters(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = billed_hour(pipeline, two_days_ago)
    withdrawal = withdraw(pipeline, f"{hour.folder}/bad.csv")
    assert (withdrawal.hour, withdrawal.readings) == (hour, {"cohoes": 15})
    assert swept(pipeline, hour) == [hour]

    pipeline.clock.advance(minutes=1)
    assert pipeline.run(hour).unsettled == []
    assert pipeline.usage() == {("cohoes", hour.key): (20, 2)}
    assert pipeline.rows(
        "select event_name, revision, value, status from fridge.meter_events order by event_name, revision"
    ) == [
        ("active_sensors", 1, 5, "superseded"),
        ("active_sensors", 2, 2, "accepted"),
        ("temperature_readings", 1, 35, "superseded"),
        ("temperature_readings", 2, 20, "accepted"),
    ]
    assert pipeline.stripe_totals("cohoes") == {
        ("temperature_readings", hour.key): 20,
        ("active_sensors", hour.key): 2,
    }
    assert swept(pipeline, hour) == []
    assert pipeline.one("select count(*) from fridge.readings") == 35
    assert pipeline.one("select count(*) from fridge.readings where is_withdrawn") == 15


def test_on_a_meter_that_adds_up_a_withdrawal_is_a_cancellation(pipeline: Pipeline, two_days_ago: datetime) -> None:
    pipeline.catalogue = RAW
    pipeline.gateway.create_meter(RAW[0])
    hour = billed_hour(pipeline, two_days_ago)
    withdraw(pipeline, f"{hour.folder}/bad.csv")
    pipeline.clock.advance(minutes=1)
    assert pipeline.run(hour).unsettled == []
    assert pipeline.stripe_totals("cohoes") == {("raw_readings", hour.key): 20}


def test_withdrawn_readings_that_are_delivered_again_are_duplicates_in_whatever_hour_and_file(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = billed_hour(pipeline, two_days_ago)
    rows = readings("cohoes", hour, 3, 5, start=10)
    withdraw(pipeline, f"{hour.folder}/bad.csv")
    pipeline.clock.advance(minutes=1)
    pipeline.land(hour, "bad again.csv", rows)
    pipeline.land(hour.plus(3), "late.csv", rows)
    pipeline.land(hour, "bad.csv", rows + readings("cohoes", hour, 1, 4, start=30))  # the same name, four new readings
    pipeline.run(hour, hour.plus(3))
    assert pipeline.rows(
        "select path, inserted_count, duplicate_count from fridge.landing_files where file_id > 2 order by path"
    ) == [
        (f"{hour.folder}/bad again.csv", 0, 15),
        (f"{hour.folder}/bad.csv", 4, 15),
        (f"{hour.plus(3).folder}/late.csv", 0, 15),
    ]
    assert pipeline.usage() == {("cohoes", hour.key): (24, 3)}
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 24


def test_every_content_that_was_loaded_under_the_path_is_withdrawn(pipeline: Pipeline, two_days_ago: datetime) -> None:
    hour = billed_hour(pipeline, two_days_ago)
    pipeline.land(hour, "bad.csv", readings("cohoes", hour, 1, 4, start=30))
    pipeline.run(hour)
    assert pipeline.usage() == {("cohoes", hour.key): (39, 6)}
    pipeline.clock.advance(minutes=1)
    withdrawal = withdraw(pipeline, f"{hour.folder}/bad.csv")
    assert (len(withdrawal.file_ids), withdrawal.readings) == (2, {"cohoes": 19})
    pipeline.run(hour)
    assert pipeline.usage() == {("cohoes", hour.key): (20, 2)}


@pytest.mark.parametrize(
    "change", ["update fridge.withdrawals set reason = 'another'", "delete from fridge.withdrawals"]
)
def test_a_withdrawal_can_be_neither_edited_nor_deleted(
    pipeline: Pipeline, two_days_ago: datetime, change: str
) -> None:
    hour = billed_hour(pipeline, two_days_ago)
    withdraw(pipeline, f"{hour.folder}/bad.csv")
    with (
        pipeline.database.connect() as connection,
        pytest.raises(psycopg.errors.DatabaseError, match=r"refused|denied"),
    ):
        connection.execute(change)
    assert pipeline.one("select reason from fridge.withdrawals") == "test bench"


def test_an_hour_that_stripe_was_told_20_of_and_that_is_wholly_withdrawn_is_restated_as_0(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 10)
    pipeline.run(hour)
    pipeline.clock.advance(minutes=1)
    withdraw(pipeline, f"{hour.folder}/a.csv")
    assert swept(pipeline, hour) == [hour]
    pipeline.clock.advance(minutes=1)
    pipeline.run(hour)
    assert pipeline.usage() == {}
    assert pipeline.rows("select value from fridge.meter_events where status = 'accepted'") == [(0,), (0,)]
    assert set(pipeline.stripe_totals("cohoes").values()) == {0}
    assert swept(pipeline, hour) == []


def test_withdrawing_the_only_file_of_a_never_billed_hour_bills_nothing_not_even_zero_and_closes_its_exception(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Missing is not zero."""
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("nobody", hour, 2, 10))
    pipeline.run(hour)
    open_exceptions = "select count(*) from fridge.exceptions where kind = 'unmapped' and closed_at is null"
    assert pipeline.one(open_exceptions) == 2
    pipeline.clock.advance(minutes=1)
    withdraw(pipeline, f"{hour.folder}/a.csv")
    pipeline.clock.advance(minutes=1)
    pipeline.run(hour)
    assert pipeline.one(open_exceptions) == 0
    pipeline.add_tenant("nobody")
    pipeline.run(hour)
    assert pipeline.one("select count(*) from fridge.meter_events") == 0
    assert pipeline.usage() == {}
    assert swept(pipeline, hour) == []


@pytest.mark.parametrize("clock_ahead_by", [timedelta(0), timedelta(hours=1)])
def test_a_count_that_has_read_before_the_withdrawal_and_writes_after_it_is_found_by_the_sweep(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch, clock_ahead_by: timedelta
) -> None:
    """Also when both bear the same time, or when the counting machine's clock is ahead."""
    hour = billed_hour(pipeline, two_days_ago)
    read = count.UsageReader.usage_of

    def withdrawn_right_after(reader: count.UsageReader, files: pl.DataFrame) -> pl.DataFrame:
        counted = read(reader, files)
        withdraw(pipeline, f"{hour.folder}/bad.csv")
        return counted

    counted_at = pipeline.clock() + clock_ahead_by
    count.count_usage(pipeline.database, HourRange(hour, hour), counted_at, [ACTIVE_SENSORS])
    monkeypatch.setattr(count.UsageReader, "usage_of", withdrawn_right_after)
    count.count_usage(pipeline.database, HourRange(hour, hour), counted_at, [INSERTED_COUNT])
    monkeypatch.undo()
    assert pipeline.usage()["cohoes", hour.key] == (35, 5), "the count had read before"
    assert swept(pipeline, hour) == [hour]
    pipeline.run(hour)
    assert pipeline.usage()["cohoes", hour.key] == (20, 2)
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 20
    assert swept(pipeline, hour) == []


def test_a_count_that_has_read_before_a_load_and_writes_after_it_is_found_by_the_sweep(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that loaded may die before it counts; the other count looks newer by the clock and is not."""
    hour = billed_hour(pipeline, two_days_ago)
    read = count.UsageReader.usage_of

    def loaded_right_after(reader: count.UsageReader, files: pl.DataFrame) -> pl.DataFrame:
        counted = read(reader, files)
        pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 7, start=70))
        pipeline.load(hour)
        return counted

    an_hour_on = pipeline.clock() + timedelta(hours=1)
    monkeypatch.setattr(count.UsageReader, "usage_of", loaded_right_after)
    count.count_usage(pipeline.database, HourRange(hour, hour), an_hour_on, [INSERTED_COUNT])
    monkeypatch.undo()
    assert swept(pipeline, hour) == [hour]
    pipeline.run(hour)
    assert pipeline.usage()["cohoes", hour.key] == (42, 6)
    assert swept(pipeline, hour) == []


def test_what_cannot_be_withdrawn_is_told_with_its_reason_and_changes_nothing(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = billed_hour(pipeline, two_days_ago)
    pipeline.land(hour, "copy.csv", readings("cohoes", hour, 2, 10))
    pipeline.run(hour)
    pipeline.land(hour, "new.csv", readings("cohoes", hour, 1, 1, start=50))
    withdraw(pipeline, f"{hour.folder}/bad.csv", "  test bench ")
    told = {
        f"{hour.folder}/bda.csv": (UnknownFileError, rf"was ever loaded.*Did you mean {hour.folder}/bad\.csv"),
        "good.csv": (UnknownFileError, rf"Did you mean {hour.folder}/good\.csv"),
        f"{hour.folder}/new.csv": (NotLoadedError, rf"has not been loaded.*fridge bill --from {hour} --to {hour}"),
        f"{hour.folder}/copy.csv": (NothingStoredError, "stored no readings .20 duplicates, 0 rejected"),
        f"{hour.folder}/bad.csv": (
            AlreadyWithdrawnError,
            r"already withdrawn at .* UTC by fridge \(ada\): test bench$",
        ),
    }
    for path, (error, text) in told.items():
        with pytest.raises(error, match=text):
            withdraw(pipeline, path)
    with pytest.raises(NoReasonError, match="say why"):
        withdraw(pipeline, f"{hour.folder}/good.csv", " ")
    assert pipeline.rows("select reason, withdrawn_by from fridge.withdrawals") == [("test bench", "ada")]
