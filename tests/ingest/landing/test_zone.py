"""Laws of listing: what is there is listed once, whatever else lies around, and it costs one pass."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fridge_pipeline.ingest.landing.landing_errors import (
    LandingFileVanishedError,
    LandingFolderError,
    LandingUriError,
    UnsupportedSchemeError,
)
from fridge_pipeline.ingest.landing.zone import open_landing_zone
from fridge_pipeline.ingest.rules.landing_files import FileFormat
from fridge_pipeline.ingest.rules.location import location_of
from tests.ingest.landing.landed import HOUR, NEXT, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fridge_pipeline.ingest.landing.zone import LandingZone


def test_files_are_listed_sorted_by_name_with_size_hour_and_format(zone: LandingZone, tmp_path: Path) -> None:
    put(tmp_path, "b.ndjson.gz", b"12345")
    put(tmp_path, "a.CSV")

    files = zone.listing(HOUR).files
    assert [(file.path, file.size, file.format) for file in files] == [
        ("2026-01-24/18/a.CSV", 1, FileFormat.CSV),
        ("2026-01-24/18/b.ndjson.gz", 5, FileFormat.NDJSON_GZ),
    ]
    assert {file.landing_hour for file in files} == {HOUR}


def test_unfinished_files_and_folders_are_not_there_yet(zone: LandingZone, tmp_path: Path) -> None:
    for name in (".a.csv", "_a.csv", "a.csv.tmp", "a.csv.part", "a.csv.PART"):
        put(tmp_path, name)
    (tmp_path / HOUR.folder / "folder.csv").mkdir()

    assert zone.listing(HOUR).files == []
    assert zone.hours() == {}


def test_a_file_of_an_unknown_format_is_listed_because_nothing_vanishes(zone: LandingZone, tmp_path: Path) -> None:
    put(tmp_path, "readings.xlsx")

    assert [(file.name, file.format) for file in zone.listing(HOUR).files] == [("readings.xlsx", None)]
    assert list(zone.hours()) == [HOUR]


def test_hours_are_those_with_files_in_order_and_strays_stop_nothing(zone: LandingZone, tmp_path: Path) -> None:
    put(tmp_path, "a.csv", hour=NEXT)
    put(tmp_path, "a.csv")
    for stray in ("2026-01-24/24", "2026-01-24/7", "2026-13-01/00", "notes", "2026-1-4/00", "2026-01-25"):
        (tmp_path / stray).mkdir(parents=True)
        (tmp_path / stray / "a.csv").write_bytes(b"x")
    (tmp_path / "2026-01-26").write_bytes(b"a file that looks like a date")
    (tmp_path / "2026-01-24/20").write_bytes(b"a file that looks like an hour")

    assert list(zone.hours()) == [HOUR, NEXT]
    assert zone.listing(HOUR.plus(2)).files == []


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.with_name("b.csv").write_bytes(b"x"),
        lambda path: path.unlink(),
        lambda path: path.rename(path.with_name("c.csv")),
        lambda path: path.write_bytes(b"longer"),
        lambda path: os.utime(path, ns=(1, 1)),
    ],
    ids=["added", "removed", "renamed", "resized", "touched"],
)
def test_every_change_of_a_file_changes_its_hours_fingerprint_and_no_other(
    zone: LandingZone, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    put(tmp_path, "z.csv")
    path = put(tmp_path, "a.csv")
    put(tmp_path, "a.csv", hour=NEXT)
    before = zone.hours()
    assert zone.hours() == before

    change(path)
    after = open_landing_zone(str(tmp_path)).hours()
    assert after[HOUR] != before[HOUR]
    assert after[NEXT] == before[NEXT]


def test_a_folders_version_changes_with_the_files_that_are_in_it_and_no_other_folders_does(
    zone: LandingZone, tmp_path: Path
) -> None:
    path = put(tmp_path, "a.csv")
    put(tmp_path, "a.csv", hour=NEXT)
    versions = [zone.folders()]
    for change in (
        lambda: path.with_name("b.csv").write_bytes(b"x"),
        lambda: path.rename(path.with_name("c.csv")),
        lambda: path.with_name("b.csv").rename(path.with_name("c.csv")),
        lambda: path.with_name("c.csv").unlink(),
        lambda: os.utime(path.parent, ns=(1, 1)),
    ):
        time.sleep(0.02)  # longer than a file system's clock takes to move on
        change()
        versions.append(open_landing_zone(str(tmp_path)).folders())
    tokens = [version.token for each in versions if (version := each[HOUR]) is not None]
    assert len(set(tokens)) == len(versions), "each change shows, and an earlier version never comes back"
    assert len({each[NEXT] for each in versions}) == 1


def test_folders_are_told_without_listing_the_files_in_them(
    zone: LandingZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.csv")
    (tmp_path / NEXT.folder).mkdir()
    (tmp_path / "2026-01-24/notes").mkdir()
    scanned: list[str] = []
    scandir = os.scandir

    def scan(path: str) -> Iterator[os.DirEntry[str]]:
        scanned.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)

    assert list(zone.folders()) == [HOUR, NEXT]
    assert scanned == [str(tmp_path), str(tmp_path / "2026-01-24")]


def test_an_unfinished_file_does_not_change_the_fingerprint(zone: LandingZone, tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    before = zone.hours()
    put(tmp_path, "b.csv.part")

    assert zone.hours() == before


def test_a_missing_landing_root_is_an_error_and_not_an_empty_zone(tmp_path: Path) -> None:
    with pytest.raises(LandingFolderError, match="No such file or directory"):
        open_landing_zone(str(tmp_path / "absent")).hours()
    with pytest.raises(LandingFolderError, match="No such file or directory"):
        open_landing_zone(str(tmp_path / "absent")).folders()


def test_a_hundred_thousand_files_cost_one_scan_a_folder_and_one_stat_a_file(
    zone: LandingZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in range(100):
        first = str(put(tmp_path, "0.csv", hour=HOUR.plus(step)))
        for number in range(1, 1_000):
            os.link(first, f"{first}-{number}.csv")  # a link is the quickest file to make
    scans: list[str] = []
    scandir = os.scandir
    calls = 0

    def scan(path: str) -> Iterator[os.DirEntry[str]]:
        scans.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)

    def count(_frame: object, event: str, function: object) -> None:
        nonlocal calls
        calls += event == "c_call" and getattr(function, "__name__", "") in {"stat", "lstat"}

    sys.setprofile(count)
    try:
        hours = zone.hours()
    finally:
        sys.setprofile(None)
    assert sum(int(fingerprint.partition(":")[0]) for fingerprint in hours.values()) == 100_000
    dates = {hour.start.date() for hour in hours}
    assert len(scans) == 1 + len(dates) + 100, "the root, its dates and their hours, once each"
    assert calls <= 100_000 + 3 * 100


@pytest.mark.parametrize(
    "name",
    [
        b"with space.csv",
        b"quote'\".csv",
        b"new\nline.csv",
        b"100%.csv",
        b"%2e.csv",
        "Kühlschrank-冷蔵庫.csv".encode(),
        b"K\xfchl.csv",
        b"\\xfc.csv",
        b"\\.csv",
        b"a;b&c$(d).csv",
    ],
    ids=repr,
)
def test_any_name_is_listed_as_storable_text_and_found_again(zone: LandingZone, tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / HOUR.folder
    folder.mkdir(parents=True)
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    except OSError:
        pytest.skip("this file system takes names of valid UTF-8 only")

    (file,) = zone.listing(HOUR).files
    assert b"\0" not in file.path.encode("utf-8", errors="strict")
    assert zone.hours()
    with zone.snapshot(file, tmp_path) as snapshot:
        assert snapshot.path.read_bytes() == name


def test_a_file_that_vanished_since_it_was_listed_is_file_not_found(zone: LandingZone, tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    (file,) = zone.listing(HOUR).files
    (tmp_path / file.path).unlink()

    with pytest.raises(LandingFileVanishedError, match=r"2026-01-24/18/a\.csv") as raised:
        zone.snapshot(file, tmp_path)
    assert isinstance(raised.value, FileNotFoundError)


def test_a_file_uri_names_the_same_zone_as_its_path(tmp_path: Path) -> None:
    root = tmp_path / "with space"
    put(root, "a.csv")

    for uri in (str(root), root.as_uri(), root.as_uri().replace("file://", "file://localhost")):
        assert [file.name for file in open_landing_zone(uri).listing(HOUR).files] == ["a.csv"]


@pytest.mark.parametrize("uri", ["ftp://bucket/landing", "s4://bucket"])
def test_a_scheme_that_cannot_be_read_is_refused_by_name(uri: str) -> None:
    with pytest.raises(UnsupportedSchemeError, match=uri.partition(":")[0]):
        open_landing_zone(uri)


@pytest.mark.parametrize("uri", ["file://server/share", "file://ada:secret@server/share"])
def test_a_folder_of_another_machine_is_told_as_that_wherever_it_is_named(uri: str) -> None:
    told = r"names a folder of this machine, with three slashes \(file:///srv/files\), not one of server; mount that"
    with pytest.raises(LandingUriError, match=f"FRIDGE_LANDING_URI: a file:// URI {told}"):
        open_landing_zone(uri)
    with pytest.raises(ValueError, match=told):
        location_of(uri)
