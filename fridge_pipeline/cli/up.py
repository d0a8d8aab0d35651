"""``fridge up``: everything on this machine, until Ctrl-C. ``fridge env``: the same environment for a shell."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import dagster as dg
import requests
from dagster import DagsterRunStatus, RunsFilter

from fridge_pipeline.adapters import process_lock
from fridge_pipeline.adapters.embedded_server.server import EmbeddedServer
from fridge_pipeline.adapters.local_sandbox import LocalSandbox
from fridge_pipeline.cli.context import console, settings
from fridge_pipeline.cli.services import Service, Services, free_port
from fridge_pipeline.orchestration.installation import Installation, open_installation
from fridge_pipeline.orchestration.instance import dagster_environment, workspace_file
from fridge_pipeline.orchestration.settings import REPOSITORY, Settings

HOST = "127.0.0.1"
UI_PORT = 3000
CODE_SERVER_PORT = 4266
START_SECONDS_MAX = 120.0
WATCH_SECONDS = 1.0
PAUSE_SECONDS = 0.3


class AlreadyUpError(RuntimeError):
    """Another ``fridge up`` works on the same FRIDGE_HOME."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running installation: its parts, its services and where its UI answers."""

    installation: Installation
    services: Services
    ui_url: str
    stripe_place: str
    embedded: EmbeddedServer | None
    sandbox: LocalSandbox | None

    def watch(self) -> None:
        """Keeps everything up until interrupted; says what it had to start again."""
        while True:
            time.sleep(WATCH_SECONDS)
            if self.embedded is not None:
                self.embedded.ensure_running()
            if self.sandbox is not None:
                self.sandbox.ensure_running()
            for name in self.services.restart_dead():
                console.print(f"[yellow]{name} had ended and was started again")


@click.command()
@click.option("--port", default=UI_PORT, show_default=True, help="Port of the UI; another is taken if it is in use.")
def up(port: int) -> None:
    """Run everything on this machine until Ctrl-C.

    Embedded PostgreSQL, schema, Stripe sandbox if no key is set, Dagster webserver and daemon with the landing
    sensor and hourly billing on. Ctrl-C stops all of it.
    """
    with running(settings(), port) as started:
        show_urls(started)
        started.watch()


@click.command()
def env() -> None:
    """Print the environment in which dagster's own commands work on this installation.

    Example: eval "$(fridge env)"; dagster definitions validate -w workspace.yaml. The output holds the database's
    password. The embedded server stays up until `fridge db stop`.
    """
    configured = settings()
    if configured.uses_embedded_server:
        EmbeddedServer(configured.home / "postgres").pin()
    with open_installation(configured) as opened:
        variables = {**common_environment(opened), **dagster_environment(configured, opened.database)}
    for name, value in sorted(variables.items()):
        click.echo(f"export {name}={shlex.quote(value)}")


def common_environment(opened: Installation) -> dict[str, str]:
    """What a child process needs to work on the same installation without starting anything."""
    return {"FRIDGE_HOME": str(opened.settings.home), "FRIDGE_DATABASE_URL": opened.database.dsn}


def show_urls(started: Running) -> None:
    """Where to look."""
    console.print(f"\n  Dagster UI      [bold]{started.ui_url}[/]")
    console.print(f"  Landing zone    {started.installation.settings.landing_uri}", highlight=False)
    console.print(f"  Usage goes to   {started.stripe_place}", highlight=False)
    if started.sandbox is not None:
        console.print("                  [yellow]no STRIPE_API_KEY is set: nobody is billed[/]")
    console.print('  Books           psql "$(fridge db url)"', highlight=False)
    console.print("\nCtrl-C stops everything.\n")


