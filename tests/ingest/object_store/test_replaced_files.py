"""Another mount or prefix with the same hours and other files is not billed: law L5, in a folder and in a bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.ingest.landing.zone import LandingZone, open_landing_zone
from fridge_pipeline.ingest.watch import LandingWatch, watch_landing_zone
from fridge_pipeline.operations.check_health import check_landing
from fridge_pipeline.operations.rules.health_check import Grade, HealthCheck
from fridge_pipeline.reason_terms import How
from tests.ingest.object_store.conftest import Bucket
from tests.pipeline import CLOSE_AFTER, Pipeline, csv_of, readings

OPEN = "select kind, detail from fridge.exceptions where closed_at is null order by kind"
STORED = "select count(*) from fridge.readings"


@dataclass
class Places:
    """Landing zones by name, all in one folder or all in one bucket."""

    parent: Path | Bucket
    pipeline: Pipeline

    def zone(self, name: str) -> LandingZone:
        """As ``FRIDGE_LANDING_URI`` would name it."""
        where = self.parent
        return open_landing_zone(str(where / name) if isinstance(where, Path) else f"s3://{where.name}/{name}")

    def land(self, name: str, hour: Hour, file: str, tenant: str = "cohoes", sensors: int = 1) -> None:
        """One file of two readings of each of a tenant's sensors."""
        body = csv_of(readings(tenant, hour, sensors, 2))
        if isinstance(self.parent, Bucket):
            self.parent.server.put(self.parent.name, f"{name}/{hour.folder}/{file}", body)
        else:
            path = self.parent / name / hour.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)

    def remove(self, name: str, hour: Hour, file: str) -> None:
        """Takes one away."""
        if isinstance(self.parent, Bucket):
            self.parent.server.delete(self.parent.name, f"{name}/{hour.folder}/{file}")
        else:
            (self.parent / name / hour.folder / file).unlink()

    def use(self, name: str) -> None:
        """What loads read from now on."""
        self.pipeline.zone = self.zone(name)

    def tick(self) -> LandingWatch:
        """What the sensor sees."""
        pipeline, now = self.pipeline, self.pipeline.clock()
        assert pipeline.zone is not None
        return watch_landing_zone(pipeline.database, pipeline.zone, grid_of(pipeline), now)

    def sweep(self) -> list[Hour]:
        """What hourly_billing and ``fridge bill`` look at."""
        run, zone, grid = self.pipeline.as_run(), self.pipeline.zone, grid_of(self.pipeline)
        assert zone is not None
        return find_hours_to_bill(run, zone, grid, CLOSE_AFTER, is_sweep=True)

    def doctor(self) -> list[HealthCheck]:
        """What ``fridge doctor`` says of it."""
        assert self.pipeline.zone is not None
        return list(check_landing(self.pipeline.database, self.pipeline.zone, "here", self.pipeline.clock()))


def grid_of(pipeline: Pipeline) -> HourRange:
    now = Hour.containing(pipeline.clock())
    return HourRange(now.plus(-400), now)


@pytest.fixture(params=["folder", "bucket"])
def places(request: pytest.FixtureRequest, pipeline: Pipeline, tmp_path: Path) -> Places:
    found = Places(request.getfixturevalue("bucket") if request.param == "bucket" else tmp_path / "zones", pipeline)
    found.use("ours")
    return found


@pytest.fixture
def hours(pipeline: Pipeline) -> list[Hour]:
    now = Hour.containing(pipeline.clock())
    return [now.plus(-each) for each in (60, 41, 40, 3)]


Look = Callable[[Places], object]
LOOKS = [Places.tick, Places.sweep, lambda places: places.pipeline.load(*ends(places))]


def ends(places: Places) -> tuple[Hour, Hour]:
    """All ``hours`` and more, however often an hour has struck since they were chosen."""
    now = Hour.containing(places.pipeline.clock())
    return now.plus(-70), now


def loaded(places: Places, hours: list[Hour]) -> int:
    """Three gateways and a canary deliver each hour, and all is loaded; returns the readings."""
    for hour in hours:
        for gateway in ("a", "b", "c"):
            places.land("ours", hour, f"{gateway}.csv", f"tenant-{gateway}")
        places.land("ours", hour, "canary.csv", "canary")
    places.pipeline.load(*ends(places))
    return int(places.pipeline.one(STORED))


