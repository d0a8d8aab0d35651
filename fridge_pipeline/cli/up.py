"""``fridge up`` and ``fridge ui``: everything on this machine."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import click

from fridge_pipeline.cli.dagster_services import (
    CODE_SERVER,
    DAEMON,
    METRICS_PORT,
    WEBSERVER,
    installation_environment,
    paths_of,
    replace,
    start_console,
    start_dagster,
    start_metrics,
    start_ui,
)
from fridge_pipeline.cli.interruption import ended_by_signals
from fridge_pipeline.cli.options import PORT
from fridge_pipeline.cli.services import Services
from fridge_pipeline.cli.shown_addresses import show_addresses
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.cli.terminal import settings
from fridge_pipeline.database import process_lock
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.server import EmbeddedServer
from fridge_pipeline.database.private_folder import make_private
from fridge_pipeline.installation import Installation, finance_login, open_installation, open_ledger
from fridge_pipeline.orchestration.grid_start import ShownGrid, grid_variable
from fridge_pipeline.orchestration.instance import dagster_environment
from fridge_pipeline.orchestration.lost_runs import ask_dagster, find_lost_runs, make_storage, runs_under_way
from fridge_pipeline.orchestration.own_environment import past_proxies
from fridge_pipeline.settings import Settings
from fridge_pipeline.stripe.local_sandbox import LocalSandbox

#: Beside that of ``fridge up``.
FINANCE_UI_PORT = 3002  # fridge up has 3000 for its UI, and 3001 for the console
WATCH_SECONDS = 1.0


@click.command()
@click.option("--read-only", is_flag=True, help="Show everything; nothing can be launched, changed or stopped.")
@click.option(
    "--port", type=PORT, default=FINANCE_UI_PORT, show_default=True, help="Port of the UI; another if it is in use."
)
def ui(*, read_only: bool, port: int) -> None:
    """Show the Dagster UI of this installation until Ctrl-C.

    It runs beside a `fridge up` or without one, and starts no daemon: it watches, bills and schedules nothing.

    Example for finance: fridge ui --read-only
    """
    configured = settings()
    with ExitStack() as stack:
        stack.enter_context(ended_by_signals())
        lock = make_private(configured.home) / f"ui-{port}.lock"
        refuse_second(stack, lock, f"ui --port {port}", "; name another --port")
        ledger = stack.enter_context(open_ledger(configured))
        services = Services(configured.home / f"ui-{port}.json")
        services.stop_left_over()
        stack.callback(services.stop)
        variables = {**installation_environment(ledger), **dagster_environment(configured)}
        url = start_ui(services, configured, variables, port, read_only=read_only)
        console.print(f"\n  Dagster UI      {url}{' (read-only)' if read_only else ''}")
        console.print("\nCtrl-C stops it.\n")
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(WATCH_SECONDS)
                for service in services.end_dead():
                    services.restart(service)
                    console.print(f"{service.name} had ended and was started again; see {service.log}", style="yellow")


UI_PORT = 3000

#: How often runs of a ``fridge bill`` that was killed are looked for.
LOST_RUNS_SECONDS = 30.0


class AlreadyUpError(RuntimeError):
    """Another ``fridge up`` works on the same FRIDGE_HOME."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running installation: its parts, its services and where its UI answers."""

    installation: Installation
    services: Services
    ui_url: str
    console_url: str
    has_finance: bool
    metrics_url: str
    stripe_location: str
    embedded: EmbeddedServer | None
    sandbox: LocalSandbox | None
    grid: ShownGrid
    storage: Database
    keeps_database_up: bool = False
    lost: list[str] = field(default_factory=list)
    process_ids: dict[str, int | None] = field(default_factory=dict)

    def watch(self) -> None:
        """Keeps everything up until interrupted; says what it had to start again."""
        with suppress(KeyboardInterrupt):
            shown = ""
            lost_runs_due = time.monotonic()
            while True:
                self.services.start_called(WATCH_SECONDS)
                try:
                    self.look_after()
                    if time.monotonic() >= lost_runs_due:
                        lost_runs_due = time.monotonic() + LOST_RUNS_SECONDS
                        self.find_lost(code_server_ended=False)
                        self.follow_grid()
                    shown = ""
                except Exception as error:  # noqa: BLE001 # who keeps others alive says what is wrong, and tries again
                    if str(error) != shown:
                        shown = str(error)
                        console.print(shown, style="red")
                        console.print("trying again every second")
        console.print("stopping everything")

    def look_after(self) -> None:
        """Starts again what has died: the database first, then Stripe's stand-in, then Dagster."""
        if self.embedded is not None:
            self.embedded.ensure_running()
            if self._is_another("PostgreSQL", self.embedded.process_id()):
                for name in (WEBSERVER, DAEMON):  # they keep connections, and each dead one would be an error shown
                    self.services.named(name).end()
        if self.sandbox is not None:
            self.sandbox.ensure_running()
            self._is_another("the Stripe sandbox", self.sandbox.process_id())
        for service in self.services.end_dead():
            if service.name == CODE_SERVER:
                self.find_lost(code_server_ended=True)  # before the new one can start runs of its own
            again = "is started again by the next call"
            if service.listener is None:
                self.services.restart(service)
                again = "was started again"
            console.print(f"{service.name} had ended and {again}; see {service.log}", style="yellow", soft_wrap=True)
        if self.lost and self.services.named(CODE_SERVER).is_listening:
            ask_dagster("lost", *self.lost)
            console.print(f"{len(self.lost)} runs had lost their process; Dagster retries them", style="yellow")
            self.lost.clear()

    def _is_another(self, what: str, process_id: int | None) -> bool:
        """Whether it had ended since the last look, whoever has started it again; says so."""
        before = self.process_ids.setdefault(what, process_id)
        self.process_ids[what] = process_id
        if before != process_id:
            console.print(f"{what} had ended and was started again", style="yellow")
        return before != process_id

    def follow_grid(self) -> None:
        """Begins the grid at the first hour with landing files, also when that is an earlier one than it was.

        Not while runs are under way: they are processes of the code server.
        """
        first = self.grid.earlier_start()
        server = self.services.named(CODE_SERVER)
        if first is not None and server.socket is not None and not runs_under_way(self.storage):
            replace(self.services, server, server.socket, lambda: self.find_lost(code_server_ended=True))
            self.grid.begins_at(first)
            console.print(f"the grid begins at {first} now, the first landing hour")

    def find_lost(self, *, code_server_ended: bool) -> None:
        """Notes the runs whose process has ended, to be reported once a code server answers."""
        found = find_lost_runs(self.storage, code_server_ended=code_server_ended)
        self.lost.extend(run for run in found if run not in self.lost)


