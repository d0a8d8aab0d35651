"""``fridge serve``: one service in the foreground, for systemd, Compose and whatever else keeps services up."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import ParamSpec

import click

from fridge_pipeline.cli.command_groups import SentenceGroup
from fridge_pipeline.cli.dagster_services import (
    CODE_MODULE,
    CODE_SERVER,
    GUARDED_WEBSERVER,
    HOST,
    PROMPT_DAEMON,
    START_SECONDS_MAX,
    WARM_CODE_SERVER,
    ServiceStartError,
)
from fridge_pipeline.cli.interruption import ended_by_signals
from fridge_pipeline.cli.options import PORT
from fridge_pipeline.cli.services import UMASK, Service
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.cli.terminal import settings
from fridge_pipeline.cli.up import LOST_RUNS_SECONDS, UI_PORT, refuse_second
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.private_folder import make_private
from fridge_pipeline.installation import open_ledger
from fridge_pipeline.orchestration.instance import (
    CodeAddress,
    code_socket,
    dagster_environment,
    workspace_file,
    workspace_file_without_server,
)
from fridge_pipeline.orchestration.lost_runs import ask_dagster, find_lost_runs, make_storage
from fridge_pipeline.settings import Settings, without_secrets

P = ParamSpec("P")

SOCKET = click.Path(path_type=Path, dir_okay=False)
CODE_SOCKET = "code"
CODE_PORT = 4000
WATCH_SECONDS = 1.0


class ServiceEndedError(RuntimeError):
    """The service ended by itself; whoever keeps it up starts it again."""


@click.group(cls=SentenceGroup)
def serve() -> None:
    """Run one service in the foreground.

    This is for systemd, Compose or Kubernetes; `fridge up` is for one machine. All three services need the same
    FRIDGE_DATABASE_URL, whose server they do not start, and write their logs to their output.
    """


def code_options(command: Callable[P, None]) -> Callable[P, None]:
    """Where the code location answers, for those that ask it."""
    for option in (
        click.option(
            "--code-port",
            type=PORT,
            help=f"The port of `serve code`, instead of a socket. [with --code-host: {CODE_PORT}]",
        ),
        click.option(
            "--code-host", help="The machine of `serve code`, instead of a socket. [with --code-port: this one]"
        ),
        click.option(
            "--code-socket", type=SOCKET, help="The socket of `serve code`. [default: code.socket in FRIDGE_HOME]"
        ),
    ):
        command = option(command)
    return command


@serve.command()
@click.option("--socket", type=SOCKET, help="Socket to listen on. [default: code.socket in FRIDGE_HOME]")
@click.option("--host", help="Listen on a port of this address instead: whoever reaches it runs code with all secrets.")
@click.option("--port", type=PORT, help=f"That port. [with --host: {CODE_PORT}]")
def code(*, socket: Path | None, host: str | None, port: int | None) -> None:
    """Serve the definitions, and execute runs.

    Only this service needs Stripe's key and the landing zone. It refuses to start while the schema is older than
    this code (`fridge migrate`). Runs that an earlier code location left unfinished are reported, and Dagster
    retries them; so run only one per database.
    """
    configured = _external_settings()
    with ExitStack() as stack:
        stack.enter_context(ended_by_signals())
        refuse_second(stack, configured.home / "code.lock", "serve code")
        address = _code_address(configured, socket, host, port)
        ledger = stack.enter_context(open_ledger(configured, decides_start=True))
        os.environ.update(dagster_environment(configured))
        command = [sys.executable, *WARM_CODE_SERVER, *CODE_MODULE, *address.options]
        service = Service(CODE_SERVER, command, os.environ, None, address.port, address.socket)
        storage = make_storage(ledger.database)
        lost = find_lost_runs(storage, code_server_ended=True)
        stack.callback(service.end)
        with suppress(KeyboardInterrupt):
            service.start()
            _await_listening(service)
            _report(lost)
            _say(f"serving code on {address}; usage goes to {ledger.stripe_location}; {len(lost)} runs were lost")
            _watch(service, storage)


@serve.command()
@click.option("--host", default=HOST, show_default=True, help="Address to listen on; the UI has no sign-in.")
@click.option("--port", type=PORT, default=UI_PORT, show_default=True, help="Port to listen on.")
@click.option(
    "--read-only", is_flag=True, help="Nothing can be launched, changed or stopped; it reaches no code location."
)
@code_options
def webserver(
    *, host: str, port: int, read_only: bool, code_socket: Path | None, code_host: str | None, code_port: int | None
) -> None:
    """Serve Dagster's UI.

    It answers requests under its own names only: this machine's, --host, and FRIDGE_UI_URL's. With --read-only it
    loads the definitions itself, without secrets, and cannot ask a code location to run anything.
    """
    configured = _external_settings()
    options = ["--host", host, "--port", str(port)]
    if not read_only:
        workspace = _workspace(configured, "webserver", code_socket, code_host, code_port)
    elif (code_socket, code_host, code_port) != (None, None, None):
        raise click.UsageError(
            "a read-only UI reaches no code location, because that holds secrets: leave --code-… out"
        )
    else:
        workspace = workspace_file_without_server(configured, "workspace-read-only-webserver")
        options.append("--read-only")
    _become(configured, [sys.executable, *GUARDED_WEBSERVER, *options], workspace)


@serve.command()
@code_options
def daemon(*, code_socket: Path | None, code_host: str | None, code_port: int | None) -> None:
    """Run Dagster's daemon: sensors, schedules, queue and retries of runs. Run only one."""
    configured = _external_settings()
    workspace = _workspace(configured, "daemon", code_socket, code_host, code_port)
    _become(configured, [sys.executable, *PROMPT_DAEMON], workspace)


