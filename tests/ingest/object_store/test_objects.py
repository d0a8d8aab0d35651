"""Laws of a landing zone in an object store, on a real S3 API over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.embedded.logins import ServerAddress
from fridge_pipeline.ingest.landing import object_bytes, objects
from fridge_pipeline.ingest.landing.landing_errors import LandingFileChangedError, LandingFileVanishedError
from fridge_pipeline.ingest.landing.objects import ObjectLanding
from fridge_pipeline.ingest.landing_record import record_folder_versions, record_landing_hour
from fridge_pipeline.ingest.rules import landing_files
from fridge_pipeline.ingest.rules.landing_files import LoadedListing, plan_listing
from fridge_pipeline.ingest.rules.losses import Strays
from fridge_pipeline.ingest.watch import find_landing_news, watch_landing_zone
from fridge_pipeline.orchestration.own_environment import settle_environment
from tests.conftest import fresh_database
from tests.ingest.object_store.conftest import Bucket
from tests.ingest.object_store.s3_server import FIRST, running_s3
from tests.pipeline import Clock, Pipeline, as_frame, csv_of, readings
from tests.sandbox_process import SandboxProcess

HOUR = Hour.from_key("2026-01-24-18:00")


@contextmanager
def pipeline_of(server: ServerAddress, sandbox: SandboxProcess, folder: Path, clock: Clock) -> Iterator[Pipeline]:
    with fresh_database(server) as database:
        yield Pipeline(database, sandbox, folder / "landing", folder / "work", clock)


def delivered(folder: Path, hour: Hour) -> dict[str, bytes]:
    """An hour of files in several formats, with a duplicate, a rejected row and a file that is none."""
    rows = readings("ada", hour, sensors=3, per_sensor=4)
    as_frame(readings("bob", hour, 2, 5)).write_parquet(folder / "b.parquet")
    as_frame(readings("ada", hour, 2, 5, start=7)).write_ndjson(folder / "c.ndjson")
    files = {name: (folder / name).read_bytes() for name in ("b.parquet", "c.ndjson")}
    return {
        **files,
        "a.csv": csv_of(rows),
        "again.csv": csv_of(rows[:5]) + b"ada,s1,yesterday,4\n",
        "empty.csv": b"",
        "photo.jpg": b"\xff\xd8",
        "half.csv.part": csv_of(rows),
    }


BOOKS = (
    "select path, content_hash, row_count, inserted_count, duplicate_count, rejected_count from fridge.landing_files",
    "select path, line, reason, raw from fridge.rejected_readings",
    "select tenant_id, hour, inserted_count from fridge.inserted_counts",
    "select tenant_id, hour, active_sensors from fridge.active_sensors",
    "select kind, hour, subject, detail from fridge.exceptions",
    "select event_name, tenant_id, hour, revision, value, status from fridge.meter_events",
)


def test_an_hour_billed_from_s3_is_in_every_book_what_it_is_from_local_files(
    server: ServerAddress,
    stripe_sandbox: SandboxProcess,
    bucket: Bucket,
    tmp_path: Path,
    clock: Clock,
) -> None:
    hour = Hour.containing(clock.now - timedelta(days=2))
    files = delivered(tmp_path, hour)
    books = {}
    for name in ("local", "s3"):
        folder = tmp_path / name
        stripe_sandbox.reset()
        with pipeline_of(server, stripe_sandbox, folder, clock) as pipeline:
            pipeline.add_tenant("ada")
            pipeline.add_tenant("bob")
            for file, body in files.items():
                if name == "s3":
                    bucket.land(hour, file, body)
                else:
                    pipeline.land(hour, file, body)
            pipeline.zone = bucket.zone if name == "s3" else None
            pipeline.run(hour)
            books[name] = [sorted(pipeline.rows(query), key=str) for query in BOOKS]
            books[name].append([(pipeline.stripe_totals(tenant),) for tenant in ("ada", "bob")])
            assert list((folder / "work").iterdir()) == []

    assert books["s3"] == books["local"]
    assert [row[2] for row in books["s3"][2]] == [12 + 10, 10]


def test_unfinished_nested_and_folder_objects_are_not_there_and_any_other_name_is_found_again(
    bucket: Bucket, tmp_path: Path
) -> None:
    names = ["b%20 c.csv", "back\\slash.csv", "r%41w*~.csv", "ü #x?.csv", "👻.csv", "readings.xlsx"]
    for name in [*names, ".a.csv", "_b.csv", "c.csv.tmp", "d.csv.PART", "deeper/e.csv", "", "../18/f.csv.tmp"]:
        if not name.startswith(".."):
            bucket.land(HOUR, name, name.encode())
    bucket.server.put(bucket.name, "landing/2026-01-24/24/a.csv", b"")
    bucket.server.put(bucket.name, "landing/readme.txt", b"")
    bucket.server.put(bucket.name, f"landing-of-others/{HOUR.folder}/a.csv", b"")
    zone = bucket.zone

    files = zone.listing(HOUR).files

    assert [file.name for file in files] == sorted(name.replace("\\", "\\\\") for name in names)
    for file in files:
        with zone.snapshot(file, tmp_path) as copy:
            assert copy.path.read_bytes().decode() == file.name.replace("\\\\", "\\")
    assert list(zone.hours()) == list(zone.folders()) == [HOUR]
    assert zone.hours()[HOUR] == zone.fingerprint(HOUR) == zone.listing(HOUR).fingerprint
    assert (zone.fingerprint(HOUR) or "").startswith("6:")


def test_a_fingerprint_changes_with_every_object_that_comes_goes_or_is_rewritten(bucket: Bucket) -> None:
    seen = [bucket.zone.fingerprint(HOUR)]
    changes: list[Callable[[], None]] = [
        lambda: bucket.land(HOUR, "a.csv", b"1"),
        lambda: bucket.land(HOUR, "b.csv", b"1"),
        lambda: bucket.land(HOUR, "b.csv", b"2"),
        lambda: bucket.remove(HOUR, "a.csv"),
        lambda: bucket.land(HOUR, "a.csv", b"2"),
    ]
    for change in changes:
        change()
        seen.append(bucket.zone.fingerprint(HOUR))
    bucket.land(HOUR, "c.csv.part", b"")

    assert len(set(seen)) == len(seen)
    assert bucket.zone.fingerprint(HOUR) == seen[-1]


def test_an_object_is_read_in_parts_and_hashed_whole(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_bytes, "PART_BYTES", 1_000)
    body = bytes(range(256)) * 15 + b"end"
    bucket.land(HOUR, "a.csv", body)
    (file,) = bucket.zone.listing(HOUR).files
    before = len(bucket.server.requests())

    with bucket.zone.snapshot(file, tmp_path) as copy:
        assert copy.path.read_bytes() == body
    assert copy.size == file.size == len(body)
    assert len(bucket.server.requests()) - before == -(-len(body) // 1_000)


@pytest.mark.parametrize("then", [b"another, longer", b"1\n2\n", b""])
def test_an_object_rewritten_after_it_was_listed_is_not_read_as_what_was_listed(
    bucket: Bucket, tmp_path: Path, then: bytes
) -> None:
    bucket.land(HOUR, "a.csv", b"1\n1\n")
    (file,) = bucket.zone.listing(HOUR).files
    bucket.land(HOUR, "a.csv", then)

    with pytest.raises(LandingFileChangedError, match=r"2026-01-24/18/a\.csv"):
        bucket.zone.snapshot(file, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("then", [b"2" * 3_000, b"2"])
def test_nor_is_one_that_is_rewritten_while_it_is_read(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: bytes
) -> None:
    monkeypatch.setattr(object_bytes, "PART_BYTES", 1_000)
    bucket.land(HOUR, "a.csv", b"1" * 3_000)
    zone = bucket.zone
    (file,) = zone.listing(HOUR).files
    part = object_bytes.ObjectBytes._part

    def rewritten_after_the_first(source: object_bytes.ObjectBytes, bytes_max: int) -> memoryview:
        answer = part(source, bytes_max)
        bucket.land(HOUR, "a.csv", then)
        return answer

    monkeypatch.setattr(object_bytes.ObjectBytes, "_part", rewritten_after_the_first)
    with pytest.raises(LandingFileChangedError):
        zone.snapshot(file, tmp_path)
    assert list(tmp_path.iterdir()) == []


class Meddling(ObjectLanding):
    """A zone in which something happens between the listing of an hour and the first look at a file."""

    def __init__(self, uri: str, meddle: Any) -> None:
        super().__init__(uri)
        self._meddle = meddle

    def listing(self, hour: Hour, known: str | None = None, strays: Strays | None = None) -> Any:
        listed = super().listing(hour, known, strays)
        self._meddle()
        return listed


def test_an_object_that_vanishes_or_changes_after_it_was_listed_is_noticed_and_read_at_the_next_look(
    bucket: Bucket, pipeline: Pipeline
) -> None:
    rows = readings("ada", HOUR, 1, 6)
    for name in ("gone.csv", "new.csv", "stays.csv"):
        bucket.land(HOUR, name, csv_of(rows[:2]))
    (gone, *_) = bucket.zone.listing(HOUR).files

    def meddle() -> None:
        bucket.remove(HOUR, "gone.csv")
        bucket.land(HOUR, "new.csv", csv_of(rows))

    pipeline.zone = Meddling(bucket.uri, meddle)
    (first,) = pipeline.load(HOUR)
    assert [Path(file.path).name for file in first.loaded] == ["stays.csv"]
    grid = HourRange(HOUR, HOUR)
    assert HOUR in watch_landing_zone(pipeline.database, bucket.zone, grid, pipeline.clock()).pending

    pipeline.zone = bucket.zone
    (second,) = pipeline.load(HOUR)
    assert [(Path(file.path).name, file.inserted_count) for file in second.loaded] == [("new.csv", 4)]
    assert watch_landing_zone(pipeline.database, bucket.zone, grid, pipeline.clock()).pending == {}
    assert pipeline.rows("select kind from fridge.exceptions") == []
    with pytest.raises(LandingFileVanishedError):
        bucket.zone.snapshot(gone, pipeline.workspace)


@pytest.mark.prove
def test_a_tick_over_5_000_objects_asks_for_few_pages_and_misses_nothing_that_arrives(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = 100
    with running_s3(tmp_path, "many", objects=5_000, hours=hours) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        bucket = Bucket(server, "many")
        first = Hour(FIRST)
        grid = HourRange(first, first.plus(400))
        now = grid.last.end
        with pipeline.database.connect() as connection:
            listed = find_landing_news(connection, bucket.zone, grid).pending
            assert server.listings() == 5  # a sweep: a page for each 1,000 objects, whatever hours they are in
            for hour, fingerprint in listed.items():
                record_landing_hour(connection, hour, fingerprint, [], now)
            loaded = {hour: LoadedListing(fingerprint, objects.NO_VERSION) for hour, fingerprint in listed.items()}
            record_folder_versions(connection, loaded)
        assert len(listed) == hours

        watched = watch_landing_zone(pipeline.database, bucket.zone, grid, now)
        dates = 1 + objects.NEWEST_DATES + objects.DATES_IN_TURN
        assert watched.pending == {}
        pages = landing_files.NEWEST_PAGES + landing_files.ROTATING_PAGES
        assert server.listings() - 5 == dates + pages  # the newest hours, and some in turn

        assert watched.turn is not None, "where the next tick goes on: the test below goes all the way round"
        late, new = watched.turn.plus(landing_files.ROTATING_PAGES), first.plus(300)
        bucket.land(late, "late.csv", b"1")
        bucket.land(new, "new.csv", b"1")
        found: set[Hour] = set()
        for _ in range(2):
            watched = watch_landing_zone(pipeline.database, bucket.zone, grid, now, watched.turn)
            found |= set(watched.pending)
        assert found == {late, new}


def test_a_tick_without_news_over_a_million_objects_in_720_hours_asks_twenty_times_at_most_and_goes_round() -> None:
    hours = [HOUR.plus(number) for number in range(720)]
    versions = {hour: objects.version_of(hour) for hour in hours}
    loaded = {hour: LoadedListing("1389:ab", objects.NO_VERSION) for hour in hours}
    dates: dict[str, set[Hour]] = {}
    for hour in hours:
        dates.setdefault(hour.folder.partition("/")[0], set()).add(hour)
    turn, listed, looked_at, requests = None, set[Hour](), set[str](), []
    for _ in range(360):  # three hours of ticks; the hourly sweep has looked at everything three times meanwhile
        asked = objects.dates_to_look_at(sorted(dates), dates, turn)
        plan = plan_listing(versions, loaded, turn)
        pages = sum(-(-1389 // objects.PAGE_OBJECTS) for _ in plan.hours)
        requests.append(1 + len(asked) + pages)
        turn, listed, looked_at = plan.turn, listed | set(plan.hours), looked_at | asked
    assert max(requests) <= 20
    assert hours[-1] in plan.hours, "the newest ones are listed each time"
    assert (listed, looked_at) == (set(hours), set(dates))


def test_the_newest_hour_is_listed_each_time_also_when_it_alone_takes_more_pages_than_all_are_to() -> None:
    hours = [HOUR, HOUR.plus(1)]
    loaded = {hour: LoadedListing("9500:ab", objects.NO_VERSION) for hour in hours}
    plan = plan_listing({hour: objects.version_of(hour) for hour in hours}, loaded, HOUR)
    assert plan.hours == hours
    (newest,) = {hours[1]} & set(plan.hours)
    assert newest.plus(-1) == plan.turn, "the other one had its turn"


def test_hours_before_the_grid_however_many_keep_no_hour_of_the_grid_waiting() -> None:
    versions = {HOUR.plus(number): objects.version_of(HOUR.plus(number)) for number in range(3_000)}

    plan = plan_listing(versions, {}, None)

    assert plan.hours == [HOUR.plus(number) for number in range(2_900, 3_000)]


def test_an_hour_that_is_new_on_an_old_date_is_found_when_the_date_has_its_turn(bucket: Bucket) -> None:
    hours = [HOUR.plus(24 * day) for day in range(16)]
    for hour in hours:
        bucket.land(hour, "a.csv", b"1")
    late = hours[0].plus(1)
    bucket.land(late, "late.csv", b"1")

    before = bucket.server.listings()
    assert set(bucket.zone.folders(hours, after=hours[1])) == set(hours)
    assert bucket.server.listings() - before == 1 + objects.NEWEST_DATES + objects.DATES_IN_TURN
    assert set(bucket.zone.folders(hours, after=hours[0])) == {*hours, late}
    found: set[Hour] = set()
    for _ in range(2):  # what is not loaded comes before the others' turns
        found = set(bucket.zone.folders(found, after=None))
    assert found == {*hours, late}


def test_a_store_on_this_machine_is_reached_past_a_proxy_that_is_set_for_the_way_outside(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.land(HOUR, "a.csv", b"x")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy", "no_grpc_proxy"):
        monkeypatch.setenv(name, "intranet.example")
    settle_environment(os.environ)
    assert list(bucket.zone.hours()) == [HOUR]
