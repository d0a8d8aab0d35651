"""Laws of listing: what may not be read or leads elsewhere is named, and its neighbours are listed."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fridge_pipeline.ingest.landing.landing_errors import (
    LandingFileChangedError,
    LandingFolderError,
    UnreadableFileError,
)
from fridge_pipeline.ingest.landing.zone import open_landing_zone
from fridge_pipeline.ingest.rules.losses import Strays
from tests.ingest.landing.landed import HOUR, NEXT, put

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fridge_pipeline.ingest.landing.zone import LandingZone

NOBODY = 65_534


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Permissions do not hold root back, so root becomes nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_root() -> Iterator[Path]:
    """A landing root that an ordinary user can reach, which pytest's own folders are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        for path in Path(folder).rglob("*"):
            if path.exists():  # and is no link that leads nowhere
                path.chmod(0o755)


def test_a_folder_that_cannot_be_looked_at_is_there_without_a_version(open_root: Path) -> None:
    put(open_root, "a.csv")
    (open_root / "2026-01-25").mkdir()
    (open_root / "2026-01-25/00").symlink_to(open_root / "nowhere")
    (open_root / "2026-01-24").chmod(0)

    strays = Strays()
    with ordinary_user():
        folders = open_landing_zone(str(open_root)).folders(strays=strays)
    assert [hour.folder for hour in folders] == [f"2026-01-24/{hour:02d}" for hour in range(24)]
    assert set(folders.values()) == {None}
    assert strays.names().first == ["2026-01-25/00"], "a link to nowhere is no folder, and is told"


def test_a_folder_that_cannot_be_listed_is_named_and_its_neighbours_are_listed(open_root: Path) -> None:
    put(open_root, "a.csv")
    put(open_root, "a.csv", hour=NEXT)
    (open_root / HOUR.folder).chmod(0)
    zone = open_landing_zone(str(open_root))

    with ordinary_user():
        hours = zone.hours()
        with pytest.raises(LandingFolderError, match="Permission denied") as raised:
            zone.listing(HOUR)
    assert hours[HOUR] == "unlistable:EACCES"
    assert hours[NEXT].startswith("1:")
    assert raised.value.path == str(open_root / HOUR.folder)


def test_every_hour_of_a_date_that_cannot_be_listed_is_unlistable(open_root: Path) -> None:
    put(open_root, "a.csv")
    (open_root / "2026-01-24").chmod(0)

    with ordinary_user():
        hours = open_landing_zone(str(open_root)).hours()
    assert [hour.folder for hour in hours] == [f"2026-01-24/{hour:02d}" for hour in range(24)]
    assert set(hours.values()) == {"unlistable:EACCES"}


def test_a_file_that_may_not_be_read_is_unreadable(open_root: Path, tmp_path: Path) -> None:
    put(open_root, "a.csv").chmod(0)
    zone = open_landing_zone(str(open_root))

    with ordinary_user(), pytest.raises(UnreadableFileError, match="Permission denied"):
        zone.snapshot(zone.listing(HOUR).files[0], tmp_path)


@pytest.mark.parametrize("linked", ["2026-01-24", "2026-01-24/18"])
@pytest.mark.parametrize("target", ["outside", "root/elsewhere"])
def test_a_landing_folder_that_is_a_link_is_not_followed_wherever_it_leads(
    tmp_path: Path, linked: str, target: str
) -> None:
    outside, root = tmp_path / target, tmp_path / "root"
    put(outside, "secret.csv")
    (root / linked).parent.mkdir(parents=True, exist_ok=True)
    (root / linked).symlink_to(outside / linked)
    zone = open_landing_zone(str(root))

    assert zone.hours() == {HOUR: "unlistable:ELOOP"}
    with pytest.raises(LandingFolderError, match="it is a symbolic link, which is not followed"):
        zone.listing(HOUR)


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path / "root", "a.csv", b"here")
    (tmp_path / "link").symlink_to(tmp_path / "root")
    zone = open_landing_zone(str(tmp_path / "link"))

    with zone.snapshot(zone.listing(HOUR).files[0], tmp_path) as snapshot:
        assert snapshot.path.read_bytes() == b"here"


@pytest.mark.parametrize("by", ["a link", "a pipe", "a folder", "another file"])
def test_a_file_that_is_swapped_between_listing_and_opening_is_not_read(
    zone: LandingZone, tmp_path: Path, by: str
) -> None:
    listed = put(tmp_path, "a.csv", b"harmless")
    secret = put(tmp_path / "elsewhere", "secret", b"password")
    (file,) = zone.listing(HOUR).files
    listed.rename(tmp_path / "before")
    if by == "a link":
        listed.symlink_to(secret)
    elif by == "a pipe":
        os.mkfifo(listed)
    elif by == "a folder":
        listed.mkdir()
    else:
        secret.rename(listed)

    with pytest.raises(LandingFileChangedError):
        zone.snapshot(file, tmp_path)
