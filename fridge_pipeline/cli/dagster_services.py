"""Dagster's three services, started in order: code server, webserver, daemon."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from fridge_pipeline.cli.context import console
from fridge_pipeline.cli.services import Service, Services, free_port
from fridge_pipeline.orchestration.instance import workspace_file
from fridge_pipeline.orchestration.settings import REPOSITORY, Settings

HOST = "127.0.0.1"
CODE_SERVER = "code-server"
WEBSERVER = "webserver"
START_SECONDS_MAX = 120.0
PAUSE_SECONDS = 0.2
ANY_PORT = 0


class ServiceStartError(RuntimeError):
    """A service ended, or did not answer, instead of starting; the text shows the end of its log."""


def start_dagster(services: Services, configured: Settings, variables: Mapping[str, str], port: int) -> str:
    """Starts the services and waits until the UI answers; returns its URL. Raises ``ServiceStartError``."""
    logs = configured.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    programs = Path(sys.executable).parent

    def start(name: str, *command: str, port: int | None = None) -> Service:
        program = [str(programs / command[0]), *command[1:]]
        service = Service(name, program, variables, logs / f"{name}.log", port, works_in_child=name == CODE_SERVER)
        services.start(service)
        return service

    with console.status("starting Dagster"):
        code_port = free_port(ANY_PORT, HOST)  # nobody types it; a fixed one could be another installation's
        module = ["-m", "fridge_pipeline.definitions", "-d", str(REPOSITORY), "--location-name", "fridge_pipeline"]
        address = ["-h", HOST, "-p", str(code_port)]
        _await(start(CODE_SERVER, "dagster", "code-server", "start", *address, *module, port=code_port))
        workspace = str(workspace_file(configured, HOST, code_port))
        start("daemon", "dagster-daemon", "run", "-w", workspace)
        ui_port = free_port(port, HOST)
        if ui_port != port:
            console.print(f"[yellow]port {port} is in use; the UI takes {ui_port}")
        address = ["-h", HOST, "-p", str(ui_port)]
        _await(start(WEBSERVER, "dagster-webserver", *address, "-w", workspace, port=ui_port))
    return f"http://{HOST}:{ui_port}"


def _await(service: Service) -> None:
    """Waits until this service, and not some other program, answers on the port."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while not service.is_listening:
        if time.monotonic() > deadline or not service.is_running:
            raise ServiceStartError(
                f"{service.name} did not start on port {service.port}; "
                f"the end of {service.log}:\n{service.end_of_log()}"
            )
        time.sleep(PAUSE_SECONDS)
