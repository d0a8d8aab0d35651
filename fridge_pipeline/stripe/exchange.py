"""The exchange: one request over an open connection, and its answer.

A meter event is a few hundred bytes each way, and most of what a call costs is reading and writing HTTP. So a request
leaves in one piece, and an answer as Stripe gives it, of a known length, is read here. Every other one, in chunks,
without a length, or with a field twice, is read from its first byte on by the standard library.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from http.client import HTTPResponse, IncompleteRead
from socket import socket
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_READ_BYTES = 65_536

#: Status and header of an answer with a body; a field that goes on in another line is none of these.
_PLAIN_HEAD = re.compile(rb"HTTP/1\.1 ([2-5]\d\d) [^\r\n]*((?:\r\n[!-9;-~]+:[^\r\n]*)+)\r\n\r\n")
_WITHOUT_BODY = frozenset({204, 304})


class HttpAnswer(NamedTuple):
    """Body, status and headers, and whether the connection may be used again."""

    body: str
    status: int
    headers: Mapping[str, str]
    stays_open: bool


class Fields(dict[str, str]):
    """The fields of a header, kept in small letters and found in any."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # no other default
        """The field's value, or ``default``."""
        return super().get(name.lower(), default)


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


def exchange(connection: socket, method: str, request: bytes) -> HttpAnswer:
    """Sends a request and waits for its answer. Raises ``OSError`` and ``HTTPException``."""
    connection.sendall(request)
    begun = connection.recv(_READ_BYTES)
    return _plain_answer(connection, begun) or _any_answer(connection, method, begun)


def _plain_answer(connection: socket, begun: bytes) -> HttpAnswer | None:
    """``None``, and nothing more read, when it is not plain."""
    if (head := _PLAIN_HEAD.match(begun)) is None:
        return None
    lines = head[2].decode("latin-1").split("\r\n")[1:]
    fields = Fields()
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    status, length = int(head[1]), fields.get("content-length") or ""
    if status in _WITHOUT_BODY or not length.isdecimal() or "transfer-encoding" in fields or len(fields) < len(lines):
        return None
    body, size = begun[head.end() :], int(length)
    while len(body) < size:
        if not (more := connection.recv(_READ_BYTES)):
            raise IncompleteRead(body, size - len(body))
        body += more
    # More than was announced is an answer to nothing: over such a connection nothing else is asked.
    stays_open = len(body) == size and "close" not in (fields.get("connection") or "").lower()
    return HttpAnswer(body[:size].decode(errors="replace"), status, fields, stays_open)


def _any_answer(connection: socket, method: str, begun: bytes) -> HttpAnswer:
    answer = HTTPResponse(cast("socket", _Begun(begun, connection)), method=method)
    answer.begin()
    body = answer.read().decode(errors="replace")
    # Not a dict: the SDK looks names up in any case of letters.
    return HttpAnswer(body, answer.status, cast("Mapping[str, str]", answer.headers), not answer.will_close)


class _Begun(io.RawIOBase):
    """A connection of which something was read already, as the standard library reads answers."""

    def __init__(self, begun: bytes, connection: socket) -> None:
        self._begun, self._connection = begun, connection

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        if not self._begun:
            return self._connection.recv_into(view)
        taken, self._begun = self._begun[: len(view)], self._begun[len(view) :]
        view[: len(taken)] = taken
        return len(taken)
