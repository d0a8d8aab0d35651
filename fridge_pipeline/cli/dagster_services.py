"""Dagster's three services, started in order: code server, webserver, daemon; with what tells them the installation."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fridge_pipeline.cli.services import Service, Services, free_port, kill_group
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.installation import Ledger
from fridge_pipeline.orchestration.instance import (
    LOCATION,
    MODULE,
    CodeAddress,
    SocketPathError,
    code_socket,
    workspace_file,
)
from fridge_pipeline.settings import REPOSITORY, Settings, without_secrets

HOST = "127.0.0.1"

#: Dagster's code server, whose runs need no imports, and what it loads.
WARM_CODE_SERVER = ("-m", "fridge_pipeline.orchestration.warm_code_server")
CODE_MODULE = ("-m", MODULE, "-d", str(REPOSITORY), "--location-name", LOCATION)

#: Dagster's daemon, which does not let a person wait.
PROMPT_DAEMON = ("-m", "fridge_pipeline.orchestration.prompt_daemon", "run")

#: Dagster's webserver, which then obeys requests of our own only.
GUARDED_WEBSERVER = ("-m", "fridge_pipeline.orchestration.guarded_webserver")

CODE_SERVER = "code-server"
WEBSERVER = "webserver"
METRICS = "metrics"
CONSOLE = "console"
DAEMON = "daemon"
START_SECONDS_MAX = 120.0
PAUSE_SECONDS = 0.2

#: So often a service is started while other programs take its port first; more than once is bad luck already.
STARTS_MAX = 3

ANY_PORT = 0

METRICS_PORT = 9464


class ServiceStartError(RuntimeError):
    """A service ended, or did not answer, instead of starting; the text shows the end of its log."""


def start_dagster(services: Services, configured: Settings, variables: Mapping[str, str], port: int) -> str:
    """Starts the services and waits until the UI answers; returns its URL. Raises ``ServiceStartError``."""
    ui_port = free_ui_port(port)
    ui_url = configured.ui_url or f"http://{HOST}:{ui_port}"
    starting = _Starting(services, configured, {**variables, "FRIDGE_UI_URL": ui_url})
    with console.status("starting Dagster"):
        workspace = starting.code_server()
        services.start(starting.service(DAEMON, sys.executable, *PROMPT_DAEMON, "-w", workspace))
        return starting.webserver(ui_port, "-w", workspace)


def free_ui_port(port: int) -> int:
    """The port for the UI, or another one when it is taken, which is said."""
    ui_port = free_port(port, HOST)
    if port not in {ui_port, ANY_PORT}:
        console.print(f"port {port} is in use; the UI takes {ui_port}", style="yellow")
    return ui_port


def start_console(
    services: Services, configured: Settings, variables: Mapping[str, str], finance: str | None, port: int
) -> str:
    """Serves the pages of finance, and finished reports below them, to this machine; returns their address.

    ``finance`` is the DSN of finance's login; without one only reports are shown. Its process begins when it is called.
    """
    given = {"FRIDGE_FINANCE_DATABASE_URL": finance} if finance is not None else {}
    named = {name: value for name, value in variables.items() if not name.startswith("FRIDGE_DATABASE_URL")}
    environment = {**without_secrets({**os.environ, **named}), **given}
    command = [sys.executable, "-m", "fridge_pipeline.cli.console", *([] if given else ["--only-reports"])]
    service = Service(CONSOLE, command, environment, _log(configured, CONSOLE))
    return f"http://{HOST}:{listen_for(services, service, port)}"


def start_metrics(services: Services, configured: Settings, variables: Mapping[str, str], port: int) -> str:
    """Serves the signals to a Prometheus on this machine once it calls; returns their address."""
    environment = without_secrets({**os.environ, **variables}, keep=("FRIDGE_DATABASE_URL",))
    command = [str(Path(sys.executable).parent / "fridge"), "metrics"]
    service = Service(METRICS, command, environment, _log(configured, METRICS))
    listening = listen_for(services, service, port)
    if port not in {listening, ANY_PORT}:
        console.print(f"port {port} is in use; the metrics take {listening}", style="yellow")
    return f"http://{HOST}:{listening}/metrics"


def listen_for(services: Services, service: Service, port: int) -> int:
    """Listens in a service's place, on this port or on another when it is taken; returns which."""
    try:
        service.listener = socket.create_server((HOST, port))
    except OSError:
        service.listener = socket.create_server((HOST, ANY_PORT))
    service.command = [*service.command, "--listener", str(service.listener.fileno())]
    services.start_when_called(service)
    return int(service.listener.getsockname()[1])


def start_ui(
    services: Services, configured: Settings, variables: Mapping[str, str], port: int, *, read_only: bool
) -> str:
    """Starts a UI without a daemon, beside whatever else runs here; returns its URL. Raises ``ServiceStartError``."""
    starting = _Starting(services, configured, variables, f"-{port}", is_read_only=read_only)
    with console.status("starting the UI"):
        workspace = starting.code_server()
        return starting.webserver(free_ui_port(port), "-w", workspace, *(["--read-only"] if read_only else []))


