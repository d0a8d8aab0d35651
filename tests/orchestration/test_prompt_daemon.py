"""When the landing sensor looks sooner than its interval says: once for each thing that lands, and else not."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.orchestration.prompt_daemon import LandingWatch, folders

NOW = Hour(datetime(2026, 11, 30, 2, tzinfo=UTC))


def land(root: Path, hour: Hour, name: str, at: int) -> None:
    """A file renamed into its folder; the folder changes then."""
    folder = root / hour.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
    os.utime(folder, ns=(at, at))


def test_a_tick_is_due_at_once_for_what_landed_since_the_last_one_began_and_only_for_that(tmp_path: Path) -> None:
    land(tmp_path, NOW, "a.csv", 1)
    watch = LandingWatch(lambda: folders(tmp_path, NOW))
    assert [watch.is_due(10.0, is_due_anyway=False) for _ in range(3)] == [False] * 3, "nothing lands"
    land(tmp_path, NOW.plus(-23), "late.csv", 2)
    assert [watch.is_due(10.0, is_due_anyway=False) for _ in range(2)] == [True] * 2, "until the tick has begun"
    assert watch.is_due(20.0, is_due_anyway=False) is False, "it has seen the file"
    land(tmp_path, NOW, "b.csv", 3)
    assert watch.is_due(30.0, is_due_anyway=False) is True, "perhaps it landed just after the tick had looked"
    assert watch.is_due(40.0, is_due_anyway=False) is False
    assert watch.is_due(40.0, is_due_anyway=True) is True, "the interval is over"


def test_where_no_landing_zone_is_nothing_is_due(tmp_path: Path) -> None:
    watch = LandingWatch(lambda: folders(tmp_path / "elsewhere", NOW))
    assert watch.is_due(1.0, is_due_anyway=False) is False
    assert len(folders(tmp_path / "elsewhere", NOW)) == 0