def _workspace(configured: Settings, name: str, socket: Path | None, host: str | None, port: int | None) -> Path:
    return workspace_file(configured, f"workspace-{name}", _code_address(configured, socket, host, port))


def _code_address(configured: Settings, socket: Path | None, host: str | None, port: int | None) -> CodeAddress:
    if host is not None or port is not None:
        if socket is not None:
            raise click.UsageError("a code location listens on a socket or on a port; name one of them")
        return CodeAddress(host=host or HOST, port=port or CODE_PORT)
    return CodeAddress(socket.absolute() if socket is not None else code_socket(configured, CODE_SOCKET))


def _become(configured: Settings, command: list[str], workspace: Path) -> None:
    """Turns this process into Dagster's own, so that signals and memory limits are about that one."""
    environment = without_secrets({**os.environ, **dagster_environment(configured)}, keep=("FRIDGE_DATABASE_URL",))
    arguments = [*command, "--workspace", str(workspace)]
    sys.stdout.flush()
    os.umask(UMASK)  # sockets of servers that it starts are for nobody else
    os.execve(arguments[0], arguments, environment)  # noqa: S606 # a program of our own environment


def _external_settings() -> Settings:
    configured = settings()
    if configured.uses_embedded_server:
        raise click.UsageError(
            "fridge serve needs FRIDGE_DATABASE_URL or FRIDGE_DATABASE_URL_FILE; the embedded PostgreSQL goes with "
            "fridge up"
        )
    make_private(configured.home)
    return configured


def _await_listening(service: Service) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while not service.is_listening:
        if not service.is_running or time.monotonic() > deadline:
            raise ServiceStartError(f"{service.name} did not start on {service.location}; its output says why")
        time.sleep(WATCH_SECONDS / 5)


def _watch(service: Service, storage: Database) -> None:
    """Until the service ends; meanwhile looks for runs of a ``fridge bill`` that was killed, as ``fridge up`` does."""
    due = time.monotonic()
    while service.is_running:
        time.sleep(WATCH_SECONDS)
        if time.monotonic() >= due:
            due = time.monotonic() + LOST_RUNS_SECONDS
            try:
                _report(find_lost_runs(storage, code_server_ended=False))
            except Exception as error:  # noqa: BLE001 # a database that is away is no reason to end the runs
                _say(f"runs that lost their process could not be looked for: {' '.join(str(error).split())[:300]}")
    raise ServiceEndedError(f"{service.name} ended by itself; its output says why")


def _report(lost: Sequence[str]) -> None:
    if lost:
        ask_dagster("lost", *lost)


def _say(text: str) -> None:
    console.print(text, soft_wrap=True)
