"""``fridge metrics``: the signals of an installation, for Prometheus."""

from __future__ import annotations

import logging
import socket
from contextlib import ExitStack, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Semaphore
from typing import Any

import click

from fridge_pipeline.cli.dagster_services import METRICS_PORT
from fridge_pipeline.cli.options import PORT
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.cli.terminal import settings
from fridge_pipeline.database.connection import Database
from fridge_pipeline.installation import metrics_login, utc_now
from fridge_pipeline.operations.expose_signals import Exposition
from fridge_pipeline.operations.read_signals import Observed, read_signals
from fridge_pipeline.orchestration.instance import storage_dsn
from fridge_pipeline.orchestration.own_pages import LOOPBACK_NAMES, OwnNames, header_map, refused

HOST = LOOPBACK_NAMES[0]
PATH = "/metrics"

#: So many are answered, or listened to, at a time; each takes a thread. Prometheus comes alone.
CALLERS_MAX = 32

logger = logging.getLogger(__name__)


@click.command()
@click.option("--host", default=HOST, show_default=True, help="Address to listen on; there is no sign-in.")
@click.option("--port", type=PORT, default=METRICS_PORT, show_default=True, help="Port to listen on.")
@click.option(
    "--name", "names", multiple=True, metavar="HOST", help="Another host name under which Prometheus reaches it."
)
@click.option("--listener", type=int, hidden=True, help="A socket that listens already.")
def metrics(*, host: str, port: int, names: tuple[str, ...], listener: int | None) -> None:
    """Serve the signals of this installation to Prometheus until Ctrl-C.

    At /metrics: what waits and until when, exceptions by kind, answers of Stripe, files and rows by source,
    heartbeats, runs, sizes. Each scrape reads the database once, for at most eight seconds, and writes nothing.
    What could not be read is absent, not 0. `fridge up` serves them too; deploy/ has alert rules and a dashboard.

    Example: fridge metrics --host 0.0.0.0 --name fridge-metrics
    """
    configured = settings()
    with ExitStack() as stack:
        books = metrics_login(configured, stack)
        observed = Observed(
            books,
            Database(storage_dsn(books.dsn)),
            configured.catalogue,
            configured.close_after,
            configured.stripe_rate,
            configured.stripe_reads,
        )
        exposition = Exposition(lambda: read_signals(observed, utc_now))
        own = OwnNames.of(host, *(f"http://{name}" for name in names))
        handler = partial(_Metrics, exposition, own)
        server = stack.enter_context(_Server((host, port), handler, bind_and_activate=listener is None))
        if listener is not None:
            server.socket.close()
            server.socket = socket.socket(fileno=listener)
            server.server_name, server.server_port = server.socket.getsockname()[:2]
        console.print(f"metrics at http://{host}:{server.server_port}{PATH}; Ctrl-C stops it", soft_wrap=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


class _Server(ThreadingHTTPServer):
    """Who comes when all places are taken finds the connection closed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._places = Semaphore(CALLERS_MAX)
        super().__init__(*arguments, **options)

    def process_request(self, request: Any, client_address: Any) -> None:
        """One caller, in a thread of its own."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


class _Metrics(BaseHTTPRequestHandler):
    """Answers GET /metrics, under our own names only: no page of somebody else's reads it in a browser here."""

    timeout = 30

    def __init__(self, exposition: Exposition, names: OwnNames, *arguments: object) -> None:
        self._exposition, self._names = exposition, names
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:  # the standard library's name
        """One scrape."""
        headers = header_map(self.headers.items())
        refusal = refused(self.command, self.path, headers, self._names)
        if refusal is not None:
            self.send_error(refusal.status, explain=refusal.text)
            return
        if self.path.partition("?")[0] != PATH:
            self.send_error(404, explain=f"the signals are at {PATH}")
            return
        try:
            body, content_type = self._exposition.body(headers.get("accept", ""))
        except Exception:  # whatever it is: who asks is told, by a status, that nothing is known
            logger.exception("the signals could not be read")
            self.send_error(503, explain="the signals could not be read: the log of this server says why")
            return
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing: a scrape every few seconds is no news."""