@dataclass(frozen=True, slots=True)
class _Starting:
    """Services that are being started; ``beside`` tells the files of a second UI from those of the first."""

    services: Services
    configured: Settings
    variables: Mapping[str, str]
    beside: str = ""
    is_read_only: bool = False

    def service(self, name: str, *command: str) -> Service:
        environment = {**os.environ, **self.variables}
        if name != CODE_SERVER or self.is_read_only:  # runs work there, and sensors and schedules are asked there
            environment = without_secrets(environment, keep=("FRIDGE_DATABASE_URL",))
        return Service(name, command, environment, _log(self.configured, f"{name}{self.beside}"))

    def code_server(self) -> str:
        """Starts it on a socket, and names it in a workspace file; returns the file's path.

        It runs what it is asked to: on a port every user of this machine could ask it.
        """
        try:
            path = code_socket(self.configured, f"code{self.beside}")
        except SocketPathError:
            path = self.services.temporary_folder() / "code.socket"
        code = CodeAddress(path)
        service = self.service(CODE_SERVER, sys.executable, *WARM_CODE_SERVER, *CODE_MODULE, *code.options)
        service.socket = path
        self.services.start(service)
        _await(service)
        return str(workspace_file(self.configured, f"workspace{self.beside}", code))

    def webserver(self, port: int, *arguments: str) -> str:
        """Starts it on this port, or on another when it is taken meanwhile; returns its URL."""
        service = self.service(WEBSERVER, sys.executable, *GUARDED_WEBSERVER, *arguments)
        return f"http://{HOST}:{start_listening(self.services, service, port)}"


def start_listening(services: Services, service: Service, port: int) -> int:
    """Starts a service on a port and returns it, or the other port that it got when a program took that one meanwhile.

    The service's command takes ``--host`` and ``--port`` behind it. Raises ``ServiceStartError``.
    """
    command = service.command
    for starts_left in reversed(range(STARTS_MAX)):
        service.port, service.command = port, [*command, "--host", HOST, "--port", str(port)]
        if service.process is None:
            services.start(service)
        else:
            services.restart(service)
        try:
            _await(service)
        except ServiceStartError:
            if starts_left == 0 or not _is_taken_from(service):
                raise
            service.end()
            port = free_port(ANY_PORT, HOST)
            console.print(
                f"port {service.port} was taken before {service.name} had it; it takes {port}", style="yellow"
            )
        else:
            break
    return port


def replace(services: Services, service: Service, path: Path, before_end: Callable[[], None]) -> None:
    """Starts a service on a socket anew, and ends its old process once the new one answers there.

    Who calls meanwhile reaches the old one; ``before_end`` is called just before its end. Raises ``ServiceStartError``.
    """
    old, command = service.process, service.command
    service.socket = path.with_suffix(".next")
    service.command = [str(service.socket) if word == str(path) else word for word in command]
    try:
        services.restart(service)
        _await(service)
        service.socket.replace(path)
    finally:
        service.socket, service.command = path, command
        before_end()
        if old is not None:
            kill_group(old.pid)  # ended in order it would take the new one's socket away
            old.wait()


def _log(configured: Settings, name: str) -> Path:
    logs = configured.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    return logs / f"{name}.log"


def _await(service: Service) -> None:
    """Waits until this service, and not some other program, answers on the port."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while not service.is_listening:
        if time.monotonic() > deadline or not service.is_running or _is_taken_from(service):
            raise ServiceStartError(
                f"{service.name} did not start on {service.location}; the end of {service.log}:\n{service.end_of_log()}"
            )
        time.sleep(PAUSE_SECONDS)


def _is_taken_from(service: Service) -> bool:
    """Whether another program answers on its port."""
    return service.port is not None and free_port(service.port, HOST) != service.port and not service.is_listening


def installation_environment(ledger: Ledger) -> dict[str, str]:
    """What a child process needs to work on the same installation without starting anything."""
    database = {"FRIDGE_DATABASE_URL": ledger.database.dsn, "FRIDGE_DATABASE_URL_FILE": ""}  # never both
    return {**paths_of(ledger.settings), **database}


def paths_of(configured: Settings) -> dict[str, str]:
    """The files that the settings name, as absolute paths: another process may work in another folder."""
    named = {"FRIDGE_METERS": configured.meters_file, "FRIDGE_SOURCES": configured.sources_file}
    files = {name: str(file) for name, file in named.items() if file is not None}
    elsewhere = configured.archive != configured.home
    archive = {"FRIDGE_ARCHIVE_URI": str(configured.archive)} if elsewhere else {}
    lake = {"FRIDGE_LAKE_URI": str(configured.lake)} if configured.lake is not None else {}
    return {"FRIDGE_HOME": str(configured.home), **files, **archive, **lake}
