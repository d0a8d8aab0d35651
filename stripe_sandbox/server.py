"""The sandbox as a process: socket, state file, readiness and a clean end."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import uvicorn

from stripe_sandbox.app import CuttableProtocol, build_app
from stripe_sandbox.sandbox import Journal, Sandbox
from stripe_sandbox.settings import SandboxClock

DEFAULT_HOST = "127.0.0.1"  # loopback: there is no key to guess, so nobody else should reach it
DEFAULT_PORT = 12111  # where stripe-mock listens, which clients under test often have set already
SECONDS_TO_FINISH = 5  # what requests in flight get at the end
BACKLOG = 2048  # connections waiting to be accepted


class PortTakenError(Exception):
    """The port is in use and no other one was allowed."""


def serve(
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    state_file: Path | None = None,
    *,
    address_file: Path | None = None,
    exact_port: bool = False,
    clock: SandboxClock | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then return.

    Prints ``Stripe sandbox on http://HOST:PORT`` once it answers, and puts the same into ``address_file`` as
    ``{"url", "pid"}`` (taken away again at the end). Port 0 takes a free one; so does a taken port, with a
    word on stderr, unless ``exact_port``. Without ``state_file`` everything is forgotten at the end.
    Raises ``PortTakenError`` and ``StateFileError``.
    """
    clock = clock or SandboxClock(time.time)
    with closing(bound_socket(host, port, exact_port=exact_port)) as listening:
        if state_file is None:
            _run(Sandbox(clock, time.monotonic), listening, address_file)
            return
        with closing(Journal.open(state_file)) as journal:
            _run(Sandbox(clock, time.monotonic, journal), listening, address_file)


def bound_socket(host: str, port: int, *, exact_port: bool) -> socket.socket:
    """A socket on this port, or on a free one when it is taken and ``exact_port`` is not set."""
    try:
        return _bind(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        if exact_port:
            text = f"port {port} on {host} is taken; end what uses it or name another with --port"
            raise PortTakenError(text) from error
    free = _bind(host, 0)
    print(f"Port {port} is taken; using {free.getsockname()[1]} instead.", file=sys.stderr)  # noqa: T201 - said to whoever started the server
    return free


def _bind(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        # At once: two sockets may be bound to one port until one of them listens, and a server that is started at
        # the same moment would then believe that it is the one that answers there.
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


class _AnnouncingServer(uvicorn.Server):
    """A uvicorn server that says when it answers, not merely when it was started."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


def _run(sandbox: Sandbox, listening: socket.socket, address_file: Path | None) -> None:
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def announce() -> None:
        if address_file is not None:
            write_address(address_file, url)
        print(f"Stripe sandbox on {url}", flush=True)  # noqa: T201 - the line that starters wait for

    config = uvicorn.Config(
        build_app(sandbox),
        http=CuttableProtocol,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    try:
        with _signals_end_quietly():
            _AnnouncingServer(config, announce).run(sockets=[listening])
    finally:
        if address_file is not None:
            address_file.unlink(missing_ok=True)


def write_address(path: Path, url: str) -> None:
    """Put ``{"url", "pid"}`` into the file in one step: a reader sees all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n", encoding="utf-8")
    draft.replace(path)


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    # uvicorn ends on SIGTERM and SIGINT and then raises the signal again for whoever handled it before;
    # here nobody else does, and the default would turn a clean end into a crash.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