@click.command()
@click.option("--port", type=PORT, default=UI_PORT, show_default=True, help="Port of the UI; another if it is in use.")
def up(port: int) -> None:
    """Run everything on this machine until Ctrl-C.

    It starts the embedded PostgreSQL, a Stripe sandbox if no key is set, Dagster's UI and daemon, the console and
    the metrics. New landing files are loaded within half a minute, and closed hours are billed. Ctrl-C stops all of
    it but the database (fridge db stop).
    """
    with running(settings(), port) as started:
        show_addresses(started)
        started.watch()


@click.command()
def env() -> None:
    """Print the environment in which dagster's own commands see this installation.

    Example: eval "$(fridge env)"; dagster run list
    """
    configured = settings()
    variables = {**paths_of(configured), **dagster_environment(configured), **past_proxies(os.environ)}
    for name, value in sorted(variables.items()):
        click.echo(f"export {name}={shlex.quote(value)}")


@contextmanager
def running(configured: Settings, port: int) -> Iterator[Running]:
    """Everything up for the time of a ``with`` block; leaves no process behind. Raises ``AlreadyUpError``."""
    make_private(configured.home)
    with ExitStack() as stack:
        stack.enter_context(ended_by_signals())
        refuse_second(stack, configured.home / "up.lock", "up", "; stop it with Ctrl-C, or set another FRIDGE_HOME")
        services = Services(configured.home / "services.json")
        if services.stop_left_over():
            console.print("ended services that an earlier start had left over", style="yellow")
        embedded = EmbeddedServer(configured.home / "postgres") if configured.uses_embedded_server else None
        pinned_before = embedded is not None and embedded.is_pinned()
        opened = stack.enter_context(open_installation(configured, decides_start=True))
        if embedded is not None and not pinned_before:
            stack.callback(embedded.unpin)  # `fridge db url` while we are up must not keep the server up after us
        sandbox = LocalSandbox(configured.home / "sandbox") if configured.uses_local_sandbox else None
        sandbox_url = stack.enter_context(sandbox.hold()) if sandbox else None
        if sandbox is not None:
            opened.stripe.gateway()  # makes the meters before the first event
        variables = {**installation_environment(opened.ledger), **dagster_environment(configured)}
        os.environ.update(variables)  # for Dagster in this process
        start = grid_variable(os.environ)
        grid = ShownGrid(configured, opened.ledger.database, is_followed=bool(start))
        variables |= start
        storage = make_storage(opened.ledger.database)
        lost = find_lost_runs(storage, code_server_ended=True)
        stack.callback(services.stop)
        finance = finance_login(configured, stack)
        console_url = start_console(
            services,
            configured,
            paths_of(configured),
            finance.dsn if finance is not None else None,
            port + 1 if port else 0,
        )
        if isinstance(configured.archive, Path) and configured.reports_url is None:
            variables["FRIDGE_REPORTS_URL"] = f"{console_url}/reports"
        metrics_url = start_metrics(services, configured, variables, METRICS_PORT if port else 0)
        ui_url = start_dagster(services, configured, variables, port)
        yield Running(
            installation=opened,
            services=services,
            ui_url=ui_url,
            console_url=console_url,
            has_finance=finance is not None,
            metrics_url=metrics_url,
            stripe_location=f"the local Stripe sandbox at {sandbox_url}" if sandbox else opened.ledger.stripe_location,
            embedded=embedded,
            sandbox=sandbox,
            grid=grid,
            storage=storage,
            keeps_database_up=pinned_before,
            lost=lost,
        )


def refuse_second(stack: ExitStack, lock: Path, command: str, instead: str = "") -> None:
    """Keeps this command alone on a FRIDGE_HOME until the stack is closed. Raises ``AlreadyUpError``."""
    try:
        stack.enter_context(process_lock.exclusive(lock, patience=0))
    except process_lock.LockTimeoutError as error:
        raise AlreadyUpError(f"fridge {command} already runs on {lock.parent}{instead}") from error