@pytest.mark.parametrize("look", LOOKS, ids=["tick", "sweep", "load"])
def test_nothing_of_another_zone_with_the_same_hours_is_loaded_and_all_of_ours_is_once_it_is_back(
    places: Places, hours: list[Hour], look: Look
) -> None:
    stored = loaded(places, hours)
    assert stored == 4 * 4 * 2
    new = hours[-1].plus(1)  # neither of an hour that nobody knows
    for hour in (*hours, new):
        places.land("theirs", hour, "x.csv", "stranger")
        places.land("theirs", hour, "canary.csv", "canary")  # which each installation has under this name
    places.use("theirs")
    look(places)
    ((kind, detail),) = [row for row in places.pipeline.rows(OPEN) if row[0] != "load_failed"]
    assert kind == "landing_replaced"
    assert detail.startswith(f"4 hours of the 4 that were loaded last, the newest {hours[-1].key}, hold other files")
    watched = places.tick()
    assert (watched.pending, watched.wrong) == ({}, detail)
    assert [(check.grade, check.text) for check in places.doctor()] == [(Grade.WRONG, detail)]
    loads = places.pipeline.load(*ends(places))
    assert {load.hour for load in loads if load.failure} == {*hours, new}
    assert places.pipeline.one(STORED) == stored
    places.use("ours")
    places.land("ours", hours[0], "late.csv", "late")
    pending = set(places.sweep())
    assert pending == {*hours, new}, "what was not loaded is tried again, be it gone by now"
    places.pipeline.load(min(pending), max(pending))
    assert places.pipeline.rows(OPEN) == []
    assert places.pipeline.one(STORED) == stored + 2


def test_what_is_meant_is_loaded_once_a_person_has_settled_it(places: Places, hours: list[Hour]) -> None:
    stored = loaded(places, hours)
    for hour in hours:
        places.land("moved", hour, "all.csv", "more")
    places.use("moved")
    places.sweep()
    exception_id = places.pipeline.one("select exception_id from fridge.exceptions where closed_at is null")
    places.pipeline.clock.advance(minutes=1)
    settle_exceptions(places.pipeline.as_run(), [exception_id], Decision(How.NO_LOSS, "moved to another bucket"))
    places.pipeline.clock.advance(minutes=1)
    assert sorted(places.tick().pending) == hours
    places.pipeline.load(*ends(places))
    assert places.pipeline.one(STORED) == stored + 4 * 2
    for look in (places.tick, places.sweep):
        look()
        assert places.pipeline.rows(OPEN) == []
    places.use("ours")  # whose files are known
    places.tick()
    assert places.pipeline.rows(OPEN) == []


@pytest.mark.parametrize("look", LOOKS, ids=["tick", "sweep", "load"])
def test_nothing_of_another_zone_with_the_same_names_is_loaded_unless_a_person_has_settled_it(
    places: Places, hours: list[Hour], look: Look
) -> None:
    stored = loaded(places, hours)
    new = hours[-1].plus(1)
    for hour in (*hours[1:], new):  # an hour that they have not is no sign of ours
        for gateway in ("a", "b", "c", "canary"):
            places.land("theirs", hour, f"{gateway}.csv", "canary" if gateway == "canary" else "stranger")
    places.use("theirs")
    look(places)
    ((kind, detail),) = [row for row in places.pipeline.rows(OPEN) if row[0] != "load_failed"]
    assert kind == "landing_replaced"
    assert detail.startswith(f"3 hours of the 4 that were loaded last, the newest {hours[-1].key}, hold other files")
    assert places.tick().pending == {}
    places.pipeline.load(*ends(places))
    assert places.pipeline.one(STORED) == stored
    places.use("ours")
    places.tick()
    assert "landing_replaced" not in {kind for kind, _ in places.pipeline.rows(OPEN)}
    places.use("theirs")
    places.tick()
    (exception_id,) = places.pipeline.rows(
        "select exception_id from fridge.exceptions where closed_at is null and kind = 'landing_replaced'"
    )[0]
    places.pipeline.clock.advance(minutes=1)
    settle_exceptions(places.pipeline.as_run(), [exception_id], Decision(How.NO_LOSS, "all sensors have new names"))
    places.pipeline.clock.advance(minutes=1)
    places.pipeline.load(*ends(places))
    assert places.pipeline.one(STORED) == stored + 4 * 2 + 2  # and the canary's new hour
    assert places.pipeline.rows(OPEN) == []


