"""Dagster's daemon, prompt: it begins a backfill, and looks at what has landed, within seconds instead of thirty.

What it asks for the more often goes over connections that it keeps. Dagster 1.13 has no setting for any of it. That
something has landed shows in the times of the landing zone's folders, which it costs nothing to look at; where they are
not on this machine, the sensor looks as often as anyway.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster import DagsterInstance
from dagster._cli.utils import get_instance_for_cli
from dagster._core.remote_representation.external import RemoteSensor
from dagster._core.scheduler.instigation import InstigatorState, SensorInstigatorData
from dagster._daemon import cli, controller, sensor

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.orchestration.instance import hold_connections
from fridge_pipeline.settings import read_settings

BACKFILLS_EVERY_SECONDS = 5

LANDING_SENSOR = "landing_sensor"

#: Late files of earlier hours wait for the sensor's own interval.
HOURS_LOOKED_AT = 24

#: The time of a folder's last change, by the folder.
Seen = dict[str, int]


class LandingWatch:
    """Says that a sensor's next look is due when folders have changed since before its last one."""

    def __init__(self, look: Callable[[], Seen]) -> None:
        self._look = look
        self._before_the_tick = self._seen = look()
        self._tick: float | None = None

    def is_due(self, last_tick: float | None, *, is_due_anyway: bool) -> bool:
        """To be asked each time before the sensor may look; ``last_tick`` is when it last began to."""
        now = self._look()
        if last_tick != self._tick:
            self._tick, self._before_the_tick = last_tick, self._seen
        self._seen = now
        return is_due_anyway or now != self._before_the_tick


def folders(root: Path, hour: Hour) -> Seen:
    """The landing zone's root and the folders of a day up to this hour, as far as they are there."""
    hours = (hour.plus(-step).folder for step in range(HOURS_LOOKED_AT))
    names = {name for folder in hours for name in (folder, folder.partition("/")[0])}
    times = {}
    for path in (root, *(root / name for name in names)):
        with suppress(OSError):
            times[str(path)] = path.stat().st_mtime_ns
    return times


def look_sooner(watch: LandingWatch) -> None:
    """Has this process's daemon ask the watch before it lets the landing sensor wait."""
    is_under = sensor.is_under_min_interval

    def is_under_min_interval(
        state: InstigatorState, remote_sensor: RemoteSensor, minimum_allowed_min_interval: int | None = None
    ) -> bool:
        waits = is_under(state, remote_sensor, minimum_allowed_min_interval)
        if remote_sensor.name != LANDING_SENSOR:
            return waits
        data = state.instigator_data
        began = data.last_tick_start_timestamp if isinstance(data, SensorInstigatorData) else None
        return not watch.is_due(began, is_due_anyway=not waits)

    sensor.is_under_min_interval = is_under_min_interval


def keep_connections() -> None:
    """Has this process's daemon keep its connections, where Dagster's opens one for each statement.

    After a restart of the server each of them fails once, which the daemon's parts survive.
    """

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
        look_sooner(LandingWatch(lambda: folders(root, Hour.containing(datetime.now(UTC)))))
    sys.argv[0] = "dagster-daemon"
    cli.main()


if __name__ == "__main__":
    main()
