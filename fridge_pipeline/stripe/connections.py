"""Connections: how the SDK's requests travel, kept open from call to call and shared by all threads."""

from __future__ import annotations

import base64
import select
import ssl
from collections import deque
from collections.abc import Mapping
from http.client import HTTP_PORT, HTTPS_PORT, HTTPConnection, HTTPException, HTTPSConnection
from socket import socket
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import stripe

from fridge_pipeline.stripe.exchange import exchange, request_bytes


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
        proxy = urlsplit(self._proxy_url if "://" in self._proxy_url else f"//{self._proxy_url}")
        through = HTTPSConnection(
            proxy.hostname or "", proxy.port or HTTP_PORT, timeout=self._connect_seconds, context=self._tls
        )
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