@pytest.mark.parametrize("sensors", [2, 1], ids=["corrected", "copied"])
def test_files_that_were_all_corrected_or_copied_are_loaded(places: Places, hours: list[Hour], sensors: int) -> None:
    """All of them at once: corrected ones have a sensor that is known, copied ones have their content."""
    stored = loaded(places, hours)
    for hour in hours:
        for gateway in ("a", "b", "c"):
            places.land("copy", hour, f"{gateway}.csv", f"tenant-{gateway}", sensors)
    places.land("copy", hours[0], "late.csv", "late")
    places.use("copy")
    assert hours[0] in places.tick().pending
    places.pipeline.load(*ends(places))
    assert places.pipeline.rows(OPEN) == []
    assert places.pipeline.one(STORED) == stored + 2 + 4 * 3 * 2 * (sensors - 1)


def test_of_two_hours_with_other_files_among_intact_ones_only_these_wait(places: Places, hours: list[Hour]) -> None:
    stored = loaded(places, hours)
    for hour in hours[:2]:
        for file in ("a.csv", "b.csv", "c.csv"):
            places.remove("ours", hour, file)
        places.land("ours", hour, "x.csv", "stranger")
    places.land("ours", hours[2], "late.csv", "late")
    assert list(places.tick().pending) == [hours[2]]
    places.pipeline.load(*ends(places))
    assert places.pipeline.one(STORED) == stored + 2
    for _ in range(9):  # and for longer than the seven days in which files are expected
        places.pipeline.clock.advance(days=1)
        places.land("ours", Hour.containing(places.pipeline.clock()).plus(-3), "a.csv")
        places.pipeline.load(Hour.containing(places.pipeline.clock()).plus(-3))
    places.pipeline.load(hours[0], hours[1])
    assert places.pipeline.one(STORED) == stored + 2 + 9 * 2


def test_what_gateways_archives_and_retention_do_is_loaded(places: Places, hours: list[Hour]) -> None:
    """One hour gets a file under another name, files are replaced, some are removed, a new one comes late."""
    stored = loaded(places, hours)
    for file in ("a.csv", "b.csv", "c.csv"):
        places.remove("ours", hours[0], file)
    places.land("ours", hours[0], "all.csv", "compacted")
    for hour in hours[1:3]:
        for file in ("a.csv", "b.csv"):
            places.land("ours", hour, file, "rewritten")
    places.tick()
    assert places.pipeline.rows(OPEN) == []
    assert len([load for load in places.pipeline.load(*ends(places)) if load.failure]) == 0
    assert places.pipeline.one(STORED) == stored + 3 * 2
    for file in ("a.csv", "b.csv", "c.csv", "canary.csv"):
        places.remove("ours", hours[1], file)
    places.land("ours", hours[1], "late.csv", "late")
    for look in (places.tick, places.sweep):
        look()
        assert places.pipeline.rows(OPEN) == []
    places.pipeline.load(hours[1])
    assert places.pipeline.one(STORED) == stored + 4 * 2


def test_with_one_hour_that_shows_other_files_and_none_that_shows_its_own_nothing_is_loaded(
    places: Places, hours: list[Hour]
) -> None:
    stored = loaded(places, hours)
    places.land("theirs", hours[1], "x.csv", "stranger")
    places.land("theirs", hours[-1].plus(1), "x.csv", "stranger")
    places.use("theirs")
    assert places.tick().pending == {}
    places.pipeline.load(*ends(places))
    assert places.pipeline.one(STORED) == stored


def test_a_lost_mount_into_which_gateways_go_on_delivering_is_loaded(places: Places, hours: list[Hour]) -> None:
    """The hour in which it was lost shows other files too: they are what is delivered."""
    now = Hour.containing(places.pipeline.clock())
    stored = loaded(places, [*hours, now])
    places.use("mount-point")
    places.land("mount-point", now, "later.csv", "cohoes")
    places.tick()
    assert [kind for kind, _ in places.pipeline.rows(OPEN)] == ["landing_vanished"]
    places.pipeline.load(now)
    assert places.pipeline.one(STORED) == stored + 2
