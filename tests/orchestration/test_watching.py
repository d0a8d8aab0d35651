"""Laws of watching a large landing zone: hardly anything is listed, and nothing that arrives is missed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing_record import record_folder_versions
from fridge_pipeline.ingest.rules import landing_files
from fridge_pipeline.ingest.rules.landing_files import QUIET_AFTER, FolderVersion, LoadedListing
from fridge_pipeline.ingest.rules.losses import Strays
from fridge_pipeline.ingest.watch import watch_landing_zone
from tests.orchestration.ticks import schedule_tick, sensor_tick
from tests.pipeline import Pipeline, readings

HOURS = 5
LATER = timedelta(minutes=20)  # every folder has been quiet long enough


class WatchedLanding(LocalLanding):
    """The landing zone, with a note of the hours that were listed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listed: list[Hour] = []

    def fingerprint(self, hour: Hour, strays: Strays | None = None) -> str | None:
        self.listed.append(hour)
        return super().fingerprint(hour, strays)


class CoarseLanding(WatchedLanding):
    """A file system whose times are so coarse that no change of these minutes shows."""

    def folders(
        self, known: Collection[Hour] = (), after: Hour | None = None, strays: Strays | None = None
    ) -> dict[Hour, FolderVersion | None]:
        return {
            hour: FolderVersion("the same", version.changed_at) if version else None
            for hour, version in super().folders(known, after, strays).items()
        }


class TimelessLanding(WatchedLanding):
    """A store that keeps no version of a folder."""

    def folders(
        self, known: Collection[Hour] = (), after: Hour | None = None, strays: Strays | None = None
    ) -> dict[Hour, FolderVersion | None]:
        return dict.fromkeys(super().folders(known, after, strays))


def landed(pipeline: Pipeline, first: Hour) -> list[Hour]:
    """A few old hours of one loaded file each."""
    hours = [first.plus(step) for step in range(HOURS)]
    for hour in hours:
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 2))
    pipeline.load(hours[0], hours[-1])
    return hours


def watch(
    pipeline: Pipeline, zone: WatchedLanding, after: Hour | None = None, later: timedelta = LATER
) -> tuple[Mapping[Hour, str], Hour | None]:
    """What a tick finds pending, and where it stopped."""
    zone.listed.clear()
    now = pipeline.clock() + later
    grid = HourRange(Hour.containing(now).plus(-96), Hour.containing(now))
    watched = watch_landing_zone(pipeline.database, zone, grid, now, after)
    return watched.pending, watched.turn


@pytest.fixture
def hours(pipeline: Pipeline, two_days_ago: datetime) -> list[Hour]:
    return landed(pipeline, Hour(two_days_ago))


@pytest.fixture
def zone(pipeline: Pipeline) -> WatchedLanding:
    return WatchedLanding(pipeline.landing)


@pytest.fixture
def _news_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The zone is so large that none of these hours has its turn."""
    monkeypatch.setattr(landing_files, "NEWEST_FILES", 0)
    monkeypatch.setattr(landing_files, "ROTATING_FILES", 0)


@pytest.fixture
def quiet(pipeline: Pipeline, zone: WatchedLanding, hours: list[Hour], _news_only: None) -> list[Hour]:
    """Old hours that are loaded, and known to be."""
    assert watch(pipeline, zone) == ({}, None)
    assert zone.listed == hours
    return hours


def test_an_hour_whose_folder_is_as_it_was_loaded_is_not_listed_again(
    pipeline: Pipeline, zone: WatchedLanding, quiet: list[Hour]
) -> None:
    assert watch(pipeline, zone) == ({}, None)
    assert (zone.listed, len(quiet)) == ([], HOURS)


def keeping_the_folders_time(change: Callable[[Path], object]) -> Callable[[Path], object]:
    """The change, with the folder's modification time set back by hand as programs do that copy times."""

    def hidden(path: Path) -> None:
        before = path.parent.stat()
        change(path)
        os.utime(path.parent, ns=(before.st_atime_ns, before.st_mtime_ns))

    return hidden


def replace_by_rename(path: Path) -> None:
    """As rsync and most uploads do: written under a name that is not there yet, then renamed."""
    shutil.copy(path, path.with_name(".a.csv.part"))
    path.with_name(".a.csv.part").rename(path)


def move_in(path: Path) -> None:
    """Written elsewhere on the file system, long before."""
    elsewhere = path.parents[1] / "b.csv"
    shutil.copy(path, elsewhere)
    elsewhere.rename(path.with_name("b.csv"))


