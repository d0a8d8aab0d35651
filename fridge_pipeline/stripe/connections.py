"""Connections: how the SDK's requests travel, kept open from call to call and shared by all threads.

A meter event is a few hundred bytes each way, and most of what a call costs is reading and writing HTTP. So a request
leaves in one piece, and its answer is read by httptools: the standard library takes an answer's header for a mail.
"""

from __future__ import annotations

import base64
import select
import ssl
from collections import deque
from collections.abc import Mapping
from http.client import (
    HTTP_PORT,
    HTTPS_PORT,
    BadStatusLine,
    HTTPConnection,
    HTTPException,
    HTTPSConnection,
    IncompleteRead,
)
from socket import socket
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httptools
import stripe

_READ_BYTES = 65_536
_NO_PROXY = (
    "the environment's proxy (https_proxy) is no address; in its user and password write / as %2F, # as %23, @ as %40"
)
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


class NeverConnectedError(ConnectionError):
    """There was no connection, so not a byte of the request can have left."""


class Connections(stripe.HTTPClient):
    """The SDK's HTTP over plain sockets, to one address.

    The SDK's own choice, ``requests``, takes several times the processor time for a call, and a connection of its own
    for each thread that ever called. As there, certificates are checked against the SDK's bundle, and ``https`` goes
    through the environment's proxy. No redirect is followed: what is billed is not posted to a second address.
    """

    name = "http.client"

    def __init__(self, base: str, connect_seconds: float, answer_seconds: float) -> None:
        super().__init__()
        parts = urlsplit(base)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._tls = ssl.create_default_context(cafile=stripe.ca_bundle_path) if parts.scheme == "https" else None
        self._host, self._named_host = parts.hostname or "", parts.netloc.rpartition("@")[2]
        self._port = parts.port or (HTTP_PORT if self._tls is None else HTTPS_PORT)
        self._proxy_url = None if self._tls is None or proxy_bypass(self._host) else _proxy_url(getproxies())
        self._connect_seconds, self._answer_seconds = connect_seconds, answer_seconds
        self._idle: deque[socket] = deque()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: str | None = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Body, status and headers of the answer; ``APIConnectionError``, with its cause, when there is none."""
        if not url.startswith(f"{self._origin}/"):
            raise ValueError(f"{url} is not at {self._origin}")
        method, target = method.upper(), url.removeprefix(self._origin)
        request = request_bytes(method, target, self._named_host, headers or {}, post_data)
        connection = self._idle_connection()
        try:
            connection = connection or self._connect()
            answer = exchange(connection, request)
        except (OSError, HTTPException) as error:
            if connection is not None:
                connection.close()
            why = f"{self._host}: {type(error).__name__}: {error}"
            raise stripe.APIConnectionError(why, should_retry=True) from error  # type: ignore[no-untyped-call]
        if answer.stays_open:  # Stripe keeps it open, too
            self._idle.append(connection)
        else:
            connection.close()
        return answer[:3]

    def _idle_connection(self) -> socket | None:
        """The one used last that the other side has not closed meanwhile."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not _has_something_to_read(connection):
                return connection
            connection.close()

    def _new_connection(self) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(self._host, self._port, timeout=self._connect_seconds)
        if self._proxy_url is None:
            return HTTPSConnection(self._host, self._port, timeout=self._connect_seconds, context=self._tls)
        try:
            proxy = urlsplit(self._proxy_url if "://" in self._proxy_url else f"//{self._proxy_url}")
            host, port = proxy.hostname, proxy.port or HTTP_PORT
        except ValueError:  # which shows what stands where the port should, perhaps the rest of a password
            raise NeverConnectedError(_NO_PROXY) from None
        if not host:
            raise NeverConnectedError(_NO_PROXY)
        through = HTTPSConnection(host, port, timeout=self._connect_seconds, context=self._tls)
        through.set_tunnel(self._host, self._port, _credentials(proxy.username, proxy.password))
        return through

    def _connect(self) -> socket:
        connection = self._new_connection()
        try:
            connection.connect()
        except (OSError, HTTPException) as error:
            connection.close()
            raise NeverConnectedError(str(error)) from error
        connection.sock.settimeout(self._answer_seconds)
        return connection.sock


def _has_something_to_read(connection: socket) -> bool:
    """Of a connection on which nothing is asked: its end, or an answer to nothing."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _proxy_url(proxies: Mapping[str, str]) -> str | None:
    """That of ``https_proxy``; of ``all_proxy`` where it speaks HTTP."""
    everything = proxies.get("all", "")
    return proxies.get("https") or (everything if everything.startswith("http") else None)


def _credentials(user: str | None, password: str | None) -> dict[str, str]:
    """The header by which a proxy knows its user."""
    if user is None:
        return {}
    basic = base64.b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()
    return {"Proxy-Authorization": f"Basic {basic}"}
