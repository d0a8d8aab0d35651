"""When the landing sensor looks sooner than its interval says: once for each thing that lands, and else not."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.orchestration.prompt_daemon import LOOK_EVERY_SECONDS, Awake, LandingWatch, folders

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


def test_news_that_waits_for_a_run_is_looked_at_when_other_runs_are_under_way_and_else_not(tmp_path: Path) -> None:
    runs = {"a"}
    watch = LandingWatch(lambda: folders(tmp_path, NOW), lambda: set(runs))

    def is_due(tick: float, *, is_waiting: bool) -> bool:
        return watch.is_due(tick, is_due_anyway=False, is_waiting=is_waiting)

    assert is_due(10.0, is_waiting=False) is False
    assert watch.is_worth_asking() is False
    assert is_due(20.0, is_waiting=True) is True, "the run that it waits for may have ended since it looked"
    assert [is_due(30.0, is_waiting=True) for _ in range(2)] == [False] * 2, "the same runs are under way"
    assert watch.is_worth_asking() is True, "until there are others"
    runs.clear()
    assert is_due(30.0, is_waiting=True) is True
    assert is_due(40.0, is_waiting=False) is False, "it waits no longer"
    assert watch.is_worth_asking() is False


def test_the_loop_of_sensors_pauses_until_something_lands_and_no_longer(tmp_path: Path) -> None:
    watch = LandingWatch(lambda: folders(tmp_path, NOW))
    looks: list[float] = []

    class NeverEnds(Event):
        def wait(self, timeout: float | None = None) -> bool:
            looks.append(timeout or 0.0)
            if len(looks) == 3:
                land(tmp_path, NOW, "a.csv", 1)
            return False

    assert Awake(NeverEnds(), watch.is_worth_asking).wait(60.0) is False
    assert looks == [LOOK_EVERY_SECONDS] * 3
    ended = Event()
    ended.set()
    assert Awake(ended, watch.is_worth_asking).wait(60.0) is True, "the daemon ends at once"


def test_where_no_landing_zone_is_nothing_is_due(tmp_path: Path) -> None:
    watch = LandingWatch(lambda: folders(tmp_path / "elsewhere", NOW))
    assert watch.is_due(1.0, is_due_anyway=False) is False
    assert len(folders(tmp_path / "elsewhere", NOW)) == 0
