"""What ``fridge up`` costs while nothing is to be done, and how long a landing file then takes until Stripe has it.

With an older build beside ours (``BENCH_BASELINE`` names its ``fridge``) both are measured in turns, else against what
the build of 29 November 2026 took on two cores.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from benchmarks.bench import Bench
from benchmarks.deliveries import deliver
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.readings import readings
from benchmarks.statements import statement
from benchmarks.subjects.backfill import FLEET, ROWS_PER_FILE, import_fleet
from fridge_pipeline.calendar.hours import ONE_HOUR, Hour
from fridge_pipeline.database.connection import Database
from tests.own_environment import own_environment

BEFORE = "the build of 29 November 2026, without console and metrics"
MEBIBYTES_BEFORE, CORE_BEFORE, SECONDS_MAX = 852.0, 4.1, 8.0
WAIT_SECONDS_MAX = 300.0
SETTLE_SECONDS = 30.0


class Taken(NamedTuple):
    """Proportional memory (MiB), CPU (percent of a core), and the median of the files' ways (s)."""

    mebibytes: float
    core: float
    seconds: float


def rows(bench: Bench) -> Iterator[Row]:
    """Memory, CPU and the way of a file."""
    builds = {"ours": str(Path(sys.executable).parent / "fridge")}
    if baseline := os.environ.get("BENCH_BASELINE"):
        builds["baseline"] = baseline
    taken: dict[str, list[Taken]] = {name: [] for name in builds}
    for turn in range(bench.sizes.repeats):
        for name, program in builds.items():
            taken[name].append(_measure(bench, program, turn))
    figures: Sequence[tuple[str, str, float, str, Target]] = (
        ("memory of an idle fridge up, as it is shared", "MiB", MEBIBYTES_BEFORE, "mebibytes", Target(at_most=0.6)),
        ("CPU of an idle fridge up", "% of a core", CORE_BEFORE, "core", Target(at_most=0.5)),
        ("a landing file until Stripe has it", "s", SECONDS_MAX, "seconds", Target(at_most=1)),
    )
    for work, unit, limit, figure, target in figures:
        sides = {name: tuple(getattr(each, figure) for each in turns) for name, turns in taken.items()}
        ours = Side("fridge up with everything", sides["ours"])
        yield Row("idle", work, unit, ours, Side.limit(BEFORE if unit != "s" else "the limit", limit), target)
        if "baseline" in sides:
            yield Row("idle", work, unit, ours, Side("the baseline, in turns", sides["baseline"]))


def _measure(bench: Bench, program: str, turn: int) -> Taken:
    home = bench.fresh_folder("up")
    with _up(program, home) as books:
        import_fleet(books.dsn)
        ways = [_way(bench, books, home, turn, file) for file in range(bench.sizes.landed_files)]
        time.sleep(min(SETTLE_SECONDS, bench.sizes.idle_seconds))  # what the last run ends with
        mebibytes, core = _idle(home, bench.sizes.idle_seconds)
    return Taken(mebibytes, core, median(ways))


@contextmanager
def _up(program: str, home: Path) -> Iterator[Database]:
    """``fridge up`` in a new home, with its books."""
    environment = {**own_environment(), "FRIDGE_HOME": str(home)}
    log = home / "up.log"
    with log.open("wb") as said:
        up = subprocess.Popen([program, "up", "--port", "0"], env=environment, stdout=said, stderr=said)
    try:
        _await(lambda: "Ctrl-C stops" in log.read_text(encoding="utf-8"), "fridge up", up)
        url = subprocess.run([program, "db", "url"], env=environment, capture_output=True, text=True, check=True)
        yield Database(url.stdout.strip())
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(WAIT_SECONDS_MAX)
        subprocess.run([program, "db", "stop"], env=environment, capture_output=True, check=False)


def _way(bench: Bench, books: Database, home: Path, turn: int, file: int) -> float:
    """Seconds from a file's appearance in a closed hour until Stripe's stand-in has accepted its events."""
    hour = Hour.containing(datetime.now(UTC)).plus(-2)
    made = readings(FLEET, hour.start, ONE_HOUR, ROWS_PER_FILE, bench.seed + 1_000 * turn + file)
    landed_at = datetime.now(UTC)
    deliver(home / "landing", hour, f"gateway-{turn}-{file}.parquet", made)

    def is_billed() -> bool:
        with books.connect() as connection:
            row = connection.execute(statement("events_answered"), {"landed_at": landed_at}).fetchone()
        return row is not None and row[0] > 0

    _await(is_billed, "the landing file")
    took = (datetime.now(UTC) - landed_at).total_seconds()
    time.sleep(took)  # not while the run still checks
    return took


def _await(is_done: Callable[[], bool], what: str, process: subprocess.Popen[bytes] | None = None) -> None:
    until = time.monotonic() + WAIT_SECONDS_MAX
    while not is_done():
        if time.monotonic() > until or (process is not None and process.poll() is not None):
            raise TimeoutError(f"{what} was not there after {WAIT_SECONDS_MAX:.0f} s")
        time.sleep(0.1)


def _idle(home: Path, seconds: float) -> tuple[float, float]:
    """MiB and percent of a core of everything that names the home, and what that has started."""
    named = [each for each in psutil.process_iter() if _names(each, str(home))]
    processes = {each for one in named for each in (one, *one.children(recursive=True))}
    before = {each: _cpu_seconds(each) for each in processes}
    begun = time.monotonic()
    time.sleep(seconds)
    cpu = sum(max(_cpu_seconds(each) - before[each], 0.0) for each in processes)
    took = time.monotonic() - begun
    return sum(_pss(each) for each in processes) / 2**20, 100 * cpu / took


def _names(process: psutil.Process, home: str) -> bool:
    with suppress(psutil.Error):
        return process.environ().get("FRIDGE_HOME") == home or any(home in each for each in process.cmdline())
    return False


def _cpu_seconds(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _pss(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return float(process.memory_full_info().pss)
    return 0.0