def replace_folder(path: Path) -> None:
    """Another folder, of the same times and with a file of the same name, under the hour's name."""
    folder, other = path.parent, path.parent.with_name("other")
    other.mkdir()
    (other / path.name).write_bytes(b"other content")
    os.utime(other, ns=(folder.stat().st_atime_ns, folder.stat().st_mtime_ns))
    folder.rename(folder.with_name("old"))
    other.rename(folder)


CHANGES: dict[str, Callable[[Path], object]] = {
    "added": lambda path: path.with_name("b.csv").write_bytes(path.read_bytes()),
    "renamed": lambda path: path.rename(path.with_name("c.csv")),
    "removed": lambda path: path.with_name("z.csv").unlink(),
    "replaced by a rename": replace_by_rename,
    "moved in": move_in,
    "in another folder of that name": replace_folder,
}


@pytest.mark.usefixtures("_news_only")
@pytest.mark.parametrize("hide", [lambda change: change, keeping_the_folders_time], ids=["", "and the time set back"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_file_that_is_added_removed_or_renamed_is_noticed_by_the_next_tick_whatever_the_hour(
    pipeline: Pipeline,
    zone: WatchedLanding,
    two_days_ago: datetime,
    change: Callable[[Path], object],
    hide: Callable[[Callable[[Path], object]], Callable[[Path], object]],
) -> None:
    pipeline.land(Hour(two_days_ago).plus(2), "z.csv", readings("cohoes", Hour(two_days_ago).plus(2), 1, 1))
    hours = landed(pipeline, Hour(two_days_ago))
    watch(pipeline, zone)
    hide(change)(pipeline.landing / hours[2].folder / "a.csv")

    pending, _ = watch(pipeline, zone)
    assert (list(pending), zone.listed) == ([hours[2]], [hours[2]])
    pipeline.load(hours[2])
    assert watch(pipeline, zone)[0] == {}
    assert watch(pipeline, zone)[0] == {}
    assert zone.listed == [], "once loaded it is quiet again"


def test_a_landing_folder_that_becomes_a_link_out_of_the_root_is_noticed_by_the_next_tick(
    pipeline: Pipeline, zone: WatchedLanding, quiet: list[Hour], tmp_path: Path
) -> None:
    folder = pipeline.landing / quiet[1].folder
    shutil.copytree(folder, tmp_path / "outside")
    shutil.rmtree(folder)
    folder.symlink_to(tmp_path / "outside")
    assert watch(pipeline, zone)[0] == {quiet[1]: "unlistable:ELOOP"}


@pytest.mark.usefixtures("quiet")
def test_a_new_hour_is_noticed_by_the_next_tick_and_listed_until_it_is_loaded(
    pipeline: Pipeline, zone: WatchedLanding, hours: list[Hour]
) -> None:
    new = hours[-1].plus(30)
    pipeline.land(new, "a.csv", readings("cohoes", new, 1, 1))
    for _ in range(3):
        assert list(watch(pipeline, zone)[0]) == [new]
        assert zone.listed == [new]


@pytest.mark.usefixtures("_news_only")
def test_a_file_that_lands_in_the_instant_of_the_listing_is_not_missed(pipeline: Pipeline, hours: list[Hour]) -> None:
    """Its folder looks as it did before, because file times are coarse: a folder that has just changed is listed."""
    coarse = CoarseLanding(pipeline.landing)
    changed_at = (pipeline.landing / hours[1].folder).stat().st_mtime
    soon = timedelta(seconds=changed_at - pipeline.clock().timestamp()) + QUIET_AFTER / 2
    assert watch(pipeline, coarse, later=soon)[0] == {}
    pipeline.land(hours[1], "b.csv", readings("cohoes", hours[1], 2, 2))
    assert list(watch(pipeline, coarse)[0]) == [hours[1]]


def test_a_file_that_lands_between_the_look_at_the_folder_and_its_listing_is_not_missed(
    pipeline: Pipeline, zone: WatchedLanding, quiet: list[Hour], monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = quiet[1]
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 2, 2))
    pipeline.load(hour)
    versions = zone.folders()
    pipeline.land(hour, "c.csv", readings("cohoes", hour, 3, 2))
    with monkeypatch.context() as patch:
        patch.setattr(zone, "folders", lambda *_: versions)
        assert list(watch(pipeline, zone)[0]) == [hour]
        pipeline.load(hour)
        assert watch(pipeline, zone)[0] == {}, "what is recorded is the older look at the folder"
    watch(pipeline, zone)
    assert zone.listed == [hour]


def test_a_file_rewritten_in_place_where_files_arrived_last_is_noticed_by_the_next_tick(
    pipeline: Pipeline, zone: WatchedLanding, quiet: list[Hour], monkeypatch: pytest.MonkeyPatch
) -> None:
    time.sleep(0.02)  # longer than a file system's clock takes to move on
    pipeline.land(quiet[3], "late.csv", readings("cohoes", quiet[3], 1, 1, start=9))
    pipeline.load(quiet[3])
    watch(pipeline, zone)
    monkeypatch.setattr(landing_files, "NEWEST_FILES", 2)
    pipeline.land(quiet[3], "late.csv", readings("cohoes", quiet[3], 2, 9, start=9))
    assert list(watch(pipeline, zone)[0]) == [quiet[3]]
    assert zone.listed == [quiet[3]]


def test_a_file_rewritten_in_place_in_an_old_hour_is_noticed_within_a_round_and_until_it_is_loaded(
    pipeline: Pipeline, zone: WatchedLanding, quiet: list[Hour], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_files, "ROTATING_FILES", 2)
    pipeline.land(quiet[3], "a.csv", readings("cohoes", quiet[3], 2, 9))
    rounds = []
    turn = None
    for _ in range(4):
        pending, turn = watch(pipeline, zone, turn)
        rounds.append((list(pending), list(zone.listed)))
    rewritten = [quiet[3]]
    assert rounds == [
        ([], quiet[:2]),
        (rewritten, quiet[2:4]),
        (rewritten, [quiet[0], *quiet[3:]]),
        (rewritten, quiet[1:4]),
    ]
    pipeline.load(quiet[3])
    assert watch(pipeline, zone)[0] == {}


def test_what_a_look_has_found_of_a_folder_does_not_outlive_a_load_of_another_listing(
    pipeline: Pipeline, zone: WatchedLanding, quiet: list[Hour]
) -> None:
    """Whether the load came after the look or during it."""
    hour = quiet[1]
    query = "select folder_version from fridge.landing_hours where landing_hour = %s"
    seen = LoadedListing(zone.fingerprint(hour) or "", pipeline.one(query, hour.start))
    assert seen.folder is not None
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 9))
    pipeline.load(hour)
    assert pipeline.one(query, hour.start) is None
    with pipeline.database.connect() as connection:
        record_folder_versions(connection, {hour: seen})
    assert pipeline.one(query, hour.start) is None


