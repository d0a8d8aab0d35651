"""The services by themselves, as a supervisor starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import dagster as dg
import psutil
import pytest
import yaml
from click.testing import CliRunner
from dagster import DagsterRunStatus
from dagster._core.utils import make_new_run_id
from dagster._grpc.client import DagsterGrpcClient

from fridge_pipeline.cli.main import fridge
from fridge_pipeline.cli.services import stop_groups
from fridge_pipeline.cli.up import AlreadyUpError, refuse_second
from fridge_pipeline.database import process_lock
from fridge_pipeline.database.connection import Database, DatabaseUnreachableError
from fridge_pipeline.orchestration import dagster_storage
from fridge_pipeline.orchestration.instance import dagster_environment, storage_dsn
from fridge_pipeline.settings import read_settings
from tests.pipeline import Pipeline

STORAGE = {"module": "fridge_pipeline.orchestration.dagster_storage", "class": "InstallationStorage", "config": {}}
SIGN_IN_NOWHERE = "postgresql://u:hidden@127.0.0.1:9/books"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Variables as a supervisor gives them: the address in a file."""
    secret = tmp_path / "database_url"
    secret.write_text(f"{SIGN_IN_NOWHERE}\n")
    return {"FRIDGE_HOME": str(tmp_path / "home"), "FRIDGE_DATABASE_URL_FILE": str(secret)}


@pytest.mark.parametrize("service", ["code", "webserver", "daemon"])
def test_a_service_without_a_server_of_its_own_says_what_it_needs(service: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(fridge, ["serve", service], env={"FRIDGE_HOME": str(tmp_path)})
    assert done.exit_code == 2
    assert "needs FRIDGE_DATABASE_URL or FRIDGE_DATABASE_URL_FILE" in done.output


GUARDED = ["python", "-m", "fridge_pipeline.orchestration.guarded_webserver"]
DAEMON = ["python", "-m", "fridge_pipeline.orchestration.prompt_daemon", "run"]
LOCATION = {"location_name": "fridge_pipeline"}


@pytest.mark.parametrize(
    ("service", "options", "becomes", "location"),
    [
        (
            "webserver",
            [],
            [*GUARDED, "--host", "127.0.0.1", "--port", "3000"],
            {"grpc_server": {"socket": "HOME/code.socket", **LOCATION}},
        ),
        (
            "webserver",
            ["--read-only", "--host", "0.0.0.0", "--port", "3001"],  # noqa: S104
            [*GUARDED, "--host", "0.0.0.0", "--port", "3001", "--read-only"],  # noqa: S104
            {"python_module": {"module_name": "fridge_pipeline.definitions", **LOCATION}},
        ),
        (
            "daemon",
            ["--code-socket", "/run/fridge/code.socket"],
            DAEMON,
            {"grpc_server": {"socket": "/run/fridge/code.socket", **LOCATION}},
        ),
        (
            "daemon",
            ["--code-host", "code"],
            DAEMON,
            {"grpc_server": {"host": "code", "port": 4000, **LOCATION}},
        ),
    ],
)
def test_webserver_and_daemon_become_dagsters_own_with_the_code_location_that_is_named(
    service: str,
    options: list[str],
    becomes: list[str],
    location: dict[str, object],
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: called.append(arguments))
    before = os.umask(0o022)
    try:
        done = CliRunner().invoke(fridge, ["serve", service, *options], env=environ)
    finally:
        kept = os.umask(before)
    assert done.exit_code == 0, (done.output, done.exception)
    assert kept == 0o077, "what it makes is for nobody else"
    [(program, arguments, environment)] = called
    assert Path(program).is_file()
    assert [Path(arguments[0]).name, *arguments[1:-2]] == becomes
    [found] = yaml.safe_load(Path(arguments[-1]).read_text().replace(environ["FRIDGE_HOME"], "HOME"))["load_from"]
    assert found == location
    assert (Path(environment["DAGSTER_HOME"]) / "dagster.yaml").is_file()
    assert "hidden" not in str((arguments, environment)), "the secret stays in its file"


@pytest.mark.parametrize(
    "reached", [["--code-port", "4000"], ["--code-host", "code"], ["--code-socket", "/run/fridge/code.socket"]]
)
def test_the_ui_for_finance_can_reach_no_code_location_because_that_holds_secrets(
    reached: list[str], environ: dict[str, str]
) -> None:
    done = CliRunner().invoke(fridge, ["serve", "webserver", "--read-only", *reached], env=environ)
    assert done.exit_code == 2
    assert "a read-only UI reaches no code location" in done.output


def test_the_files_that_services_share_are_left_alone_when_they_are_as_they_should_be(environ: dict[str, str]) -> None:
    settings = read_settings(environ)
    file = Path(dagster_environment(settings)["DAGSTER_HOME"]) / "dagster.yaml"
    before = file.stat()
    dagster_environment(settings)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    file.write_text("broken: [")
    dagster_environment(settings)
    assert yaml.safe_load(file.read_text())["run_monitoring"]["enabled"]
    assert [each.name for each in file.parent.iterdir()] == ["dagster.yaml"]


def test_a_second_code_location_is_refused_because_it_would_take_the_firsts_runs_for_lost(
    environ: dict[str, str],
) -> None:
    lock = Path(environ["FRIDGE_HOME"]) / "code.lock"
    lock.parent.mkdir()
    with process_lock.exclusive(lock):
        done = CliRunner().invoke(fridge, ["serve", "code"], env=environ)
    assert isinstance(done.exception, AlreadyUpError)
    assert "fridge serve code already runs on" in str(done.exception)
    assert isinstance(CliRunner().invoke(fridge, ["serve", "code"], env=environ).exception, DatabaseUnreachableError)


def test_of_two_that_start_in_the_same_moment_the_second_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_lock, "is_held", lambda _: False)  # as it was when the second one looked
    begun = time.monotonic()
    with process_lock.exclusive(tmp_path / "up.lock"), ExitStack() as stack, pytest.raises(AlreadyUpError):
        refuse_second(stack, tmp_path / "up.lock", "up")
    assert time.monotonic() - begun < 5


