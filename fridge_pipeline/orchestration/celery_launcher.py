"""The run launcher for workers on several machines: Dagster's own for Celery, which also notices a lost machine.

Named in ``deploy/celery/dagster.yaml`` and imported from there only: it needs ``requirements/scale.txt``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import DagsterRun
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

#: A worker's main process answers at once, whatever its runs are busy with; a loaded machine gets so long, so often.
ANSWER_SECONDS = 5.0
QUESTIONS = 3


class WatchedCeleryLauncher(CeleryRunLauncher):  # type: ignore[misc]  # without type information
    """Celery's launcher, except that a run is lost when its worker does not know it.

    Celery itself notices that the process of a run died. When the whole worker goes (power, network, SIGKILL), nobody
    is left to say so: the task stays ``STARTED``, and Dagster would give the run up after ``max_runtime_seconds``,
    six hours. So the worker that wrote ``STARTED`` is asked what it works on. A run that is given up though its worker
    lives, behind a broken network, is only repeated beside itself, which the books stand (laws L1 and L5).
    """

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """What Dagster's monitoring asks every ``poll_interval_seconds`` of every run under way."""
        health: CheckRunHealthResult = super().check_run_worker_health(run)
        if health.status is not WorkerStatus.RUNNING:
            return health
        task_id = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        started = self.celery.AsyncResult(task_id).info
        if not isinstance(started, Mapping) or "hostname" not in started:
            return health  # it has ended between the two looks; the next one tells how
        worker = str(started["hostname"])
        tasks = self._tasks_of(worker)
        if tasks is not None and task_id in tasks:
            return health
        health = super().check_run_worker_health(run)
        if health.status is not WorkerStatus.RUNNING:
            return health
        said = "does not answer" if tasks is None else "was started anew"
        return CheckRunHealthResult(WorkerStatus.FAILED, f"Celery worker {worker} {said}: the run is lost.")

    def _tasks_of(self, worker: str) -> set[str] | None:
        """The tasks that a worker works on; ``None`` when it does not answer."""
        asked = self.celery.control.inspect(destination=[worker], timeout=ANSWER_SECONDS, limit=1)
        for _ in range(QUESTIONS):
            answer: dict[str, list[dict[str, Any]]] | None = asked.active()
            if answer and worker in answer:
                return {str(task["id"]) for task in answer[worker]}
        return None
