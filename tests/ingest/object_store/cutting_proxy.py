"""A network that breaks: a proxy on this machine that carries so many bytes each way and then cuts the connection."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.serving import HOST, serving

PIECE = 65_536


@contextmanager
def cutting_proxy(url: str, sent_max: int, answered_max: int) -> Iterator[str]:
    """The address of a proxy before a server, for the length of a ``with`` block."""
    parts = urlsplit(url)
    place = (parts.hostname or "", parts.port or 80)

    class Cut(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(place, timeout=20) as server:
                back = threading.Thread(target=carry, args=(server, self.request, answered_max), daemon=True)
                back.start()
                carry(self.request, server, sent_max)
                back.join(20)

    proxy = socketserver.ThreadingTCPServer((HOST, 0), Cut)
    proxy.daemon_threads = True
    with serving(proxy) as address:
        yield address


def carry(source: socket.socket, target: socket.socket, most: int) -> None:
    """Carries at most so many bytes one way, then closes both ends."""
    carried = 0
    with suppress(OSError):  # the other way was cut
        while carried < most and (piece := source.recv(min(PIECE, most - carried))):
            target.sendall(piece)
            carried += len(piece)
    for end in (source, target):
        with suppress(OSError):  # is cut already
            end.shutdown(socket.SHUT_RDWR)
