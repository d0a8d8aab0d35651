"""A file that kills whoever loads it is set aside; its neighbours, and files that were only there, are not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing.private_copy import Snapshot
from fridge_pipeline.ingest.rules.landing_files import LandingFile
from tests.pipeline import Pipeline, readings

#: A load whose process is killed when it asks for the time for the n-th time, which it does between storing and commit.
KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.run import Run
from fridge_pipeline.database.schema import PIPELINE
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.ingest.load import load_hours
dsn, root, work, key, now, times = sys.argv[1:]
left = int(times)
def clock():
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return datetime.fromisoformat(now)
hour = Hour.from_key(key)
run = Run(Database(dsn).acting_as(PIPELINE), (), clock, "r")
list(load_hours(run, LocalLanding(root), HourRange(hour, hour), Path(work)))
"""
ATTEMPTS = "select right(path, 5), attempts from fridge.load_attempts order by 1"
LOADED = "select right(path, 5), status, row_count::int from fridge.landing_files order by 1"


def die(pipeline: Pipeline, hour: Hour, times: int) -> None:
    """A load of the hour in a process that is killed when it asks for the time so often."""
    arguments = (str(pipeline.landing), str(pipeline.workspace), hour.key, pipeline.clock().isoformat(), str(times))
    dsn = pipeline.database.owned.dsn
    done = subprocess.run([sys.executable, "-c", KILLED, dsn, *arguments], timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.fixture
def hour(pipeline: Pipeline, two_days_ago: datetime) -> Hour:
    """An hour with two files, which are loaded together."""
    hour = Hour(two_days_ago)
    for name in ("a.csv", "b.csv"):
        pipeline.land(hour, name, readings(name, hour, 1, 5))
    return hour


def test_a_file_during_whose_load_a_process_died_twice_is_set_aside_with_an_exception_and_its_neighbour_loads(
    pipeline: Pipeline, hour: Hour
) -> None:
    """The first load dies with both files, the second with b.csv alone."""
    die(pipeline, hour, times=4)
    assert pipeline.rows(ATTEMPTS) == [("a.csv", 1), ("b.csv", 1)]
    die(pipeline, hour, times=6)
    assert pipeline.rows(ATTEMPTS) == [("b.csv", 2)]
    pipeline.load(hour)
    assert pipeline.rows(LOADED) == [("a.csv", "loaded", 5), ("b.csv", "unreadable", 0)]
    ((kind, subject, detail),) = pipeline.rows("select kind, subject, detail from fridge.exceptions")
    assert (kind, subject) == ("unreadable_file", f"{hour.folder}/b.csv")
    assert detail.startswith("its load died 2 times, with its process, machine or database, so it is not read again;")
    assert pipeline.rows(ATTEMPTS) == []

    pipeline.land(hour, "b.csv", readings("b.csv", hour, 1, 6))
    pipeline.load(hour)
    assert pipeline.rows(LOADED)[1:] == [("b.csv", "unreadable", 0), ("b.csv", "loaded", 6)]
    assert pipeline.one("select count(*) from fridge.exceptions where closed_at is null") == 0


def test_a_load_that_ends_in_any_way_but_death_leaves_no_attempt_behind(pipeline: Pipeline, hour: Hour) -> None:
    die(pipeline, hour, times=4)
    pipeline.land(hour, "c.csv", b"no header")
    pipeline.load(hour)
    assert [row[:2] for row in pipeline.rows(LOADED)] == [
        ("a.csv", "loaded"),
        ("b.csv", "loaded"),
        ("c.csv", "unreadable"),
    ]
    assert pipeline.rows(ATTEMPTS) == []


class Meanwhile(LocalLanding):
    """Whose first file is hidden, or replaced by a copy with its time, between its listing and its reading."""

    def __init__(self, root: Path, *, is_hidden: bool) -> None:
        super().__init__(root)
        self.left = 1
        self.is_hidden = is_hidden

    def snapshot(self, file: LandingFile, directory: Path, plain_bytes_max: int = 2**30) -> Snapshot:
        path, aside = self.root / file.path, self.root / "aside"
        if not self.left:
            return super().snapshot(file, directory, plain_bytes_max)
        self.left -= 1
        times = path.stat()
        if self.is_hidden:
            path.rename(aside)
        else:
            aside.write_bytes(path.read_bytes())
            aside.rename(path)
        try:
            return super().snapshot(file, directory, plain_bytes_max)
        finally:
            if self.is_hidden:
                aside.rename(path)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("is_hidden", [True, False])
def test_a_file_that_could_not_be_read_while_it_was_moved_is_read_when_it_lies_there_as_it_was_listed(
    pipeline: Pipeline,
    hour: Hour,
    is_hidden: bool,  # noqa: FBT001
) -> None:
    pipeline.zone = Meanwhile(pipeline.landing, is_hidden=is_hidden)
    pipeline.load(hour)
    assert pipeline.rows(LOADED) == [("b.csv", "loaded", 5)]
    pipeline.load(hour)
    assert pipeline.rows(LOADED) == [("a.csv", "loaded", 5), ("b.csv", "loaded", 5)]
