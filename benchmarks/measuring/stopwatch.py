"""The stopwatch: runs in the candidate's process, around the part that is timed."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from benchmarks.measuring.sample import Sample

#: The peak of this program alone. ``ru_maxrss`` will not do on Linux: it also holds the peak of the process that
#: started this one, because the kernel keeps it across ``exec``.
PEAK_OF_PROGRAM = Path("/proc/self/status")


class Stopwatch:
    """Times one part of a candidate; ``watched`` are the other processes (by name) that work for it meanwhile."""

    def __init__(self, watched: Mapping[str, int]) -> None:
        self._watched = watched
        self._wall: float | None = None
        self._cpu = 0.0
        self._peak_before: int | None = None
        self._watched_cpu: dict[str, float] = {}

    def work_begins(self) -> None:
        """Where something that is not timed, but takes memory, comes before what is timed."""
        self._peak_before = peak_memory()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around the part that counts; once per candidate."""
        if self._peak_before is None:
            self.work_begins()
        watched_before = {name: cpu_of_processes(pid) for name, pid in self._watched.items()}
        cpu_before, started = own_cpu(), time.perf_counter()
        yield
        self._wall = time.perf_counter() - started
        self._cpu = own_cpu() - cpu_before
        self._watched_cpu = {name: cpu_of_processes(pid) - watched_before[name] for name, pid in self._watched.items()}

    def took(self, since_start_until: float) -> None:
        """Instead of ``running``: from the start of this process until a point in time, with all CPU up to now."""
        self._peak_before = 0
        self._wall = since_start_until - psutil.Process().create_time()
        self._cpu = own_cpu()

    def sample(self, work: float) -> Sample:
        """What was measured. Raises ``RuntimeError`` when nothing was."""
        if self._wall is None or self._peak_before is None:
            raise RuntimeError("the candidate never ran the stopwatch")
        return Sample(self._wall, self._cpu, peak_memory(), self._peak_before, work, self._watched_cpu)


def own_cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def cpu_of_processes(pid: int) -> float:
    """CPU seconds of a process and all below it, those that have ended included."""
    total = 0.0
    with suppress(psutil.Error):  # gone meanwhile, or of another user where that may not be asked
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                spent = each.cpu_times()
                total += spent.user + spent.system
                total += getattr(spent, "children_user", 0.0) + getattr(spent, "children_system", 0.0)
    return total


def peak_memory() -> int:
    """The most this program ever held resident, in bytes."""
    if PEAK_OF_PROGRAM.exists():
        for line in PEAK_OF_PROGRAM.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
