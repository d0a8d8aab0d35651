"""One round: the same hours, each a run of its own, with one launcher; what it took and who did what."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from statistics import median

from cluster import Cluster, Launcher
from deliveries import Landed
from proof import Total, readings_by_run, totals
from runs import Run, Runs, await_started

LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 900.0

#: The worker to be killed, what takes its place, and after how many seconds it does.
VICTIM, REPLACEMENT = "worker-2", "worker-3"
REPLACED_AFTER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How a round goes: its name in the tables, the launcher, whether a worker is killed halfway.

    ``ranged``: ``fridge bill`` takes all hours in one run, in its own process, instead of one run an hour.
    """

    name: str
    launcher: Launcher
    kills: bool = False
    ranged: bool = False


@dataclass
class Work:
    """What one worker did."""

    runs: int = 0
    lost: int = 0
    readings: int = 0


@dataclass
class Outcome:
    """What a round came to. Seconds per run are those in which the run held its slot; lost runs are left out."""

    plan: Plan
    totals: list[Total]
    succeeded: int
    failed: int
    retried: int
    seconds: float
    slot_seconds: list[float]
    work_seconds: list[float]
    cpu_seconds: float
    workers: dict[str, Work] = field(default_factory=dict)
    kill: str = ""

    @property
    def is_right(self) -> bool:
        """Whether every total agrees."""
        return all(total.is_right for total in self.totals)

    @property
    def median_slot_seconds(self) -> float:
        """Of a run, from the moment it gets a slot to its end."""
        return median(self.slot_seconds)

    @property
    def median_work_seconds(self) -> float:
        """Of a run, from its start to its end: without what it takes to have a process for it."""
        return median(self.work_seconds)


Say = Callable[[str, int], None]


def play(plan: Plan, opened: AbstractContextManager[Cluster], landed: Landed, say: Say) -> Outcome:
    """Runs a round in a cluster that is open meanwhile, and returns what it came to.

    ``say`` hears what happens and how many hours are done.

    Raises ``TimeoutError`` when hours are left undone.
    """
    with opened as made:
        runs = Runs(made)
        if not plan.ranged:
            runs.submit(landed.hours.hours())  # all are queued before the first starts
        cpu_before = made.cpu_seconds()
        if plan.ranged:
            made.bill()
        else:
            made.start_daemon()
        killing = _Killing(made, runs) if plan.kills else None
        done = _await_all(runs, landed, killing, say)
        cpu_seconds = made.cpu_seconds() - cpu_before
        if killing:
            killing.note_lost(done)
        good = [run for run in done if run.status == "SUCCESS"]
        times = [(run.launched, run.started, run.ended) for run in good]
        whole = [(a, b, c) for a, b, c in times if a is not None and b is not None and c is not None]
        return Outcome(
            plan=plan,
            totals=totals(made),
            succeeded=len(good),
            failed=sum(run.status == "FAILURE" for run in done),
            retried=sum(run.is_retry for run in done),
            seconds=max(ended for *_, ended in whole) - min(launched for launched, *_ in whole),
            slot_seconds=[ended - launched for launched, _, ended in whole],
            work_seconds=[ended - started for _, started, ended in whole],
            cpu_seconds=cpu_seconds,
            workers=_work(made, runs, done),
            kill=killing.said if killing else "",
        )


def _await_all(runs: Runs, landed: Landed, killing: _Killing | None, say: Say) -> list[Run]:
    """Until each hour has a run that succeeded and none is under way."""
    deadline, wanted = time.monotonic() + PATIENCE_SECONDS, set(landed.hours.hours())
    while time.monotonic() < deadline:
        found = runs.all()
        done = {hour for run in found if run.status == "SUCCESS" for hour in run.hours}
        say(killing.said if killing else "", len(done & wanted))
        if wanted <= done and not any(run.is_under_way for run in found):
            return found
        if killing:
            killing.go_on(len(done))
        time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"{len(wanted - done)} hours are not done after {PATIENCE_SECONDS:.0f} s")


class _Killing:
    """Kills a worker in the middle of a run once half of the hours are done, and starts another one later."""

    def __init__(self, made: Cluster, runs: Runs) -> None:
        self._cluster, self._runs = made, runs
        self._killed_at: float | None = None  # as a run's times
        self._is_replaced = False
        self.said = ""

    def go_on(self, hours_done: int) -> None:
        """Does what is due."""
        if self._killed_at is None and hours_done >= self._cluster.landed.hours.count // 2:
            run = await_started(self._runs, VICTIM, PATIENCE_SECONDS)
            self._cluster.kill_worker(VICTIM)
            self._killed_at = time.time()
            self.said = f"SIGKILL for {VICTIM} after {hours_done} hours, in the middle of {run.hours[0]}"
        is_due = self._killed_at is not None and time.time() - self._killed_at > REPLACED_AFTER_SECONDS
        if is_due and not self._is_replaced:
            self._is_replaced = True
            self._cluster.start_worker(REPLACEMENT)
            self.said += f"; {REPLACEMENT} started"

    def note_lost(self, done: list[Run]) -> None:
        """How long Dagster took to see it."""
        ended = [run.ended for run in done if run.status == "FAILURE" and run.ended is not None]
        if self._killed_at is not None and ended:
            self.said += f"; its run was given up {min(ended) - self._killed_at:.0f} s after the kill"


def _work(made: Cluster, runs: Runs, done: list[Run]) -> dict[str, Work]:
    """Worker → what it did; with Dagster's default launcher nobody keeps who it was."""
    if made.launcher != "celery":
        return {}
    stored, workers = readings_by_run(made), dict[str, Work]()
    for run in done:
        work = workers.setdefault(runs.worker_of(run) or "unknown", Work())
        work.runs += run.status == "SUCCESS"
        work.lost += run.status == "FAILURE"
        work.readings += stored.get(run.run_id, 0)
    return dict(sorted(workers.items()))
