"""An object whose name is no path: told, and in nobody's way, wherever one gateway puts it."""

from __future__ import annotations

import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.ingest.landing.landing_errors import LandingFolderError
from fridge_pipeline.ingest.landing.objects import ObjectLanding
from fridge_pipeline.ingest.landing.zone import open_landing_zone
from fridge_pipeline.ingest.note_losses import list_and_note
from fridge_pipeline.ingest.watch import watch_landing_zone
from tests.ingest.landing.test_sources import source
from tests.ingest.object_store.conftest import Bucket, bucket, s3  # noqa: F401 # pytest finds them here
from tests.pipeline import Pipeline, csv_of, readings

HOUR = Hour.from_key("2026-11-27-18:00")
NEIGHBOURS = (HOUR, HOUR.plus(-1), HOUR.plus(-24), HOUR.plus(-24 * 70))
OPEN = "select kind, subject, detail from fridge.exceptions where closed_at is null and kind <> 'unmapped'"

#: What a gateway makes of an empty variable, or of bytes that it read → the place that the exception is about.
ODD_KEYS = {
    "//x.csv": "outside every landing hour",
    "//2026-11-27/18/x.csv": "outside every landing hour",
    "/2026-11-27//x.csv": "outside every landing hour of 2026-11-27",
    "/2026-11-27//18/x.csv": "outside every landing hour of 2026-11-27",
    "/2026-11-27/\x7f/x.csv": "outside every landing hour of 2026-11-27",
    "/2026-11-27/18//x.csv": "in folders below the landing hour",
    "/2026-11-27/18/site//x.csv": "in folders below the landing hour",
    "/2026-11-27/18/site/a\x7f.csv": "in folders below the landing hour",
    "/2026-11-27/18/x.csv//": "in folders below the landing hour",
}

#: What begins with a full stop is not there yet, so nothing is told of it.
DOTTED_KEYS = (
    "/./x.csv",
    "/../x.csv",
    "/2026-11-27/./x.csv",
    "/2026-11-27/../18/x.csv",
    "/2026-11-27/18/./x.csv",
    "/2026-11-27/18/../x.csv",
    "/2026-11-27/18/site/../x.csv",
    "/2026-11-27/18/..",
)


SITES = """
name = "sites"
match = "*/*.csv"
tenant_id = { value = "troy" }
sensor_id = { column = "id" }
recorded_at = { column = "at" }
temperature = { column = "t" }
"""


def land(pipeline: Pipeline, bucket: Bucket) -> None:  # noqa: F811
    """Two files in each of some hours, before and behind the odd name."""
    for number, hour in enumerate(NEIGHBOURS):
        for name in ("0", "a.csv", "zz.csv"):
            tenant = "ada" if name == "a.csv" else "bea"
            bucket.land(hour, name, csv_of(readings(tenant, hour, 1, 3, start=number)) if name != "0" else b"\0")
    pipeline.zone = bucket.zone


def looks(pipeline: Pipeline, bucket: Bucket) -> None:  # noqa: F811
    """A tick of the sensor, and the sweep."""
    now = pipeline.clock()
    watch_landing_zone(pipeline.database, bucket.zone, HourRange(HOUR.plus(-24 * 100), HOUR.plus(24)), now)
    with pipeline.database.connect() as connection:
        assert set(list_and_note(connection, bucket.zone, now)) == set(NEIGHBOURS)


@pytest.mark.parametrize("key", ODD_KEYS)
def test_an_odd_name_is_an_exception_and_all_its_neighbours_load(
    pipeline: Pipeline,
    bucket: Bucket,  # noqa: F811
    key: str,
) -> None:
    land(pipeline, bucket)
    bucket.server.put(bucket.name, f"landing{key}", b"x")
    pipeline.clock.now = HOUR.end
    looks(pipeline, bucket)
    told = pipeline.rows(OPEN)
    assert [(kind, subject) for kind, subject, _ in told] == [("stray_files", ODD_KEYS[key])]
    assert told[0][2].isprintable()
    loads = [pipeline.load(hour)[0] for hour in NEIGHBOURS]
    assert [(load.failure, load.inserted, load.unreadable) for load in loads] == [(None, 6, 1)] * len(NEIGHBOURS)

    bucket.server.delete(bucket.name, f"landing{key}")
    looks(pipeline, bucket)
    assert [kind for kind, _, _ in pipeline.rows(OPEN) if kind == "stray_files"] == []


@pytest.mark.parametrize("key", DOTTED_KEYS)
def test_a_name_that_leads_elsewhere_is_in_nobodys_way(pipeline: Pipeline, bucket: Bucket, key: str) -> None:  # noqa: F811
    land(pipeline, bucket)
    bucket.server.put(bucket.name, f"landing{key}", b"x")
    pipeline.clock.now = HOUR.end
    looks(pipeline, bucket)
    told = {subject for _, subject, _ in pipeline.rows(OPEN)}
    assert told == ({"in folders below the landing hour"} if "/site/" in key else set())
    loads = [pipeline.load(hour)[0] for hour in NEIGHBOURS]
    assert [(load.failure, load.inserted, load.unreadable) for load in loads] == [(None, 6, 1)] * len(NEIGHBOURS)


def test_odd_names_in_every_place_at_once_hide_no_hour(pipeline: Pipeline, bucket: Bucket) -> None:  # noqa: F811
    land(pipeline, bucket)
    for key in ODD_KEYS:
        if key != "/2026-11-27/18//x.csv":  # beside others in the same hour: then the hour says so
            bucket.server.put(bucket.name, f"landing{key}", b"x")
    pipeline.clock.now = HOUR.end
    looks(pipeline, bucket)
    assert {subject for kind, subject, _ in pipeline.rows(OPEN) if kind == "stray_files"} == set(ODD_KEYS.values())
    assert {pipeline.load(hour)[0].failure for hour in NEIGHBOURS} == {None}


def test_a_bucket_that_is_the_root_is_seen_behind_a_name_that_begins_with_a_slash(bucket: Bucket) -> None:  # noqa: F811
    for key in ("/2026-11-27/18/x.csv", "2026-11-27/18/a.csv", "2026-11-26/00/a.csv"):
        bucket.server.put(bucket.name, key, b"x")
    zone = open_landing_zone(f"s3://{bucket.name}")
    assert list(zone.hours()) == [Hour.from_key("2026-11-26-00:00"), HOUR]


def test_where_a_source_reads_folders_below_the_hour_they_are_listed_around_an_odd_name(bucket: Bucket) -> None:  # noqa: F811
    for name in ("north/a.csv", "north//b.csv", "south/c.csv", "d.csv"):
        bucket.land(HOUR, name, b"1")
    zone = ObjectLanding(bucket.uri, [source(SITES)])
    assert [file.name for file in zone.listing(HOUR).files] == ["d.csv", "a.csv", "c.csv"]


def test_a_control_character_in_a_name_of_an_hour_costs_that_hour_and_is_named(bucket: Bucket) -> None:  # noqa: F811
    """The client gives nothing of the page, and no part of it can be asked for."""
    for hour in NEIGHBOURS:
        bucket.land(hour, "a.csv", b"1")
    bucket.land(HOUR, "b\x7f.csv", b"1")
    hours = bucket.zone.hours()
    assert set(hours) == set(NEIGHBOURS)
    assert [hour for hour, fingerprint in hours.items() if fingerprint.startswith("unlistable")] == [HOUR]
    with pytest.raises(LandingFolderError, match=r"b\\x7f\.csv' has a name that is not a path; rename"):
        bucket.zone.listing(HOUR)
