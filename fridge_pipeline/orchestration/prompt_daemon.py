"""Dagster's daemon, prompt: it begins a backfill, and looks at what has landed, within seconds instead of thirty.

What it asks for the more often goes over connections that it keeps. Dagster 1.13 has no setting for any of it. That
something has landed shows in the times of the landing zone's folders, which it costs nothing to look at: once a second,
also on file systems that tell nobody of a change. Where they are not on this machine, the sensor looks as often as
anyway.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

from dagster import DagsterInstance, RunsFilter
from dagster._cli.utils import get_instance_for_cli
from dagster._core.remote_representation.external import RemoteSensor
from dagster._core.scheduler.instigation import InstigatorState, SensorInstigatorData
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._daemon import cli, controller, daemon, sensor
from dagster_shared.error import SerializableErrorInfo

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.orchestration.instance import hold_connections
from fridge_pipeline.orchestration.landing_cursor import LANDING_SENSOR, UNDER_WAY, WAITS_FOR_RUNS
from fridge_pipeline.settings import read_settings

BACKFILLS_EVERY_SECONDS = 5

LOOK_EVERY_SECONDS = 1.0

#: Late files of earlier hours wait for the sensor's own interval.
HOURS_LOOKED_AT = 72

#: The time of a folder's last change, by the folder.
Seen = dict[str, int]


class LandingWatch:
    """Says that a sensor's next look is due when folders have changed since before its last one.

    A file for an hour that a run is at waits for the run. So does the sensor, and says so: until it has no such news
    any more, its next look is also due when other runs are under way than before its last one.
    """

    def __init__(self, look: Callable[[], Seen], runs_under_way: Callable[[], set[str]] = set) -> None:
        self._look = look
        self._runs_under_way = runs_under_way
        self._folders = self._folders_before = look()
        self._runs: set[str] | None = None
        self._runs_before: set[str] | None = None
        self._tick: float | None = None
        self._asks_on = False

    def is_due(self, last_tick: float | None, *, is_due_anyway: bool, is_waiting: bool = False) -> bool:
        """To be asked each time before the sensor may look; ``last_tick`` is when it last began to."""
        if last_tick != self._tick:
            self._tick, self._folders_before, self._runs_before = last_tick, self._folders, self._runs
        self._folders = self._look()
        self._runs = self._runs_under_way() if is_waiting else None
        has_news = self._folders != self._folders_before or (is_waiting and self._runs != self._runs_before)
        self._asks_on = has_news or is_waiting
        return is_due_anyway or has_news

    def is_worth_asking(self) -> bool:
        """Whether the answer may be another one than it last was."""
        return self._asks_on or self._look() != self._folders


def folders(root: Path, hour: Hour) -> Seen:
    """The landing zone's root and the folders of three days up to this hour, as far as they are there."""
    hours = (hour.plus(-step).folder for step in range(HOURS_LOOKED_AT))
    names = {name for folder in hours for name in (folder, folder.partition("/")[0])}
    times = {}
    for path in (root, *(root / name for name in names)):
        with suppress(OSError):
            times[str(path)] = path.stat().st_mtime_ns
    return times


class Awake:
    """The daemon's event of its end, by which the loop of sensors pauses: for a shorter time where there is news."""

    def __init__(self, end: Event, has_news: Callable[[], bool]) -> None:
        self._end = end
        self._has_news = has_news

    def wait(self, timeout: float) -> bool:
        """Whether the end has come."""
        until = time.monotonic() + timeout
        while not self._end.wait(max(0.0, min(LOOK_EVERY_SECONDS, until - time.monotonic()))):
            if time.monotonic() >= until or self._has_news():
                return False
        return True


def look_sooner(look: Callable[[], Seen]) -> None:
    """Has this process's daemon look for what lands each second, and before it lets the landing sensor wait."""
    is_under, core_loop = sensor.is_under_min_interval, daemon.SensorDaemon.core_loop
    watches: list[LandingWatch] = []

    def is_under_min_interval(
        state: InstigatorState, remote_sensor: RemoteSensor, minimum_allowed_min_interval: int | None = None
    ) -> bool:
        waits = is_under(state, remote_sensor, minimum_allowed_min_interval)
        if remote_sensor.name != LANDING_SENSOR:
            return waits
        data = state.instigator_data
        began, cursor = None, ""
        if isinstance(data, SensorInstigatorData):
            began, cursor = data.last_tick_start_timestamp, data.cursor or ""
        return not watches[-1].is_due(began, is_due_anyway=not waits, is_waiting=cursor.endswith(WAITS_FOR_RUNS))

    def with_news(
        self: daemon.SensorDaemon, context: IWorkspaceProcessContext[Any], end: Event
    ) -> Iterator[SerializableErrorInfo | daemon.SpanMarker | None]:
        def runs_under_way() -> set[str]:
            return set(context.instance.get_run_ids(RunsFilter(statuses=UNDER_WAY)))

        watches.append(LandingWatch(look, runs_under_way))
        return core_loop(self, context, Awake(end, watches[-1].is_worth_asking))  # type: ignore[arg-type]

    sensor.is_under_min_interval = is_under_min_interval
    daemon.SensorDaemon.core_loop = with_news  # type: ignore[method-assign, assignment]


def keep_connections() -> None:
    """Has this process's daemon keep its connections, where Dagster's opens one for each statement."""

    @contextmanager
    def instance_with_connections(**named: Any) -> Iterator[DagsterInstance]:  # whatever Dagster hands on
        with get_instance_for_cli(**named) as instance:
            hold_connections(instance)
            yield instance

    cli.get_instance_for_cli = instance_with_connections  # type: ignore[assignment, attr-defined] # imported there


def main() -> None:
    """Runs Dagster's daemon until it is ended."""
    keep_connections()
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = BACKFILLS_EVERY_SECONDS
    settings = read_settings(os.environ)
    if "://" not in settings.landing_uri:
        root = Path(settings.landing_uri)
        look_sooner(lambda: folders(root, Hour.containing(datetime.now(UTC))))
    sys.argv[0] = "dagster-daemon"
    cli.main()


if __name__ == "__main__":
    main()
