"""Cutting a connection: what a broken network does to an answer.

ASGI has no word for it, so the protocol class hands each request the transport of its connection.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

_TRANSPORT = "sandbox.transport"  # in the scope of a request
_LINGER_0 = struct.pack("ii", 1, 0)  # closing discards what is unsent and sends RST: socket(7), SO_LINGER


class CuttableProtocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]  # chosen by uvicorn at run time
    """uvicorn's HTTP protocol, except that a request knows the connection it came on."""

    app: Callable[[Scope, Receive, Send], Awaitable[None]]

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Tell the requests of this connection its transport."""
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_TRANSPORT] = transport
            await inner(scope, receive, send)

        self.app = app


class CutConnection(Response):
    """No answer: the connection ends, with a TCP RST if ``reset``, else with a plain close."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        """Close, and wait until the server has noticed: it would complain about an answer that never began."""
        transport: Any = scope[_TRANSPORT]
        if self._reset:
            _linger_0(transport.get_extra_info("socket"))
            transport.abort()
        else:
            transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass


def _linger_0(connection: Any) -> None:
    # Event loops hide setsockopt of the sockets they own; a second handle on the same socket has it.
    with socket.fromfd(connection.fileno(), connection.family, connection.type) as handle:
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
