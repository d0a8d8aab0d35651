"""``fridge console`` and ``fridge link``: the pages of finance, and a tenant's own page."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import click

from fridge_pipeline.cli.interruption import ended_by_signals
from fridge_pipeline.cli.options import PORT
from fridge_pipeline.cli.shown_progress import console as terminal
from fridge_pipeline.cli.terminal import echo, settings
from fridge_pipeline.console.all_pages import all_pages
from fridge_pipeline.console.application import REPORTS, Console
from fridge_pipeline.console.read_tables import Reader
from fridge_pipeline.console.tenant_link import make_link_key
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.private_folder import make_private
from fridge_pipeline.database.program import program_identity
from fridge_pipeline.database.queries import statement
from fridge_pipeline.installation import finance_login, logins, open_ledger, utc_now
from fridge_pipeline.orchestration.own_pages import LOOPBACK_NAMES, OwnNames
from fridge_pipeline.settings import MODELS_FOLDER, Settings
from fridge_pipeline.visible import quoted

HOST = LOOPBACK_NAMES[0]
CONSOLE_PORT = 3001
DAYS_MAX = 400

#: About a tenth of the processor's time, where others want all of it.
NICE = 10


@click.command()
@click.option("--host", default=HOST, show_default=True, help="Address to listen on; another needs a proxy.")
@click.option("--port", type=PORT, default=CONSOLE_PORT, show_default=True, help="Port to listen on.")
@click.option("--only-reports", is_flag=True, hidden=True, help="Do not open the database: reports only.")
@click.option("--listener", type=int, hidden=True, help="A socket that listens already.")
def console(*, host: str, port: int, only_reports: bool, listener: int | None) -> None:
    """Serve the pages of finance until Ctrl-C.

    They show what is billed, what waits and until when, months, invoices and samples. They only read, with
    finance's login. `fridge up` serves them too. On a server elsewhere FRIDGE_FINANCE_DATABASE_URL names that
    login. It listens on this machine only, unless a proxy before it signs people in and sends their names in the
    header of FRIDGE_UI_USER_HEADER.

    Example: fridge console, then open http://127.0.0.1:3001
    """
    configured = settings()
    if host not in LOOPBACK_NAMES and not configured.ui_user_header:
        raise click.UsageError(
            f"{host} is not this machine alone, and the console has no sign-in: set FRIDGE_UI_USER_HEADER to the "
            "header by which the proxy before it names who is signed in"
        )
    import uvicorn  # noqa: PLC0415 # the web server takes as long to import as all else, and only this needs it

    with ExitStack() as stack:
        stack.enter_context(ended_by_signals())
        give_way(os.getpid())
        login = None if only_reports else _login(configured, stack)
        if login is None and not only_reports:
            raise click.UsageError(
                "FRIDGE_DATABASE_URL names a server whose finance login is not known, and the console reads with "
                "no other: name one in FRIDGE_FINANCE_DATABASE_URL (docs/for-finance.md says how it is made)"
            )
        app = make_console(configured, login, host)
        if app.reader is not None:
            app.reader.require_reader()
        terminal.print(f"console at http://{host}:{port}" + ("" if login else "; no login of finance: reports only"))
        server = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(server).run([socket.socket(fileno=listener)] if listener is not None else None)


def make_console(configured: Settings, login: Database | None, host: str = HOST) -> Console:
    """The application for an installation."""
    archive = configured.archive
    running = program_identity(MODELS_FOLDER)
    return Console(
        pages=all_pages(archive, configured.reports_url or REPORTS),
        reader=Reader(login, utc_now, gives_way=give_way if _is_server_ours(configured) else None) if login else None,
        names=OwnNames.of(host, configured.console_url, configured.reports_url),
        program=f"fridge_pipeline {running['version']}, source {running['source_sha256'][:12]}",
        home=configured.home,
        reports=archive / "reports" if isinstance(archive, Path) else None,
        user_header=configured.ui_user_header,
    )


def give_way(process: int) -> None:
    """Has a process of this machine work when no run wants the processor: readers must not delay billing (law L16)."""
    with suppress(OSError):  # somebody else's process, or one that is over
        os.setpriority(os.PRIO_PROCESS, process, NICE)


def _is_server_ours(configured: Settings) -> bool:
    """Whether the processes of the database are known to be of this machine."""
    return configured.finance_url is None and configured.uses_embedded_server


def _login(configured: Settings, stack: ExitStack) -> Database | None:
    """Finance's; the embedded server gets its schema first, for nobody else may be at it."""
    if _is_server_ours(configured):
        stack.enter_context(open_ledger(configured))
    return finance_login(configured, stack)


@click.command()
@click.argument("tenant")
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=30,
    show_default=True,
    help="For how many days it can be opened.",
)
def link(tenant: str, days: int) -> None:
    """Print an address that shows TENANT its own usage, and nothing else.

    Anyone who has the address can open it until its days are over. Before that, only deleting tenant-links.key in
    FRIDGE_HOME ends it, and with it all other addresses. The address begins with FRIDGE_CONSOLE_URL. On a server,
    run this as the console's user and with the console's FRIDGE_HOME: the console looks for the key there.

    Example: fridge link cohoes --days 30
    """
    configured = settings()
    with ExitStack() as stack:
        database = _login(configured, stack) or logins(configured, stack)[0]
        with database.read_only().connect() as connection:
            if connection.execute(statement("console_tenant_exists"), {"tenant": tenant}).fetchone() is None:
                raise click.UsageError(f"the books know no tenant {quoted(tenant)}: fridge tenants list names all")
    make_private(configured.home)
    until = utc_now() + timedelta(days=days)
    base = configured.console_url or f"http://{HOST}:{CONSOLE_PORT}"
    path = make_link_key(configured.home).address(tenant, until)
    echo(f"{base.rstrip('/')}{path}")
    terminal.print(f"it can be opened until {until:%Y-%m-%d %H:%M} UTC")
    if configured.console_url is None:
        told = f"FRIDGE_CONSOLE_URL is not set: it is taken to be on this machine alone, at port {CONSOLE_PORT}"
        terminal.print(told, style="yellow")


if __name__ == "__main__":
    os.umask(0o077)
    console()