@pytest.mark.usefixtures("_news_only")
def test_a_store_that_keeps_no_folder_versions_is_listed_as_a_whole_each_time(
    pipeline: Pipeline, hours: list[Hour]
) -> None:
    timeless = TimelessLanding(pipeline.landing)
    for _ in range(3):
        assert watch(pipeline, timeless) == ({}, None)
        assert timeless.listed == hours
    pipeline.land(hours[0], "a.csv", readings("cohoes", hours[0], 2, 9))
    assert list(watch(pipeline, timeless)[0]) == [hours[0]]


def test_hours_that_have_not_begun_are_not_even_listed(
    pipeline: Pipeline, zone: WatchedLanding, quiet: list[Hour]
) -> None:
    future = quiet[-1].plus(24 * 30)
    pipeline.land(future, "a.csv", readings("cohoes", future, 1, 1))
    assert watch(pipeline, zone)[0] == {}
    assert zone.listed == []


@pytest.mark.usefixtures("_news_only")
def test_what_no_tick_has_noticed_hourly_billing_notices(
    definitions: dg.Definitions, pipeline: Pipeline, zone: WatchedLanding, hours: list[Hour]
) -> None:
    pipeline.add_tenant("cohoes")
    pipeline.run(hours[0], hours[-1])
    watch(pipeline, zone)
    pipeline.land(hours[3], "a.csv", readings("cohoes", hours[3], 2, 9))
    assert watch(pipeline, zone)[0] == {}
    with dg.DagsterInstance.ephemeral() as instance:
        (request,) = schedule_tick(definitions, instance, "hourly_billing")
    assert request.run_key is not None
    assert request.run_key.endswith(f":{hours[3].key}")


def test_the_sensor_goes_on_where_its_last_tick_stopped_and_survives_any_cursor(
    definitions: dg.Definitions, pipeline: Pipeline, hours: list[Hour], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_files, "QUIET_AFTER", timedelta(0))
    monkeypatch.setattr(landing_files, "NEWEST_FILES", 0)
    monkeypatch.setattr(landing_files, "ROTATING_FILES", 2)
    cursor: str | None = "set by hand"
    seen = []
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(5):
            cursor = sensor_tick(definitions, instance, "landing_sensor", cursor).cursor
            seen.append(cursor)
    assert pipeline.rows("select 1 from fridge.landing_hours where folder_version is null") == []
    assert seen == ["", hours[1].key, hours[3].key, hours[0].key, hours[2].key]