def test_a_second_ui_on_the_same_port_is_refused_because_it_would_end_the_firsts_services(
    environ: dict[str, str],
) -> None:
    lock = Path(environ["FRIDGE_HOME"]) / "ui-3002.lock"
    lock.parent.mkdir()
    with process_lock.exclusive(lock):
        done = CliRunner().invoke(fridge, ["ui"], env=environ)
    assert isinstance(done.exception, AlreadyUpError)
    assert "fridge ui --port 3002 already runs on" in str(done.exception)
    assert isinstance(CliRunner().invoke(fridge, ["ui"], env=environ).exception, DatabaseUnreachableError)


@pytest.fixture
def kept(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """What Dagster keeps of the test's installation."""
    storage = Database(storage_dsn(pipeline.database.dsn))
    pipeline.database.create_beside(storage)
    url = storage.dsn.replace("postgresql://", "postgresql+psycopg2://")
    monkeypatch.setattr(dagster_storage, "_storage_url", lambda: url)
    with dg.instance_for_test(overrides={"storage": {"custom": STORAGE}}) as instance:
        yield instance


@pytest.fixture
def code(pipeline: Pipeline, kept: dg.DagsterInstance, tmp_path: Path) -> list[str]:  # noqa: ARG001 # made first
    """The command line of a code location on the test's installation."""
    (tmp_path / "database_url").write_text(f"{pipeline.database.dsn}\n")
    variables = {
        "FRIDGE_HOME": str(tmp_path / "home"),
        "FRIDGE_DATABASE_URL_FILE": str(tmp_path / "database_url"),
        "FRIDGE_LANDING_URI": str(pipeline.landing),
        "STRIPE_API_BASE": pipeline.sandbox.url,
    }
    set_here = [f"{name}={value}" for name, value in variables.items()]
    return ["env", *set_here, str(Path(sys.executable).parent / "fridge"), "serve", "code"]


def lives(pid: int) -> bool:
    """Whether a process still works; one that has ended and whose parent has not looked yet does not."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def everything_below(pid: int) -> list[int]:
    """A process and all that it started, each in a session of its own."""
    with suppress(psutil.NoSuchProcess):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return []


def test_the_code_location_answers_has_lost_runs_tried_again_and_ends_with_all_it_started(
    code: list[str], kept: dg.DagsterInstance
) -> None:
    left = kept.add_run(
        dg.DagsterRun(job_name="check_books", run_id=make_new_run_id(), status=DagsterRunStatus.STARTED)
    )
    serving = subprocess.Popen(
        code, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    started: list[int] = []
    try:
        assert serving.stderr is not None
        said = next(line for line in serving.stderr if line.startswith("serving code on "))
        socket = Path(said.removeprefix("serving code on ").partition(";")[0])
        assert said.endswith("1 runs were lost\n")
        run = kept.get_run_by_id(left.run_id)
        assert run is not None
        assert run.status is DagsterRunStatus.FAILURE
        assert DagsterGrpcClient(socket=str(socket)).ping("here")["echo"] == "here"
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        started = everything_below(serving.pid)

        serving.send_signal(signal.SIGTERM)
        assert serving.wait(timeout=60) == 0
        assert [pid for pid in started if lives(pid)] == []
    finally:
        stop_groups([pid for pid in {*started, *everything_below(serving.pid)} if lives(pid)], patience=0)
