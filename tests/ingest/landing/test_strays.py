"""What lies outside every landing hour is seen by each look that passes it, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.rules.losses import SHOWN_MAX, Strays, stray_place, stray_subject

HOUR = Hour.from_folder("2026-11-20/18")

FILES = ("2026-11-20/18/a.csv", "2026-11-20/18/B.CSV", "2026-11-20/18/c.xlsx", "2026-11-20/18/d.csv.part")

#: What is delivered → the stray that it is, with a slash behind a folder.
OUTSIDE = {
    "loose.csv": "loose.csv",
    "2026/11/20/10/stream-1.csv": "2026/",
    "dt=2026-11-20/hour=10/a.csv": "dt=2026-11-20/",
    "20261120/10/a.csv": "20261120/",
    "2026-11-31/10/a.csv": "2026-11-31/",
    "2026-1-5/10/a.csv": "2026-1-5/",
    "10/a.csv": "10/",
    "landing/2026-11-20/10/a.csv": "landing/",
    "2026-11-20/7/a.csv": "2026-11-20/7/",
    "2026-11-20/24/a.csv": "2026-11-20/24/",
    "2026-11-20/18h/a.csv": "2026-11-20/18h/",
    "2026-11-20/b.csv": "2026-11-20/b.csv",
    "2026-11-20/19": "2026-11-20/19",
    "2026-11-19": "2026-11-19",
}
BELOW = {"2026-11-20/18/gateway-7/a.csv": "2026-11-20/18/gateway-7/", "2026-11-20/18/00/a.csv": "2026-11-20/18/00/"}

#: Announced as unfinished, or made by file systems.
QUIET = (
    *(
        "_old/a.csv",
        ".trash/a.csv",
        "a.csv.tmp",
        "2026-11-20/_x/a.csv",
        "2026-11-20/.DS_Store",
        "2026-11-20/18/_tmp/0/a.csv",
    ),
    *("lost+found/x", "2026-11-20/18.part/a.csv"),
)


def write(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("x")


@pytest.mark.parametrize(("file", "stray"), (OUTSIDE | BELOW).items())
def test_each_kind_of_stray_is_named_by_its_first_part_that_is_out_of_place(
    tmp_path: Path, file: str, stray: str
) -> None:
    write(tmp_path, *FILES, file)
    strays = Strays()
    assert list(LocalLanding(tmp_path).hours(strays)) == [HOUR]
    assert strays.names().first == [stray]
    (place,) = strays.found
    assert (place == HOUR.folder) == (file in BELOW)
    assert stray_place(*stray_subject(place)) == place
    assert strays.is_over(stray_place(None, "as an earlier version told it"))


def test_a_tidy_landing_zone_and_what_announces_itself_as_unfinished_have_no_strays(tmp_path: Path) -> None:
    write(tmp_path, *FILES, *QUIET)
    strays = Strays()
    assert LocalLanding(tmp_path).hours(strays)[HOUR].startswith("3:")
    assert strays.found == {}


def test_the_look_at_folders_sees_all_that_lies_outside_and_a_listing_what_lies_below(tmp_path: Path) -> None:
    write(tmp_path, *FILES, *OUTSIDE, *BELOW)
    zone, folders, listing = LocalLanding(tmp_path), Strays(), Strays()
    zone.folders((), None, folders)
    zone.fingerprint(HOUR, listing)
    assert (folders.names().count, HOUR.folder in folders.looked_at) == (len(OUTSIDE), False)
    assert (listing.names().first, listing.looked_at) == (sorted(BELOW.values()), {HOUR.folder})


def test_of_many_strays_the_first_few_are_named_and_all_are_counted(tmp_path: Path) -> None:
    write(tmp_path, *(f"{number:04d}.csv" for number in range(300)))
    strays = Strays()
    LocalLanding(tmp_path).folders((), None, strays)
    names = strays.names()
    assert (names.first, names.count) == ([f"{number:04d}.csv" for number in range(SHOWN_MAX)], 300)
