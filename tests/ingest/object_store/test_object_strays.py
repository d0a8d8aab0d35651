"""In a bucket as in a folder: what lies outside every landing hour, is gone or is ahead of its time is told."""

from __future__ import annotations

import pytest

from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.ingest.landing.objects import OTHERS_ASKED_FOR, ObjectLanding
from fridge_pipeline.ingest.rules.losses import Strays
from fridge_pipeline.ingest.watch import watch_landing_zone
from tests.ingest.landing.test_strays import BELOW, OUTSIDE, QUIET
from tests.ingest.object_store.conftest import Bucket
from tests.pipeline import CLOSE_AFTER, Pipeline, csv_of, readings

OPEN = "select kind, subject from fridge.exceptions where closed_at is null order by kind, subject"
HOUR = Hour.from_folder("2026-11-20/18")


def tick(pipeline: Pipeline, bucket: Bucket) -> None:
    now = pipeline.clock()
    watch_landing_zone(
        pipeline.database, bucket.zone, HourRange(Hour.containing(now).plus(-96), Hour.containing(now)), now
    )


def sweep(pipeline: Pipeline, bucket: Bucket) -> None:
    now = pipeline.clock()
    grid = HourRange(Hour.containing(now).plus(-96), Hour.containing(now))
    find_hours_to_bill(pipeline.as_run(), bucket.zone, grid, CLOSE_AFTER, is_sweep=True)


def test_a_bucket_shows_the_strays_that_a_folder_shows(bucket: Bucket) -> None:
    keys = [key for key in (*OUTSIDE, *BELOW, *QUIET) if key not in ("2026-11-20/19", "2026-11-19")]
    for key in keys:
        bucket.server.put(bucket.name, f"landing/{key}", b"x")
    for shown_as_folder in ("landing/", "landing/2026-11-20/", "landing/2026-11-20/18/", "landing/empty/"):
        bucket.server.put(bucket.name, shown_as_folder, b"")
    bucket.land(HOUR, "a.csv", b"x")
    strays = Strays()
    assert list(bucket.zone.hours(strays)) == [HOUR]
    expected = {OUTSIDE.get(key, BELOW.get(key)) for key in keys if key not in QUIET}
    assert {name for names in strays.found.values() for name in names.first} == expected
    looked = Strays()
    bucket.zone.folders((), None, looked)
    bucket.zone.fingerprint(HOUR, looked)
    assert looked.found == strays.found


STRAYS = {
    "2026/11/20/10/stream-1.csv": "outside every landing hour",
    "loose.csv": "outside every landing hour",
    "2026-11-20/7/a.csv": "outside every landing hour of 2026-11-20",
    "2026-11-20/18/gateway-7/a.csv": "in folders below the landing hour",
    "2026-11-20/18/30/part-0.parquet": "in folders below the landing hour",
    "2062-01-01/05/gateway-7/a.csv": "in folders below the landing hour",
}


@pytest.mark.parametrize(("key", "subject"), STRAYS.items())
def test_a_stray_in_a_bucket_is_an_exception_of_the_next_tick_and_closes_when_it_is_gone(
    pipeline: Pipeline, bucket: Bucket, key: str, subject: str
) -> None:
    for day in range(1, 25):  # more dates than a tick looks at
        bucket.land(Hour.from_folder(f"2026-12-{day:02d}/00"), "a.csv", b"x")
    bucket.server.put(bucket.name, f"landing/{key}", b"x")
    sweep(pipeline, bucket)
    told = [each for each in pipeline.rows(OPEN) if each[0] == "stray_files"]
    assert told == [("stray_files", subject)]
    bucket.server.delete(bucket.name, f"landing/{key}")
    tick(pipeline, bucket)
    assert not [each for each in pipeline.rows(OPEN) if each[0] == "stray_files"]


@pytest.mark.parametrize(("key", "subject"), STRAYS.items())
def test_a_tick_tells_a_stray_and_the_sweep_agrees(pipeline: Pipeline, bucket: Bucket, key: str, subject: str) -> None:
    """A folder that was made in a console, and is empty, is none."""
    bucket.server.put(bucket.name, f"landing/{key}", b"x")
    bucket.server.put(bucket.name, "landing/empty/", b"")
    for look in (tick, sweep, tick):
        look(pipeline, bucket)
        ((told, detail),) = pipeline.rows("select subject, detail from fridge.exceptions where closed_at is null")
        assert (told, detail[:17]) == (subject, "a file or folder ")


def test_a_bucket_that_lists_nothing_any_more_is_no_empty_landing_zone(pipeline: Pipeline, bucket: Bucket) -> None:
    """Nor is a prefix in the wrong case."""
    hour = Hour.containing(pipeline.clock()).plus(-30)
    tick(pipeline, bucket)
    sweep(pipeline, bucket)
    assert pipeline.rows(OPEN) == [], "a fresh one is quiet"
    bucket.land(hour, "a.csv", csv_of(readings("cold-one", hour, 1, 2)))
    pipeline.zone = bucket.zone
    pipeline.load(hour)
    tick(pipeline, bucket)
    assert pipeline.rows(OPEN) == []
    bucket.remove(hour, "a.csv")
    tick(pipeline, bucket)
    assert pipeline.rows(OPEN) == [("landing_vanished", "all files")]
    bucket.land(hour, "a.csv", csv_of(readings("cold-one", hour, 1, 2)))
    tick(pipeline, bucket)
    assert pipeline.rows(OPEN) == []


def test_a_folder_of_a_bucket_that_is_ahead_of_now_is_told_with_its_files_and_bytes(
    pipeline: Pipeline, bucket: Bucket
) -> None:
    ahead = Hour.containing(pipeline.clock()).plus(9)
    bucket.land(ahead, "a.csv", b"12345")
    for look in (tick, sweep, tick):
        look(pipeline, bucket)
        ((hour, detail),) = pipeline.rows("select hour, detail from fridge.exceptions where closed_at is null")
        assert (hour, "holds 1 file of 5 bytes" in detail) == (ahead.start, True)
    bucket.remove(ahead, "a.csv")
    tick(pipeline, bucket)
    assert pipeline.rows(OPEN) == []


def test_of_many_folders_that_are_no_hours_few_are_asked_what_they_hold(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever delivers could make a tick ask for days."""
    names = [f"folder-{number:03d}" for number in range(3 * OTHERS_ASKED_FOR)]
    for name in names:
        bucket.server.put(bucket.name, f"landing/{name}/a.csv", b"x")
    asked = []
    holds = ObjectLanding._holds_anything

    def counted(zone: ObjectLanding, prefix: str) -> bool:
        asked.append(prefix)
        return holds(zone, prefix)

    monkeypatch.setattr(ObjectLanding, "_holds_anything", counted)
    strays = Strays()
    bucket.zone.folders((), None, strays)
    assert strays.found[""].count == len(names)
    assert asked == names[:OTHERS_ASKED_FOR]
