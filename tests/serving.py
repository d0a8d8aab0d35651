"""A server of a test's own on this machine, in a thread."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[str]:
    """Its address; it serves until the block ends."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    with server:
        try:
            yield f"http://{HOST}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(20)


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of an HTTP server that this answers for, and that says nothing of it, until the block ends."""
    handler.log_message = lambda *_: None  # type: ignore[method-assign]
    with serving(ThreadingHTTPServer((HOST, 0), handler)) as address:
        yield address
