"""What the landing sensor leaves for its next tick, and for the daemon, which does not import the assets for it."""

from __future__ import annotations

from dagster import DagsterRunStatus

from fridge_pipeline.calendar.hours import Hour, NotAnHourError

LANDING_SENSOR = "landing_sensor"

#: At the end of a cursor: new files lie in hours that a run is at.
WAITS_FOR_RUNS = " waits for runs"

UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def cursor_of(turn: Hour | None, *, waits_for_runs: bool) -> str:
    """The hour to go on after, and whether there is news that cannot be run yet."""
    return f"{turn.key if turn else ''}{WAITS_FOR_RUNS if waits_for_runs else ''}"


def turn_of(cursor: str | None) -> Hour | None:
    """The hour a tick left in the cursor; a cursor that a person has set to something else begins a new round."""
    try:
        return Hour.from_key((cursor or "").removesuffix(WAITS_FOR_RUNS))
    except NotAnHourError:
        return None
