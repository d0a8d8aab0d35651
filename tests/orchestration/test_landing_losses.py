"""What the landing zone hides is told by ticks and sweeps: hours ahead of now, strays, and files that are all gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta

import dagster as dg
import pytest

from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.ingest.landing.landing_errors import LandingRootGoneError
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.watch import watch_landing_zone
from tests.orchestration.ticks import schedule_tick, sensor_tick
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

Look = Callable[[Pipeline], object]

OPEN = "select kind, hour from fridge.exceptions where closed_at is null order by kind, hour"


def tick(pipeline: Pipeline, zone: LandingZone | None = None) -> list[Hour]:
    """What a tick of the sensor looks at; returns the pending hours."""
    now = pipeline.clock()
    grid = HourRange(Hour.containing(now).plus(-400), Hour.containing(now))
    return list(watch_landing_zone(pipeline.database, zone or LocalLanding(pipeline.landing), grid, now).pending)


def sweep(pipeline: Pipeline, zone: LandingZone | None = None) -> None:
    """What the hourly sweep and ``fridge bill`` look at."""
    now = pipeline.clock()
    grid = HourRange(Hour.containing(now).plus(-400), Hour.containing(now))
    used = zone or LocalLanding(pipeline.landing)
    find_hours_to_bill(pipeline.as_run(), used, grid, CLOSE_AFTER, is_sweep=True)


def land(pipeline: Pipeline, hour: Hour, name: str = "a.csv") -> None:
    pipeline.land(hour, name, readings("cohoes", hour, 1, 2))


def now(pipeline: Pipeline) -> Hour:
    return Hour.containing(pipeline.clock())


@pytest.mark.parametrize("look", [tick, sweep])
def test_a_folder_ahead_of_now_is_told_until_its_hour_has_come_and_its_files_are_loaded(
    pipeline: Pipeline, look: Look
) -> None:
    near, far = now(pipeline).plus(9), Hour.from_folder("2062-01-01/05")
    land(pipeline, near)
    land(pipeline, far)
    land(pipeline, far, "b.csv")
    look(pipeline)
    assert pipeline.rows(OPEN) == [("future_hour", near.start), ("future_hour", far.start)]
    (detail,) = (text for (text,) in pipeline.rows("select detail from fridge.exceptions where hour = %s", far.start))
    size = sum(file.stat().st_size for file in (pipeline.landing / far.folder).iterdir())
    assert f"holds 2 files of {size} bytes" in detail
    pipeline.clock.advance(hours=9)
    look(pipeline)
    assert ("future_hour", near.start) in pipeline.rows(OPEN), "its hour has come, and its file is not loaded"
    pipeline.load(near)
    look(pipeline)
    assert pipeline.rows(OPEN) == [("future_hour", far.start)]


@pytest.mark.parametrize("look", [tick, sweep])
def test_a_folder_ahead_of_now_is_over_when_it_is_gone_and_nothing_when_it_is_empty(
    pipeline: Pipeline, look: Look
) -> None:
    ahead = now(pipeline).plus(24)
    (pipeline.landing / ahead.folder).mkdir(parents=True)
    look(pipeline)
    assert pipeline.rows(OPEN) == []
    land(pipeline, ahead)
    look(pipeline)
    assert pipeline.rows(OPEN) == [("future_hour", ahead.start)]
    shutil.rmtree(pipeline.landing / ahead.folder)
    look(pipeline)
    assert pipeline.rows(OPEN) == []


@pytest.mark.parametrize("look", [tick, sweep])
def test_strays_below_a_folder_ahead_of_now_are_told_by_the_look_that_tells_it_and_when_they_come_later(
    pipeline: Pipeline, look: Look
) -> None:
    ahead = now(pipeline).plus(9)
    land(pipeline, ahead)
    (pipeline.landing / ahead.folder / "gateway-7").mkdir()
    (pipeline.landing / ahead.plus(1).folder / "gateway-7").mkdir(parents=True)
    look(pipeline)
    strays = [("stray_files", hour.start) for hour in (ahead, ahead.plus(1))]
    assert pipeline.rows(OPEN) == [("future_hour", ahead.start), *strays]
    for hour in (ahead, ahead.plus(1)):
        (pipeline.landing / hour.folder / "gateway-7").rmdir()
    look(pipeline)
    assert pipeline.rows(OPEN) == [("future_hour", ahead.start)]
    (pipeline.landing / ahead.folder / "gateway-8").mkdir()
    look(pipeline)
    assert pipeline.rows(OPEN) == [("future_hour", ahead.start), strays[0]]


def test_a_gateway_whose_clock_is_three_minutes_ahead_names_no_hour_of_the_future(pipeline: Pipeline) -> None:
    pipeline.clock.now = now(pipeline).end - timedelta(minutes=3)
    land(pipeline, now(pipeline).plus(1))
    tick(pipeline)
    sweep(pipeline)
    assert pipeline.rows(OPEN) == []
    pipeline.clock.advance(minutes=-4)
    tick(pipeline)
    assert [kind for kind, _ in pipeline.rows(OPEN)] == ["future_hour"]


@pytest.mark.parametrize("look", [tick, sweep])
def test_strays_are_one_exception_with_their_names_and_number_until_they_are_gone(
    pipeline: Pipeline, look: Look
) -> None:
    land(pipeline, now(pipeline))
    for number in range(12):
        (pipeline.landing / f"stray-{number:02d}.csv").write_text("x")
    (pipeline.landing / now(pipeline).folder / "gateway-7").mkdir()
    look(pipeline)
    details = [text for (text,) in pipeline.rows("select detail from fridge.exceptions order by subject")]
    assert details[0].startswith("a file or folder in folders below the landing hour")
    assert details[1].endswith("stray-08.csv, stray-09.csv and 2 more")
    for stray in pipeline.landing.glob("stray-*"):
        stray.unlink()
    look(pipeline)
    assert pipeline.one("select count(*) from fridge.exceptions where closed_at is null") == 1
    (pipeline.landing / now(pipeline).folder / "gateway-7").rmdir()
    look(pipeline)
    assert pipeline.rows(OPEN) == []


@pytest.mark.parametrize("look", [tick, sweep])
def test_strays_below_each_hour_are_over_with_that_hour_and_whatever_became_of_it(
    pipeline: Pipeline, look: Look
) -> None:
    """Emptied, removed with its hour, or with its whole date; the hour loaded or not."""
    loaded, emptied, removed, of_old_date = (now(pipeline).plus(-each) for each in (30, 31, 32, 80))
    for hour in (loaded, emptied, removed, of_old_date):
        (pipeline.landing / hour.folder / "gateway-7").mkdir(parents=True)
    land(pipeline, loaded)
    pipeline.load(loaded)
    sweep(pipeline)
    told = [("stray_files", hour.start) for hour in (of_old_date, removed, emptied, loaded)]
    assert pipeline.rows(OPEN) == told
    (pipeline.landing / loaded.folder / "gateway-7").rmdir()
    look(pipeline)
    assert pipeline.rows(OPEN) == told[:3]
    (pipeline.landing / emptied.folder / "gateway-7").rmdir()
    shutil.rmtree(pipeline.landing / removed.folder)
    look(pipeline)
    assert pipeline.rows(OPEN) == told[:1]
    shutil.rmtree((pipeline.landing / of_old_date.folder).parent)
    look(pipeline)
    assert pipeline.rows(OPEN) == []


@pytest.mark.parametrize("look", [tick, sweep])
def test_a_landing_zone_in_which_no_known_hour_is_left_is_told_until_they_are_back(
    pipeline: Pipeline, look: Look
) -> None:
    hours = [now(pipeline).plus(-each) for each in (40, 41, 60)]
    for hour in hours:
        land(pipeline, hour)
    pipeline.load(hours[-1], hours[0])
    look(pipeline)
    assert pipeline.rows(OPEN) == []
    away = pipeline.landing.rename(pipeline.landing.with_name("away"))
    pipeline.landing.mkdir()  # the mount is gone, and its mount point is empty
    look(pipeline)
    assert pipeline.rows(OPEN) == [("landing_vanished", None)]
    assert hours[0].key in pipeline.one("select detail from fridge.exceptions")
    land(pipeline, now(pipeline), "canary.csv")  # gateways and the canary go on, into the mount point
    pipeline.load(now(pipeline))
    for _ in range(3):
        pipeline.clock.advance(hours=1)
        look(pipeline)
        assert pipeline.rows(OPEN) == [("landing_vanished", None)]
    shutil.rmtree(pipeline.landing)
    away.rename(pipeline.landing)
    look(pipeline)
    assert pipeline.rows(OPEN) == []


@pytest.mark.parametrize("look", [tick, sweep])
def test_single_hours_that_are_archived_and_a_fresh_landing_zone_are_quiet(pipeline: Pipeline, look: Look) -> None:
    look(pipeline)
    hours = [now(pipeline).plus(-each) for each in (2, 30, 60)]
    for hour in hours:
        land(pipeline, hour)
    pipeline.load(hours[-1], hours[0])
    for hour in hours[1:]:
        shutil.rmtree(pipeline.landing / hour.folder)
        look(pipeline)
    pipeline.clock.advance(days=8)
    shutil.rmtree(pipeline.landing / hours[0].folder)
    look(pipeline)
    assert pipeline.rows("select * from fridge.exceptions") == []


def test_a_root_that_is_a_folder_too_deep_or_gone_is_told_by_the_tick(pipeline: Pipeline) -> None:
    hour = now(pipeline).plus(-30)
    land(pipeline, hour)
    pipeline.load(hour)
    tick(pipeline, LocalLanding(pipeline.landing / hour.folder.partition("/")[0]))
    assert sorted(kind for kind, _ in pipeline.rows(OPEN)) == ["landing_vanished", "stray_files"]
    tick(pipeline)
    assert pipeline.rows(OPEN) == []
    for look in (tick, sweep):
        with pytest.raises(LandingRootGoneError):
            look(pipeline, LocalLanding(pipeline.landing / "nowhere"))
        assert pipeline.rows(OPEN) == [("landing_vanished", None)]


def test_the_sensor_and_hourly_billing_tell_it_by_themselves(definitions: dg.Definitions, pipeline: Pipeline) -> None:
    land(pipeline, now(pipeline).plus(9))
    with dg.DagsterInstance.ephemeral() as instance:
        sensor_tick(definitions, instance, "landing_sensor")
        assert [kind for kind, _ in pipeline.rows(OPEN)] == ["future_hour"]
        (pipeline.landing / "2026").mkdir()
        schedule_tick(definitions, instance, "hourly_billing")
        assert [kind for kind, _ in pipeline.rows(OPEN)] == ["future_hour", "stray_files"]