@contextmanager
def running(configured: Settings, port: int) -> Iterator[Running]:
    """Everything up for the time of a ``with`` block; leaves no process behind. Raises ``AlreadyUpError``."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    configured.home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        _refuse_second(stack, configured.home / "up.lock")
        services = Services(configured.home / "services.json")
        if services.stop_left_over():
            console.print("[yellow]ended services that an earlier start had left over")
        opened = stack.enter_context(open_installation(configured))
        sandbox = LocalSandbox(configured.home / "sandbox") if configured.uses_local_sandbox else None
        stripe = {"STRIPE_API_BASE": stack.enter_context(sandbox.hold())} if sandbox else {}
        if sandbox is not None:
            opened.gateway()  # makes the meters before the first event
        variables = {**os.environ, **common_environment(opened), **stripe}
        variables |= dagster_environment(configured, opened.database)
        report_lost_runs(variables)
        stack.callback(services.stop)
        ui_url = _start_dagster(services, configured, variables, port)
        yield Running(
            installation=opened,
            services=services,
            ui_url=ui_url,
            stripe_place=f"the local Stripe sandbox at {stripe['STRIPE_API_BASE']}"
            if sandbox
            else opened.gateway().place,
            embedded=EmbeddedServer(configured.home / "postgres") if configured.uses_embedded_server else None,
            sandbox=sandbox,
        )


def _interrupt(number: int, frame: object) -> None:  # noqa: ARG001 # Python's signature
    """SIGTERM and SIGHUP end us like Ctrl-C, so that what we started is stopped."""
    raise KeyboardInterrupt


def _refuse_second(stack: ExitStack, lock: Path) -> None:
    if process_lock.is_held(lock):
        raise AlreadyUpError(
            f"fridge up already runs on {lock.parent}; stop it with Ctrl-C, or set another FRIDGE_HOME"
        )
    stack.enter_context(process_lock.exclusive(lock))


def report_lost_runs(variables: dict[str, str]) -> None:
    """Runs that were under way when everything was last killed cannot end by themselves; Dagster is told so."""
    os.environ.update({name: variables[name] for name in variables if name.startswith(("DAGSTER_", "FRIDGE_"))})
    lost = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    with dg.DagsterInstance.get() as instance:
        for record in instance.get_run_records(RunsFilter(statuses=lost)):
            instance.report_run_failed(record.dagster_run, "its process ended with an earlier fridge up")


def _start_dagster(services: Services, configured: Settings, variables: dict[str, str], port: int) -> str:
    logs = configured.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    code_port, ui_port = free_port(CODE_SERVER_PORT), free_port(port)
    if ui_port != port:
        console.print(f"[yellow]port {port} is in use; the UI takes {ui_port}")
    workspace = str(workspace_file(configured, HOST, code_port))
    programs = Path(sys.executable).parent
    module = ["-m", "fridge_pipeline.definitions", "-d", str(REPOSITORY), "--location-name", "fridge_pipeline"]
    commands = {
        "code-server": [str(programs / "dagster"), "code-server", "start", "-h", HOST, "-p", str(code_port), *module],
        "webserver": [str(programs / "dagster-webserver"), "-h", HOST, "-p", str(ui_port), "-w", workspace],
        "daemon": [str(programs / "dagster-daemon"), "run", "-w", workspace],
    }
    with console.status("starting Dagster"):
        for name, command in commands.items():
            service = Service(name, command, variables, logs / f"{name}.log")
            services.start(service)
            if name == "code-server":
                _wait_until_listening(service, code_port)
        ui_url = f"http://{HOST}:{ui_port}"
        _wait_until_answering(f"{ui_url}/server_info", logs / "webserver.log")
    return ui_url


def _wait_until_listening(service: Service, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while free_port(port, HOST) == port:
        if time.monotonic() > deadline or not service.is_running:
            raise RuntimeError(f"{service.name} did not start; the end of {service.log}:\n{service.end_of_log()}")
        time.sleep(PAUSE_SECONDS)


def _wait_until_answering(url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(PAUSE_SECONDS)
    raise RuntimeError(f"{url} did not answer within {START_SECONDS_MAX:.0f} s; see {log}")
