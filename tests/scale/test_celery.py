"""Runs on Celery workers, as far as it shows without a broker: the files in deploy/celery, and the lost worker."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from dagster import DagsterRun
from dagster._core.launcher import WorkerStatus
from dagster._serdes import ConfigurableClassData

REPOSITORY = Path(__file__).parents[2]
CELERY = REPOSITORY / "deploy" / "celery"

NOT_INSTALLED = "dagster-celery is not installed here; `make .venv/scale.done` does it"


@pytest.fixture
def celery_launcher() -> ModuleType:
    """The launcher's module, where its requirements are installed."""
    pytest.importorskip("dagster_celery", reason=NOT_INSTALLED)
    from fridge_pipeline.orchestration import celery_launcher as module  # noqa: PLC0415 # needs what may be missing

    return module


def told(path: Path) -> dict[str, Any]:
    """A dagster.yaml."""
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read


def rehydrated(monkeypatch: pytest.MonkeyPatch, launcher: dict[str, Any]) -> Any:
    """The launcher as Dagster makes it of its part of dagster.yaml: refused when the class does not take it."""
    monkeypatch.setenv("CELERY_BROKER_URL", "memory://")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "cache+memory://")
    return ConfigurableClassData(launcher["module"], launcher["class"], yaml.safe_dump(launcher["config"])).rehydrate(
        as_type=object
    )


@pytest.fixture
def launcher(celery_launcher: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The launcher of deploy/celery on a broker in memory."""
    assert celery_launcher
    return rehydrated(monkeypatch, told(CELERY / "dagster.yaml")["run_launcher"])


def run_of(task_id: str) -> DagsterRun:
    return DagsterRun("load_and_bill", run_id=str(uuid.uuid4()), tags={"dagster-celery/task_id": task_id})


def _leave_logging_alone(**_: object) -> None:
    """Whoever answers Celery's signal has set up logging himself."""


@contextmanager
def busy_worker(launcher: Any) -> Iterator[tuple[str, str, threading.Event]]:
    """A real worker in a thread, in the middle of a task: its name, the task's id, and what ends the task."""
    from celery import signals  # noqa: PLC0415 # needs what may be missing
    from celery.contrib.testing.worker import start_worker  # noqa: PLC0415

    begun, end = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        end.wait(20)

    held = launcher.celery.task(name=f"held-{uuid.uuid4()}", track_started=True)(hold)
    # As a program of its own a worker takes over logging; here that would silence whatever test comes next.
    signals.setup_logging.connect(_leave_logging_alone)
    with start_worker(launcher.celery, pool="threads", concurrency=1, perform_ping_check=False) as worker:
        task = held.apply_async(queue="dagster")
        assert begun.wait(20)
        try:
            yield str(worker.hostname), str(task.id), end
        finally:
            end.set()


def test_the_celery_instance_is_the_usual_one_but_for_its_launcher_and_its_slots() -> None:
    usual, celery = told(REPOSITORY / "dagster.yaml"), told(CELERY / "dagster.yaml")
    del celery["run_launcher"]
    for each in (usual, celery):
        del each["concurrency"]["runs"]["max_concurrent_runs"]
    assert celery == usual


def test_no_address_of_a_broker_stands_in_a_file() -> None:
    config = told(CELERY / "dagster.yaml")["run_launcher"]["config"]
    assert (config["broker"], config["backend"]) == ({"env": "CELERY_BROKER_URL"}, {"env": "CELERY_RESULT_BACKEND"})
    assert all("://" not in path.read_text(encoding="utf-8") for path in CELERY.iterdir() if path.is_file())


def test_dagster_makes_the_launcher_of_its_config_and_refuses_a_misspelt_one(
    launcher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (launcher.broker, launcher.default_queue) == ("memory://", "dagster")
    misspelt = told(CELERY / "dagster.yaml")["run_launcher"]
    misspelt["config"]["borker"] = misspelt["config"].pop("broker")
    with pytest.raises(Exception, match="borker"):
        rehydrated(monkeypatch, misspelt)


def test_a_worker_takes_a_run_only_when_it_can_begin_it_and_a_message_comes_again_only_after_the_longest_run(
    celery_launcher: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert celery_launcher
    from celery.app.defaults import NAMESPACES, flatten  # noqa: PLC0415 # needs what may be missing
    from dagster_celery.make_app import make_app  # noqa: PLC0415

    monkeypatch.syspath_prepend(str(CELERY))
    import dagster_celery_config as config  # noqa: PLC0415

    given = {name: value for name, value in vars(config).items() if not name.startswith("_")}
    assert given.keys() <= {name for name, _ in flatten(NAMESPACES)}  # none that Celery does not know
    conf = make_app().conf
    assert {name: getattr(conf, name) for name in given} == given
    assert (conf.task_acks_late, conf.worker_prefetch_multiplier) == (True, 1)
    longest = told(CELERY / "dagster.yaml")["run_monitoring"]["max_runtime_seconds"]
    assert conf.broker_transport_options["visibility_timeout"] > longest


def test_a_run_whose_worker_is_gone_is_lost_which_celerys_own_launcher_never_notices(
    launcher: Any, celery_launcher: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celery_launcher, "ANSWER_SECONDS", 0.2)
    launcher.celery.backend.store_result("task-1", {"pid": 7, "hostname": "worker-2@gone"}, "STARTED")
    run = run_of("task-1")
    of_celery = super(type(launcher), launcher).check_run_worker_health(run)
    assert of_celery.status is WorkerStatus.RUNNING
    health = launcher.check_run_worker_health(run)
    assert health.status is WorkerStatus.FAILED
    assert "worker-2@gone does not answer" in str(health.msg)


def test_a_run_is_well_while_its_worker_works_on_it_and_after_it_has_ended(launcher: Any) -> None:
    with busy_worker(launcher) as (_, task_id, end):
        assert launcher.check_run_worker_health(run_of(task_id)).status is WorkerStatus.RUNNING
        end.set()
        launcher.celery.AsyncResult(task_id).get(timeout=20)
        assert launcher.check_run_worker_health(run_of(task_id)).status is WorkerStatus.SUCCESS


def test_a_run_is_lost_when_a_worker_of_the_same_name_has_taken_the_place_of_its_own(launcher: Any) -> None:
    with busy_worker(launcher) as (worker, _, _):
        launcher.celery.backend.store_result("task-2", {"pid": 7, "hostname": worker}, "STARTED")
        health = launcher.check_run_worker_health(run_of("task-2"))
    assert health.status is WorkerStatus.FAILED
    assert f"{worker} was started anew" in str(health.msg)
