"""Lost runs: their process has ended without a word, so they look as if they were under way.

Dagster's default launcher cannot tell (it gives such a run up after ``max_runtime_seconds``, six hours). Until
then the run would keep a place in the queue and block its hours. Told that it failed, Dagster retries it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress

import dagster as dg
import psutil
from dagster import DagsterRun, DagsterRunStatus, RunsFilter

#: The process that a run works in, when that is not one of the services of ``fridge up``.
PROCESS_TAG = "fridge/process"

CAN_BE_LOST = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


def this_process() -> str:
    """This process as a tag's value: machine, process id and start time, for process ids are used again."""
    return _describe(psutil.Process())


def find_lost_runs(instance: dg.DagsterInstance, *, code_server_ended: bool) -> list[DagsterRun]:
    """The runs under way whose process has ended.

    Runs of ``fridge bill`` carry their process. All others work below the code server: they are lost when it,
    with everything it started, has ended (``code_server_ended``), and alive otherwise.
    """
    return [
        record.dagster_run
        for record in instance.get_run_records(RunsFilter(statuses=CAN_BE_LOST))
        if _has_ended(record.dagster_run, code_server_ended=code_server_ended)
    ]


def report_lost_runs(instance: dg.DagsterInstance, lost: Iterable[DagsterRun]) -> None:
    """Tells Dagster that the runs have ended, for which a code server must answer.

    Its daemon retries a run within seconds of being told, and only once: with no code server up it would give up.
    """
    for run in lost:
        if run.status is DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, "its process ended while it was being cancelled")
        else:
            instance.report_run_failed(run, "its process ended before the run did (killed, out of memory, power cut)")


def _has_ended(run: DagsterRun, *, code_server_ended: bool) -> bool:
    process = run.tags.get(PROCESS_TAG)
    if process is None:
        return code_server_ended
    host, pid, _ = process.split("/")
    if host != socket.gethostname():
        return False  # another machine's: we cannot look
    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(int(pid))
        return found.status() == psutil.STATUS_ZOMBIE or _describe(found) != process
    return True


def _describe(process: psutil.Process) -> str:
    return f"{socket.gethostname()}/{process.pid}/{process.create_time():.0f}"
