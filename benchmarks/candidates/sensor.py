"""A look at the landing zone: our sensor's tick, and a walk that asks for every file."""

from __future__ import annotations

import os

from benchmarks.measuring.stopwatch import Stopwatch

#: A steady tick is one that follows others without news.
TICKS_BEFORE = 2


def tick(stopwatch: Stopwatch) -> int:
    """One steady tick of ``landing_sensor`` as the environment says; it must ask for nothing."""
    import dagster as dg  # noqa: PLC0415 # the walk beside it is not to carry Dagster in its memory

    from fridge_pipeline.definitions import defs  # noqa: PLC0415
    from fridge_pipeline.resources import RESOURCES  # noqa: PLC0415

    definitions = defs()
    sensor = definitions.get_sensor_def("landing_sensor")
    cursor: str | None = None

    def look() -> str | None:
        with dg.build_sensor_context(
            instance=instance, definitions=definitions, resources=RESOURCES, cursor=cursor
        ) as context:
            data = sensor.evaluate_tick(context)
        assert not data.run_requests, f"{len(data.run_requests or [])} runs were requested"
        return data.cursor

    stopwatch.work_begins()
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(TICKS_BEFORE):
            cursor = look()
        with stopwatch.running():
            look()
    return 1


def walk(stopwatch: Stopwatch, *, landing: str, files: int) -> int:
    """``os.walk`` and the time of every file; it remembers nothing but the newest."""
    with stopwatch.running():
        newest = seen = 0
        for folder, _, names in os.walk(landing):
            for name in names:
                newest = max(newest, os.stat(f"{folder}/{name}").st_mtime_ns)  # noqa: PTH116 # the quickest way
                seen += 1
    assert seen == files, f"{seen} files instead of {files}"
    return 1
