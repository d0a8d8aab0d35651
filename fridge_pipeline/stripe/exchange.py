"""The exchange: one request over an open connection, and its answer.

A meter event is a few hundred bytes each way, and most of what a call costs is reading and writing HTTP. So a request
leaves in one piece, and its answer is read by httptools: the standard library takes an answer's header for a mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.client import BadStatusLine, IncompleteRead
from socket import socket
from typing import NamedTuple

import httptools

_READ_BYTES = 65_536
_FINAL_FROM = 200  # answers below say that another one follows


class Fields(dict[str, str]):
    """The fields of a header, kept in small letters and found in any; of one that comes twice, the first."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # no other default
        """The field's value, or ``default``."""
        return super().get(name.lower(), default)


class HttpAnswer(NamedTuple):
    """Body, status and headers, and whether the connection may be used again."""

    body: str
    status: int
    headers: Mapping[str, str]
    stays_open: bool


def request_bytes(method: str, target: str, host: str, headers: Mapping[str, str], body: str | None) -> bytes:
    """The request as it travels. Raises ``ValueError`` for a line break in the header, which would begin a field."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Accept-Encoding: identity"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines)
    if not head.count("\r") == head.count("\n") == len(lines) - 1:
        raise ValueError(f"{method} {target}: a line break in the header")
    return f"{head}\r\n\r\n{body or ''}".encode("latin-1")


def exchange(connection: socket, request: bytes) -> HttpAnswer:
    """Sends a request and waits for its answer. Raises ``OSError`` and ``HTTPException``."""
    connection.sendall(request)
    incoming = _Incoming()
    while not incoming.is_whole:
        incoming.add(connection.recv(_READ_BYTES))
    body = b"".join(incoming.body).decode(errors="replace")
    return HttpAnswer(body, incoming.status, incoming.fields, incoming.stays_open)


class _Incoming:
    """An answer while it comes in, told of what is in it by httptools."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.fields = Fields()
        self.body: list[bytes] = []
        self.is_whole = self.stays_open = False

    def add(self, received: bytes) -> None:
        """Takes what was received; nothing is the connection's end."""
        if not received:
            self._end()
            return
        try:
            self._parser.feed_data(received)
        except httptools.HttpParserError as error:
            if not self.is_whole:
                raise BadStatusLine(str(error)) from error
            self.stays_open = False

    def _end(self) -> None:
        """Without a length the end of the connection is that of the answer."""
        self.is_whole = self.status >= _FINAL_FROM and not {"content-length", "transfer-encoding"} & self.fields.keys()
        if not self.is_whole:
            raise IncompleteRead(b"".join(self.body))

    def on_message_begin(self) -> None:
        """A second answer is one to nothing: over such a connection nothing else is asked."""
        self.stays_open = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_whole:
            self.fields.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        if not self.is_whole:
            self.status = self._parser.get_status_code()

    def on_body(self, received: bytes) -> None:
        if not self.is_whole:
            self.body.append(received)

    def on_message_complete(self) -> None:
        if self.status < _FINAL_FROM:
            self.fields.clear()
        elif not self.is_whole:
            self.is_whole, self.stays_open = True, self._parser.should_keep_alive()
