"""``fridge serve``: one service in the foreground, for systemd, Compose and whatever else keeps services up."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import click
import dagster as dg

from fridge_pipeline.adapters import process_lock
from fridge_pipeline.cli.context import console, settings
from fridge_pipeline.cli.dagster_services import CODE_MODULE, CODE_SERVER, START_SECONDS_MAX, ServiceStartError
from fridge_pipeline.cli.interruption import ended_by_signals
from fridge_pipeline.cli.services import Service
from fridge_pipeline.cli.up import LOST_RUNS_SECONDS, UI_PORT, AlreadyUpError
from fridge_pipeline.orchestration.installation import open_installation
from fridge_pipeline.orchestration.instance import dagster_environment, workspace_file
from fridge_pipeline.orchestration.lost_runs import find_lost_runs, report_lost_runs
from fridge_pipeline.orchestration.settings import Settings

LOOPBACK = "127.0.0.1"
CODE_PORT = 4000
WATCH_SECONDS = 1.0


class ServiceEndedError(RuntimeError):
    """The service ended by itself; whoever keeps it up starts it again."""


@click.group()
def serve() -> None:
    """Run one service in the foreground: for systemd, Compose or Kubernetes, where `fridge up` is for one machine.

    The three of them need the same FRIDGE_DATABASE_URL, a server that they do not start, and log to their output.
    """


@serve.command()
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on; whoever reaches it runs code.")
@click.option("--port", default=CODE_PORT, show_default=True, help="Port to listen on.")
def code(*, host: str, port: int) -> None:
    """Serve the assets, and be where runs work: the only service that needs Stripe's key and the landing zone.

    Refuses to start while the schema is older than this code (`fridge migrate`). Runs that an earlier one had left
    unfinished are reported, and Dagster retries them; so there may be one of it per database, not two.
    """
    configured = _external_settings()
    with ExitStack() as stack:
        stack.enter_context(ended_by_signals())
        _refuse_second(stack, configured.home / "code.lock")
        opened = stack.enter_context(open_installation(configured, decides_start=True))
        os.environ.update(dagster_environment(configured))
        command = ["api", "grpc", *CODE_MODULE, "--host", host, "--port", str(port)]
        service = Service(CODE_SERVER, [_program("dagster"), *command], os.environ, None, port)
        instance = stack.enter_context(dg.DagsterInstance.get())
        lost = find_lost_runs(instance, code_server_ended=True)
        stack.callback(service.end)
        with suppress(KeyboardInterrupt):
            service.start()
            _await_listening(service)
            report_lost_runs(instance, lost)
            _say(f"serving code on {host}:{port}; usage goes to {opened.stripe_place}; {len(lost)} runs were lost")
            _watch(service, instance)


@serve.command()
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on; the UI has no sign-in.")
@click.option("--port", default=UI_PORT, show_default=True, help="Port to listen on.")
@click.option("--code-host", default=LOOPBACK, show_default=True, help="Where `fridge serve code` listens.")
@click.option("--code-port", default=CODE_PORT, show_default=True, help="Its port.")
@click.option("--read-only", is_flag=True, help="Show everything, and let nothing be launched, changed or stopped.")
def webserver(*, host: str, port: int, code_host: str, code_port: int, read_only: bool) -> None:
    """Serve Dagster's UI."""
    name = "read-only-webserver" if read_only else "webserver"
    options = ["--host", host, "--port", str(port), *(["--read-only"] if read_only else [])]
    _become(name, "dagster-webserver", options, code_host, code_port)


@serve.command()
@click.option("--code-host", default=LOOPBACK, show_default=True, help="Where `fridge serve code` listens.")
@click.option("--code-port", default=CODE_PORT, show_default=True, help="Its port.")
def daemon(*, code_host: str, code_port: int) -> None:
    """Run Dagster's daemon: sensors, schedules, the queue of runs, retries. One of it, not two."""
    _become("daemon", "dagster-daemon", ["run"], code_host, code_port)


def _become(name: str, program: str, options: list[str], code_host: str, code_port: int) -> None:
    """Turns this process into Dagster's own, so that signals and memory limits are about that one."""
    configured = _external_settings()
    environment = {**os.environ, **dagster_environment(configured)}
    workspace = workspace_file(configured, f"workspace-{name}", code_host, code_port)
    arguments = [_program(program), *options, "--workspace", str(workspace)]
    sys.stdout.flush()
    os.execve(arguments[0], arguments, environment)  # noqa: S606 # a program of our own environment


def _external_settings() -> Settings:
    configured = settings()
    if configured.uses_embedded_server:
        raise click.UsageError(
            "fridge serve needs FRIDGE_DATABASE_URL or FRIDGE_DATABASE_URL_FILE; the embedded PostgreSQL goes with "
            "fridge up"
        )
    configured.home.mkdir(parents=True, exist_ok=True)
    return configured


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _refuse_second(stack: ExitStack, lock: Path) -> None:
    if process_lock.is_held(lock):
        raise AlreadyUpError(f"fridge serve code already runs on {lock.parent}")
    stack.enter_context(process_lock.exclusive(lock))


def _await_listening(service: Service) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while not service.is_listening:
        if not service.is_running or time.monotonic() > deadline:
            raise ServiceStartError(f"{service.name} did not start on port {service.port}; its output says why")
        time.sleep(WATCH_SECONDS / 5)


def _watch(service: Service, instance: dg.DagsterInstance) -> None:
    """Until the service ends; meanwhile looks for runs of a ``fridge bill`` that was killed, as ``fridge up`` does."""
    due = time.monotonic()
    while service.is_running:
        time.sleep(WATCH_SECONDS)
        if time.monotonic() >= due:
            due = time.monotonic() + LOST_RUNS_SECONDS
            try:
                report_lost_runs(instance, find_lost_runs(instance, code_server_ended=False))
            except Exception as error:  # noqa: BLE001 # a database that is away is no reason to end the runs
                _say(f"runs that lost their process could not be looked for: {' '.join(str(error).split())[:300]}")
    raise ServiceEndedError(f"{service.name} ended by itself; its output says why")


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)
